#pragma once

#include <string>

#include "core/intent.h"

namespace chancery {

/// What every Token refuses before it uses a key: invalid_request with field "algorithm" when the
/// key may not be asked for it, "input" when a digest has not the algorithm's size, and too_large
/// when a message is over limits::ed25519_message_bytes.
Result<void> check_signing_input(const SigningInput& input);

/// How a checkpoint is signed with `key`: Ed25519 signs the text, P-256 its SHA-256. internal when
/// the key has another type or another purpose than audit_log.
Result<SigningInput> checkpoint_input(const CheckpointText& checkpoint, const Key& key);

struct TokenStatus {
  bool up = false;
  std::string problem;  ///< why it is not up; for /readyz, without secrets
  unsigned lanes = 0;
  unsigned lanes_busy = 0;
  std::size_t waiting = 0;       ///< requests for which no lane is free
  std::uint64_t restarts = 0;    ///< keyholders replaced since start
  std::uint64_t signatures = 0;  ///< the keyholders' own count since start
  /// Of these, how many nobody here has asked for: somebody else uses a keyholder.
  std::uint64_t unaccounted = 0;
};

/// The PKCS#11 token as the core sees it. Two implementations: pkcs11/ (keyholder processes), and
/// the software token of the tests; tests/contract holds both to the same behaviour. Every method
/// may be called from many threads at once and answers within its deadline.
///
/// Errors: token_unavailable with the CKR name in `detail` (the token may have signed),
/// busy when no lane came free in time (the token has not signed), not_found when no key or several
/// keys carry the id.
class Token {
 public:
  virtual ~Token() = default;

  /// Signs intent.input(). The signature is in X.509's form (ECDSA: DER Ecdsa-Sig-Value; RSA-PSS:
  /// MGF1 with the same digest, salt as long as the digest). Not yet verified: the caller does.
  virtual Result<Bytes> sign(const Intent& intent) = 0;

  /// Signs a checkpoint's text with a key of purpose audit_log (ed25519, or ec_p256 over its
  /// SHA-256).
  virtual Result<Bytes> sign(const CheckpointText& checkpoint, const Key& key) = 0;

  /// Generates a key pair with CKA_ID = id and CKA_LABEL = label: token object, sensitive, never
  /// extractable, sign only; reads those attributes back and compares; checks with one trial
  /// signature that the halves belong together. Returns the DER SubjectPublicKeyInfo.
  /// conflict when the id is taken.
  virtual Result<Bytes> generate(const Intent& intent, KeyType type, const KeyId& id,
                                 const std::string& label) = 0;

  [[nodiscard]] virtual TokenStatus status() const = 0;
};

}  // namespace chancery
