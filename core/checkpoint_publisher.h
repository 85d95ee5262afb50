#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "core/audit_log.h"
#include "core/key_ring.h"
#include "core/signed_note.h"
#include "core/token.h"

namespace chancery {

/// The names of the two keys that sign every checkpoint: ECDSA P-256 (note type 0x02), for tokens
/// without Ed25519 and for tools that read only it, and Ed25519 (type 0x01), for Go's sumdb and the
/// witness network. The second is absent where the token has no Ed25519.
inline const KeyName kLogKeyP256 = KeyName::literal("log-p256");
inline const KeyName kLogKeyEd25519 = KeyName::literal("log-ed25519");

/// Signs the head of the log in the token and publishes it as a checkpoint.
class CheckpointPublisher {
 public:
  /// internal when the ring has no log key.
  static Result<std::unique_ptr<CheckpointPublisher>> create(AuditLog& log, Token& token,
                                                             const KeyRing& keys,
                                                             std::string origin);

  /// Publishes what is new; nothing to do is success. After an error the next call tries again:
  /// the log itself does not depend on it.
  Result<void> publish();

  /// The keys that verify the checkpoints, as C2SP verifier keys.
  [[nodiscard]] std::vector<std::string> vkeys() const;
  [[nodiscard]] const std::string& origin() const { return origin_; }
  /// Why the last publish() failed; empty when it did not.
  [[nodiscard]] std::string problem() const;

 private:
  struct Signer {
    const Key* key;
    NoteVerifier verifier;
  };
  CheckpointPublisher(AuditLog& log, Token& token, std::string origin, std::vector<Signer> signers);
  Result<void> publish_new();

  AuditLog& log_;
  Token& token_;
  const std::string origin_;
  const std::vector<Signer> signers_;
  std::mutex publishing_;     // one checkpoint at a time
  mutable std::mutex mutex_;  // of what can be asked meanwhile
  std::string problem_;
};

}  // namespace chancery
