#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/audit_log.h"
#include "core/key_ring.h"
#include "core/signed_note.h"
#include "core/token.h"

namespace chancery {

/// The names of the first two keys that sign every checkpoint: ECDSA P-256 (note type 0x02), for
/// tokens without Ed25519 and for tools that read only it, and Ed25519 (type 0x01), for Go's sumdb
/// and the witness network. The second is absent where the token has no Ed25519. Those that follow
/// are called the same with "-2", "-3", … behind.
inline const KeyName kLogKeyP256 = KeyName::literal("log-p256");
inline const KeyName kLogKeyEd25519 = KeyName::literal("log-ed25519");

/// Signs the head of the log in the token and publishes it as a checkpoint.
class CheckpointPublisher {
 public:
  /// internal when the ring lacks a key that the log says is in force, or has none.
  static Result<std::unique_ptr<CheckpointPublisher>> create(AuditLog& log, Store& store,
                                                             Token& token, const KeyRing& keys,
                                                             std::string origin);

  /// Publishes what is new; nothing to do is success. After an error the next call tries again:
  /// the log itself does not depend on it.
  Result<void> publish();

  /// Who asked for a change of keys, and what permits it; nothing where the service does so itself.
  struct Change {
    RequestContext context;
    std::optional<Permit> permit = {};
  };
  /// Records which keys sign, for a log that does not say so yet.
  Result<void> state_keys(const Change& change);
  /// From now on these sign, too: recorded, and signed for by all of them.
  Result<void> add_keys(const Change& change, const std::vector<const Key*>& keys);
  /// From now on only those sign that were added last. conflict where none were, or no checkpoint
  /// covers it yet: who knows the old keys only has to learn it from them.
  Result<void> retire_keys(const Change& change);

  /// The keys that verify the last signed checkpoint, as C2SP verifier keys: keys that were added
  /// are among them once they have signed one.
  [[nodiscard]] std::vector<std::string> vkeys() const;
  /// Keeps vkeys() in a file, one a line, where they are not what it kept there last.
  Result<void> keep_vkeys(const std::string& path);
  [[nodiscard]] const std::string& origin() const { return origin_; }
  /// Why the last publish() failed; empty when it did not.
  [[nodiscard]] std::string problem() const;

 private:
  struct Signer {
    const Key* key;
    NoteVerifier verifier;
  };
  CheckpointPublisher(AuditLog& log, Token& token, std::string origin, std::vector<Signer> signers,
                      std::vector<LogKeysRecord> records);
  Result<void> publish_new();
  [[nodiscard]] std::vector<std::string> signed_by() const;
  [[nodiscard]] Result<std::vector<Signer>> copy_of_signers() const;
  Result<void> record(const Change& change, std::vector<Signer> signers);

  AuditLog& log_;
  Token& token_;
  const std::string origin_;
  std::mutex publishing_;               // one checkpoint, or change of keys, at a time
  std::vector<LogKeysRecord> records_;  // guarded by publishing_
  std::vector<std::string> kept_;       // guarded by publishing_
  mutable std::mutex mutex_;            // of what can be asked meanwhile
  std::vector<Signer> signers_;         // changed under both
  std::vector<std::string> vkeys_;
  std::string problem_;
};

}  // namespace chancery
