#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "core/audit_findings.h"
#include "core/merkle.h"
#include "core/signed_note.h"

namespace chancery {

/// Recomputes the audit log from its entries, in order from the first, as they come over the
/// network: nothing that the service says about them is believed. Bounded memory.
class LogReplay {
 public:
  /// Compares this checkpoint's root once the replay has its size.
  void expect(const Checkpoint& checkpoint, const std::string& name);

  /// The next entry: canonical, not older than the one before; an outcome must name an intent that
  /// has none yet (docs/audit-format.md).
  void add(const std::string& entry);

  /// After the last entry: checkpoints that were not reached are findings too.
  void finish();

  [[nodiscard]] std::uint64_t size() const { return tree_.size(); }
  [[nodiscard]] Hash root() const { return tree_.root(); }
  [[nodiscard]] std::uint64_t intents() const { return intents_; }
  /// Intents whose outcome did not come: under way, or left by a crash.
  [[nodiscard]] std::uint64_t open_intents() const { return open_intents_.size(); }
  [[nodiscard]] const AuditFindings& findings() const { return findings_; }
  AuditFindings& findings() { return findings_; }

 private:
  struct Expected {
    Checkpoint checkpoint;
    std::string name;
  };
  void check_expected();
  void check_outcome(std::uint64_t index, std::optional<std::uint64_t> intent);

  MerkleFrontier tree_;
  AuditFindings findings_;
  std::vector<Expected> expected_;
  std::string last_time_;
  std::uint64_t intents_ = 0;
  std::set<std::uint64_t> open_intents_;
};

}  // namespace chancery
