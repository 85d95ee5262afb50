#pragma once

#include "core/audit_entry.h"
#include "core/bytes.h"
#include "core/digest_stream.h"
#include "core/store.h"

namespace chancery {

/// What a pruning would remove, and what it would leave.
struct PruningPlan {
  std::uint64_t minimum = 0;                                     ///< PruningRecord
  std::uint64_t entries = 0, certificates = 0, revocations = 0;  ///< that go
  std::uint64_t retained = 0;  ///< entries below `minimum` that stay
  Bytes retained_sha256;       ///< of their numbers (RetainedHash)
  std::vector<EntryRange>
      ranges;  ///< of what goes, in order; what was removed before may be in one
};

/// SHA-256 over entries' numbers in order, each in decimal with a newline behind it.
class RetainedHash {
 public:
  void add(std::uint64_t number);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// Of what was added; once.
  Bytes finish() { return digest_.finish(); }

 private:
  DigestStream digest_{DigestAlgorithm::sha256};
  std::uint64_t count_ = 0;
};

/// Reads the log below the moment that retention allows and below `published` entries, and says
/// what of it goes: of certificates (their entries and rows) those that ended long enough ago and
/// that nothing else needs; of everything else what no row of the inventory names. Keys, CAs,
/// machines, policies, incidents and the log's own keys and prunings stay for ever, and so does
/// what is no entry. docs/decisions/010-pruning.md. The store's errors.
Result<PruningPlan> plan_pruning(Store& store, const Retention& retention, Time at,
                                 std::uint64_t published);

/// Whether all that `plan` removes may go by `now`, too.
bool is_part_of(const PruningPlan& plan, const PruningPlan& now);

/// The entry that records it, without who asked.
AuditEntry pruning_entry(const PruningPlan& plan, const Retention& retention);

/// What the open pruning removes next, limits::pruning_batch entries at most; nothing at its end.
Result<RemoveEntries> next_removal(Store& store);

}  // namespace chancery
