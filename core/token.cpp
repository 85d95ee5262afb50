#include "core/token.h"

#include "core/limits.h"

namespace chancery {

Result<void> check_signing_input(const SigningInput& input) {
  CHECK(input.key != nullptr);
  const SignatureAlgorithmRow& algorithm = row(input.algorithm);
  if (!fits(input.algorithm, input.key->public_key.type()) || !input.key->allows(input.algorithm)) {
    return invalid("algorithm", "key " + input.key->name.text() + " does not sign with " +
                                    std::string(algorithm.name));
  }
  if (algorithm.digest) {
    const DigestRow& digest = row(*algorithm.digest);
    if (input.input.size() == digest.size) return {};
    return invalid("input", "a " + std::string(digest.name) + " digest has " +
                                std::to_string(digest.size) + " bytes");
  }
  if (input.input.size() <= limits::ed25519_message_bytes) return {};
  return fail(ErrorCode::too_large,
              "Ed25519 signs at most " + std::to_string(limits::ed25519_message_bytes) + " bytes",
              "input");
}

Result<SigningInput> checkpoint_input(const CheckpointText& checkpoint, const Key& key) {
  if (key.purpose != KeyPurpose::audit_log) {
    return fail(ErrorCode::internal, "key " + key.name.text() + " is not for checkpoints");
  }
  const ByteView text = bytes_of(checkpoint.text());
  switch (key.public_key.type()) {
    case KeyType::ed25519:
      return SigningInput{&key, SignatureAlgorithm::ed25519, copy_of(text)};
    case KeyType::ec_p256:
      return SigningInput{&key, SignatureAlgorithm::ecdsa_p256_sha256, sha256(text)};
    case KeyType::rsa_2048:
    case KeyType::rsa_3072:
    case KeyType::rsa_4096:
    case KeyType::ec_p384:
    case KeyType::ec_p521:
      break;
  }
  return fail(ErrorCode::internal, "key " + key.name.text() + " has no type for checkpoints");
}

}  // namespace chancery
