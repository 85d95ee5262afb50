#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/audit_findings.h"
#include "core/entry_view.h"
#include "core/growing_tree.h"
#include "core/signed_note.h"

namespace chancery {

/// Recomputes the audit log from its entries, in order, wherever they come from: nothing that is
/// said about them is believed. Its memory is bounded by what is open, not by the log's size.
class LogReplay {
 public:
  /// What the checks of later entries need to know of earlier ones.
  struct State {
    GrowingTree tree;
    Time last_time{};
    std::optional<std::uint64_t> last_start;
    std::uint64_t intents = 0;
    std::map<std::uint64_t, std::string> open_intents;  ///< their texts
    std::uint64_t removed_below = 0;  ///< add_removed(): what ended there is not known
    std::uint64_t minimum = 0;        ///< what the entries say may have been removed
  };

  explicit LogReplay(GrowingTree::TileSink sink);
  /// Goes on behind the entries that `state` is over.
  void resume(State state) { state_ = std::move(state); }

  /// Compares this checkpoint's root once the replay has its size. One that is behind it already
  /// is a finding: the log was longer before.
  void expect(const Checkpoint& checkpoint, const std::string& name);

  /// An entry that is as it should be, and, of an outcome, its intent.
  struct Checked {
    EntryView entry;
    std::uint64_t index = 0;
    std::optional<std::uint64_t> intent;
    std::string intent_text;
  };
  /// The next entry: canonical, not older than the one before; an outcome must name an intent that
  /// has none yet (docs/audit-format.md). Nothing where it does not, which is a finding. Errors are
  /// the sink's.
  Result<std::optional<Checked>> add(std::string_view text);

  /// The hash of the next entry, where the entry itself is not there.
  Result<void> add_leaf(const Hash& leaf);
  /// The same of one that the source says was removed: a later entry has to say so, too. An intent
  /// or outcome may be among what is missing.
  Result<void> add_removed(const Hash& leaf);

  /// After the last entry: checkpoints that were not reached are findings too.
  void finish();

  [[nodiscard]] std::uint64_t size() const { return state_.tree.size(); }
  [[nodiscard]] Hash root() const { return state_.tree.frontier().root(); }
  [[nodiscard]] const State& state() const { return state_; }
  [[nodiscard]] const AuditFindings& findings() const { return findings_; }
  AuditFindings& findings() { return findings_; }

 private:
  struct Expected {
    Checkpoint checkpoint;
    std::string name;
  };
  void check_expected();
  std::optional<Checked> check(std::uint64_t index, std::string_view text);
  void open_intent(std::uint64_t index, std::string_view text);
  bool close_intent(Checked& outcome);

  GrowingTree::TileSink sink_;
  State state_;
  AuditFindings findings_;
  std::vector<Expected> expected_;
};

}  // namespace chancery
