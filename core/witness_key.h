#pragma once

#include <memory>
#include <string>

#include "core/cosignature.h"
#include "core/secret.h"

namespace chancery {

/// The key of a witness that we run ourselves: Ed25519, in software, in a file that only its owner
/// reads. A witness signs other installations' checkpoints; what this installation signs is signed
/// in the token.
class WitnessKey {
 public:
  /// A new one.
  static Result<WitnessKey> generate(const std::string& name);
  /// "PRIVATE+KEY+name+hex(keyID)+base64(0x04 || seed)", as Go's sumdb/note writes its keys, with a
  /// newline. invalid_request (field "key"), without a word of the key.
  static Result<WitnessKey> parse(std::string_view text);
  [[nodiscard]] Secret text() const;

  [[nodiscard]] const CosignatureVerifier& verifier() const { return verifier_; }
  /// The signature line, without a newline, over a checkpoint's text.
  [[nodiscard]] std::string cosign(std::string_view text, Time at) const;

 private:
  static Result<WitnessKey> from_seed(const std::string& name, Secret seed);
  WitnessKey(CosignatureVerifier verifier, Secret seed)
      : verifier_(std::move(verifier)), seed_(std::move(seed)) {}
  CosignatureVerifier verifier_;
  Secret seed_;  // 32 bytes
};

}  // namespace chancery
