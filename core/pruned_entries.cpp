#include "core/pruned_entries.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "core/logged_entry.h"
#include "core/pruning_plan.h"

namespace chancery {
namespace {

constexpr std::size_t kRows = 4096;

bool is_pruning(const nlohmann::json& entry) {
  return is_of_kind(entry, EntryKind::log) && text_member(entry, "event") == "pruned";
}

/// The first column in which a row differs from its entry; empty when none does.
std::string first_difference(const PruningRecord& row, const nlohmann::json& entry) {
  if (number_member(entry, "minimum") != row.minimum) return "minimum";
  if (number_member(entry, "entries") != row.entries) return "entries";
  if (number_member(entry, "certificates") != row.certificates) return "certificates";
  if (number_member(entry, "revocations") != row.revocations) return "revocations";
  return "";
}

/// When what it removed had to be from, or before.
Time oldest_of(const nlohmann::json& entry) {
  const auto time = from_rfc3339(text_member(entry, "time"));
  const auto other = number_member(entry, "retention_other");
  constexpr std::uint64_t kLongest = 1ULL << 33;  // 270 years
  if (!time || !other || *other > kLongest) return Time::min();
  return *time - Seconds(static_cast<std::int64_t>(*other));
}

/// How many of them, in the order of the log, a signed checkpoint covers.
std::size_t count_covered(const std::vector<PruningRecord>& rows,
                          const std::optional<CheckpointRecord>& checkpoint) {
  const auto covered = std::ranges::find_if(
      rows, [&](const PruningRecord& row) { return !checkpoint || row.entry >= checkpoint->size; });
  return static_cast<std::size_t>(covered - rows.begin());
}

}  // namespace

Result<PrunedEntries> PrunedEntries::read(Store& store) {
  PrunedEntries pruned;
  ASSIGN_OR_RETURN(const auto rows, store.prunings());
  ASSIGN_OR_RETURN(const auto checkpoint, store.last_signed_checkpoint());
  // Nothing is removed before a checkpoint vouches for the entry that says so.
  pruned.covered_ = count_covered(rows, checkpoint);
  for (const PruningRecord& row : std::span(rows).first(pruned.covered_)) {
    ASSIGN_OR_RETURN(const nlohmann::json entry, logged_entry(store, row.entry));
    if (!is_pruning(entry)) continue;
    // What the entry says counts; check_entry() holds the row against it.
    pruned.prunings_.push_back({.row = {.minimum = number_member(entry, "minimum").value_or(0),
                                        .entries = number_member(entry, "entries").value_or(0),
                                        .entry = row.entry,
                                        .done = row.done},
                                .oldest = oldest_of(entry),
                                .retained_sha256 = text_member(entry, "retained_sha256")});
  }
  if (!pruned.any() || pruned.prunings_.back().row.done) return pruned;
  for (std::uint64_t from = 0;;) {
    ASSIGN_OR_RETURN(const auto ranges, store.pruning_ranges(from, kRows));
    if (ranges.empty()) return pruned;
    pruned.ranges_.insert(pruned.ranges_.end(), ranges.begin(), ranges.end());
    from = ranges.back().first + 1;
  }
}

Result<bool> PrunedEntries::outdated(Store& store) const {
  ASSIGN_OR_RETURN(const auto rows, store.prunings());
  ASSIGN_OR_RETURN(const auto checkpoint, store.last_signed_checkpoint());
  return covered_ != count_covered(rows, checkpoint);
}

bool PrunedEntries::is_going(std::uint64_t index) const {
  if (!any() || index >= prunings_.back().row.minimum) return false;
  const auto behind = std::ranges::upper_bound(ranges_, index, {}, &EntryRange::first);
  return behind != ranges_.begin() && std::prev(behind)->last >= index;
}

bool PrunedEntries::allows(std::uint64_t index, Time before) const {
  return std::ranges::any_of(prunings_, [&](const Pruning& one) {
    return index < one.row.minimum && before <= one.oldest;
  });
}

Result<bool> PrunedEntries::has_removed(Store& store, std::uint64_t index) const {
  if (!any() || index >= prunings_.back().row.minimum) return false;
  if (is_going(index)) return true;
  ASSIGN_OR_RETURN(const auto there, store.entry_numbers(index, index + 1, 1));
  return there.empty();
}

Result<void> PrunedEntries::check_entry(Store& store, AuditFindings& findings, std::uint64_t index,
                                        const nlohmann::json& entry) const {
  ASSIGN_OR_RETURN(const auto rows, store.prunings());
  const auto row = std::ranges::find(rows, index, &PruningRecord::entry);
  const std::string difference = row == rows.end() ? "row" : first_difference(*row, entry);
  if (!difference.empty()) {
    findings.add(index, "the inventory has another " + difference + " for this pruning");
  }
  return {};
}

Result<void> PrunedEntries::check_rows(Store& store, AuditFindings& findings) const {
  ASSIGN_OR_RETURN(const auto rows, store.prunings());
  std::uint64_t certificates = 0, revocations = 0;
  for (const PruningRecord& row : rows) {
    ASSIGN_OR_RETURN(const nlohmann::json entry, logged_entry(store, row.entry));
    if (!is_pruning(entry)) findings.add(row.entry, "accounts for no pruning");
    certificates += row.certificates;
    revocations += row.revocations;
  }
  ASSIGN_OR_RETURN(const Store::MissingRows missing, store.missing_rows());
  const bool all_done = rows.empty() || rows.back().done;
  const auto fits = [&](std::uint64_t said, std::uint64_t gone) {
    return all_done ? gone == said : gone <= said;
  };
  if (fits(certificates, missing.certificates) && fits(revocations, missing.revocations)) return {};
  findings.add("rows of certificates or revocations were taken out of the inventory");
  return {};
}

Result<void> PrunedEntries::check_retained(Store& store, AuditFindings& findings) const {
  if (!any()) return {};
  const Pruning& last = prunings_.back();
  RetainedHash hash;
  for (std::uint64_t next = 0;;) {
    ASSIGN_OR_RETURN(const auto numbers, store.entry_numbers(next, last.row.minimum, kRows));
    if (numbers.empty()) break;
    for (const std::uint64_t number : numbers) {
      if (!is_going(number)) hash.add(number);
    }
    next = numbers.back() + 1;
  }
  std::uint64_t removed = 0;
  for (const Pruning& one : prunings_) removed += one.row.entries;
  const std::uint64_t gone = last.row.minimum - std::min(hash.count(), last.row.minimum);
  if (to_hex(hash.finish()) != last.retained_sha256) {
    findings.add(last.row.entry, "other entries are there below " +
                                     std::to_string(last.row.minimum) +
                                     " than those that this pruning retained");
  } else if (removed != gone) {
    findings.add("the prunings removed " + std::to_string(removed) + " entries, and " +
                 std::to_string(gone) + " are gone");
  }
  return {};
}

}  // namespace chancery
