#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/signed_note.h"
#include "core/store.h"

namespace chancery {

/// Which keys sign the checkpoints of a log, and whether who trusts some of them may trust the
/// others (docs/audit-format.md, "Keys"). The log says itself which keys are in force: from the
/// entry that names them on, until the next such entry. Before the first one, those that the
/// verifier was given.
///
/// A set may follow another only where it contains all of it (keys are added, and the old ones sign
/// on) or where it is part of it (keys are retired). So who begins with keys that were in force at
/// any time is led to those of any other time by signatures that it can verify.
class LogKeys {
 public:
  /// `pinned` are the keys that the verifier trusts; none: signatures are only compared with what
  /// the log says. invalid_request where a record does not parse.
  static Result<LogKeys> create(const std::vector<NoteVerifier>& pinned,
                                const std::vector<LogKeysRecord>& records);

  /// What is wrong with the signatures of a checkpoint; empty where nothing is.
  [[nodiscard]] std::string find_wrong(const Checkpoint& checkpoint, const std::string& note) const;
  /// The same of the next checkpoint in order of size, also whether its keys follow on those
  /// before.
  std::string follow(const Checkpoint& checkpoint, const std::string& note);
  /// Goes on behind a checkpoint that was verified before, when these keys were vouched for.
  void resume(std::uint64_t size, const std::set<std::string>& vouched_for);
  /// The pinned keys, once all of them were in force at a checkpoint; none before.
  [[nodiscard]] std::set<std::string> vouched_for() const;
  /// After the last checkpoint of a log that has any: what is wrong with the whole.
  [[nodiscard]] std::string finish() const;

 private:
  struct Set {
    std::uint64_t from = 0;  ///< checkpoints above this size
    std::vector<NoteVerifier> verifiers;
    std::set<std::string> vkeys;
  };
  [[nodiscard]] const Set& in_force(std::uint64_t size) const;

  std::set<std::string> pinned_;
  std::vector<Set> sets_;  // the first from 0
  bool anchored_ = false;
  std::set<std::string> last_;
};

}  // namespace chancery
