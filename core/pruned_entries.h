#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "core/audit_findings.h"
#include "core/store.h"

namespace chancery {

/// What of a log may be gone, by its own account: the entries that record prunings, as far as a
/// signed checkpoint covers them. Each of them commits to the entries that stay below its minimum.
class PrunedEntries {
 public:
  /// As the store has them now. The checkpoint is not verified here: who reads the whole log does.
  static Result<PrunedEntries> read(Store& store);

  [[nodiscard]] bool any() const { return !prunings_.empty(); }
  /// Whether another pruning has come into force since read(): what is missing may be its.
  [[nodiscard]] Result<bool> outdated(Store& store) const;
  /// An entry that is still there, and is as good as removed: its rows may be gone.
  [[nodiscard]] bool is_going(std::uint64_t index) const;
  /// Whether the entry `index` may be gone: below a minimum, and, by the time of the last one that
  /// is there before it, old enough for the retention of that pruning.
  [[nodiscard]] bool allows(std::uint64_t index, Time before) const;
  /// Whether it is gone, or going, and may be.
  [[nodiscard]] Result<bool> has_removed(Store& store, std::uint64_t index) const;
  /// Whether entries that were verified before this size may be gone since.
  [[nodiscard]] bool since(std::uint64_t size) const {
    return any() && prunings_.back().row.entry >= size;
  }

  /// Holds an entry `log` with event "pruned" against its row.
  Result<void> check_entry(Store& store, AuditFindings& findings, std::uint64_t index,
                           const nlohmann::json& entry) const;
  /// After the last entry: every row against its entry, and the number of rows that are gone.
  Result<void> check_rows(Store& store, AuditFindings& findings) const;
  /// What stays below the last minimum is what was committed to.
  Result<void> check_retained(Store& store, AuditFindings& findings) const;

 private:
  struct Pruning {
    PruningRecord row;
    Time oldest;  ///< entries as old as that, or older, may go
    std::string retained_sha256;
  };
  std::size_t covered_ = 0;  ///< recorded under a checkpoint
  std::vector<Pruning> prunings_;
  std::vector<EntryRange> ranges_;
};

}  // namespace chancery
