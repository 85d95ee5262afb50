#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/identifier.h"
#include "core/message_class.h"
#include "core/public_key.h"

namespace chancery {

/// What a key in the token may sign. Chosen at creation, never changed.
enum class KeyPurpose {
  ca,         ///< certificates and CRLs of one CA
  audit_log,  ///< checkpoints
  ocsp,       ///< answers about the certificates of one CA
  data,       ///< what machines send to /v1/keys/{name}/sign
};
std::string_view name_of(KeyPurpose purpose);
Result<KeyPurpose> parse_key_purpose(std::string_view name);

/// A key pair in the token, as pinned when it was generated. Immutable.
struct Key {
  KeyName name;
  KeyId id;  ///< CKA_ID
  KeyPurpose purpose;
  std::vector<SignatureAlgorithm> algorithms;  ///< what it may be asked for; never empty
  MachineName creator;
  Time created_at;
  PublicKey public_key;
  MessageClass message_class = MessageClass::data;  ///< of purpose data: what it signs
  std::string context = {};                         ///< of class data: see read_message()

  [[nodiscard]] bool allows(SignatureAlgorithm algorithm) const {
    for (SignatureAlgorithm allowed : algorithms) {
      if (allowed == algorithm) return true;
    }
    return false;
  }
};

}  // namespace chancery
