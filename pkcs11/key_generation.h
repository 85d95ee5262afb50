#pragma once

#include "pkcs11/object.h"

namespace chancery::keyholder {

struct KeyPair {
  CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
};

/// Generates a key pair of the token with this CKA_ID and CKA_LABEL: the private key sensitive,
/// never extractable, for signing alone. Its attributes are read back; when one differs, both
/// halves are destroyed and the result is `refused` with the attribute's name.
/// One at a time in a process: tokens fail when key pairs are generated at once.
TokenResult<KeyPair> generate_key_pair(const Session& session, KeyType type, const KeyId& id,
                                       std::string_view label);

/// Removes both halves from the token, as far as it lets us.
void destroy(const Session& session, const KeyPair& pair);

}  // namespace chancery::keyholder
