#include "core/pruning_plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/entry_view.h"
#include "core/limits.h"
#include "core/merkle.h"
#include "core/operation.h"

namespace chancery {
namespace {

constexpr std::size_t kRows = 1024;

Result<std::vector<NumberedEntry>> first_entry_from(Store& store, std::uint64_t index,
                                                    std::uint64_t end) {
  return store.entries_from(index, end, 1);
}

/// The first of `end` entries that is younger than `limit`; entries stand in order of time, and
/// where one was removed, the next that is there tells.
Result<std::uint64_t> first_younger(Store& store, Time limit, std::uint64_t end) {
  std::uint64_t low = 0, high = end;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    ASSIGN_OR_RETURN(const auto found, first_entry_from(store, middle, end));
    const auto entry = found.empty() ? std::nullopt : EntryView::parse(found[0].text);
    if (!entry || entry->time() > limit) {
      high = middle;
    } else {
      low = found[0].index + 1;
    }
  }
  return low;
}

Result<Time> time_of_last_entry(Store& store) {
  ASSIGN_OR_RETURN(const std::uint64_t size, store.log_size());
  if (size == 0) return Time{};
  ASSIGN_OR_RETURN(const std::string text, store.entry(size - 1));
  const auto entry = EntryView::parse(text);
  if (!entry) return fail(ErrorCode::internal, "the log's last entry does not parse");
  return entry->time();
}

class Planner {
 public:
  Planner(Store& store, const Retention& retention, Time at)
      : store_(store), retention_(retention), at_(at) {}

  Result<PruningPlan> plan(std::uint64_t published) {
    // By the log's own time where the clock is ahead of it: an entry is never earlier than the one
    // before it, so that the pruning's own allows, to whoever verifies, what is planned now.
    ASSIGN_OR_RETURN(const Time log_time, time_of_last_entry(store_));
    const Time old = std::min(at_, log_time) - retention_.other;
    ASSIGN_OR_RETURN(const std::uint64_t young, first_younger(store_, old, published));
    limit_ = young / kTileWidth * kTileWidth;
    ASSIGN_OR_RETURN(const std::uint64_t before, store_.minimum());
    plan_.minimum = std::max(limit_, before);  // it never sinks
    RETURN_IF_ERROR(find_certificates());
    RETURN_IF_ERROR(find_needed());
    going_.resize(plan_.minimum);
    present_.resize(plan_.minimum);
    RETURN_IF_ERROR(read_entries());
    conclude();
    return std::move(plan_);
  }

 private:
  Result<void> find_certificates() {
    const Time expired = at_ - retention_.certificates;
    for (std::uint64_t after = 0;;) {
      ASSIGN_OR_RETURN(const auto rows,
                       store_.prunable_certificates(after, limit_, expired, kRows));
      if (rows.empty()) return {};
      for (const PrunableCertificate& row : rows) {
        after = row.number;
        if (row.renews && !is_going(*row.renews)) continue;
        // What is too much for one goes with the next.
        if (certificates_.size() == limits::pruning_certificates) return {};
        // Serials grow with time, so that this is the end, or near it.
        certificates_.insert(std::ranges::upper_bound(certificates_, row.serial), row.serial);
        plan_.certificates = certificates_.size();
        plan_.revocations += row.revoked ? 1 : 0;
      }
    }
  }

  /// Entries that stay because a row names them, whatever they are.
  Result<void> find_needed() {
    ASSIGN_OR_RETURN(const auto start, store_.last_start());
    if (start) needed_.insert(*start);
    ASSIGN_OR_RETURN(const auto crls, store_.crls());
    for (const CrlRecord& crl : crls) needed_.insert(crl.entry);
    ASSIGN_OR_RETURN(const auto intents, store_.repeatable_intents(limit_, at_));
    needed_.insert(intents.begin(), intents.end());
    return {};
  }

  Result<void> read_entries() {
    for (std::uint64_t next = 0; next < plan_.minimum;) {
      ASSIGN_OR_RETURN(const auto entries, store_.entries_from(next, plan_.minimum, kRows));
      if (entries.empty()) break;
      for (const NumberedEntry& entry : entries) {
        present_[entry.index] = true;
        if (entry.index < limit_) judge(entry.index, entry.text);
      }
      next = entries.back().index + 1;
    }
    return {};
  }

  void judge(std::uint64_t index, const std::string& text) {
    const auto entry = EntryView::parse(text);
    if (!entry) return;
    const EntryKind kind = entry->kind();
    if (kind == EntryKind::intent) {
      intents_.emplace(index, entry->text("serial"));
    } else if (kind == EntryKind::outcome) {
      judge_outcome(index, *entry);
    } else if (goes(*entry) && !needed_.contains(index)) {
      going_[index] = true;
    }
  }

  /// An intent and its outcome go together; one that has none below the limit waits for it.
  void judge_outcome(std::uint64_t index, const EntryView& outcome) {
    const auto intent = intents_.find(outcome.number("intent").value_or(limit_));
    if (intent == intents_.end()) return;
    const bool is_needed = needed_.contains(index) || needed_.contains(intent->first);
    const std::string result = outcome.text("result");
    const bool made_key = result == "ok" && outcome.has("spki_sha256");
    const bool made_certificate = result != "failed" && !intent->second.empty();
    if (!is_needed && !made_key && (!made_certificate || is_going(intent->second))) {
      going_[index] = going_[intent->first] = true;
    }
    intents_.erase(intent);
  }

  [[nodiscard]] bool goes(const EntryView& entry) const {
    switch (entry.kind()) {
      case EntryKind::start:
      case EntryKind::stop:
      case EntryKind::denial:
      case EntryKind::failure:
      case EntryKind::authentication:
      case EntryKind::read:
      case EntryKind::token:
      case EntryKind::heartbeat:
      case EntryKind::alarm:
        return true;
      case EntryKind::policy:
        return entry.text("result") == "rejected";
      case EntryKind::log:
        return entry.text("event") == "resumed";
      case EntryKind::revocation:
      case EntryKind::replacement:
        return is_going(entry.text("serial"));
      case EntryKind::approval:
      case EntryKind::ca:
      case EntryKind::machine:
      case EntryKind::incident:
      case EntryKind::intent:
      case EntryKind::outcome:
        return false;
    }
    return false;
  }

  [[nodiscard]] bool is_going(const std::string& hex) const {
    const auto serial = Serial::parse(hex);
    return serial && is_going(*serial);
  }
  [[nodiscard]] bool is_going(const Serial& serial) const {
    return std::ranges::binary_search(certificates_, serial);
  }

  void conclude() {
    RetainedHash hash;
    bool open = false;  // what was removed before stands in nobody's way
    for (std::uint64_t index = 0; index < plan_.minimum; ++index) {
      if (!present_[index]) continue;
      if (!going_[index]) {
        hash.add(index);
        open = false;
        continue;
      }
      ++plan_.entries;
      if (!open) plan_.ranges.push_back({index, index});
      plan_.ranges.back().last = index;
      open = true;
    }
    plan_.retained = hash.count();
    plan_.retained_sha256 = hash.finish();
  }

  Store& store_;
  const Retention retention_;
  const Time at_;
  std::uint64_t limit_ = 0;
  PruningPlan plan_;
  std::vector<Serial> certificates_;  // in their own order
  std::set<std::uint64_t> needed_;
  std::map<std::uint64_t, std::string> intents_;  // without an outcome so far: their serials
  std::vector<bool> going_, present_;             // by index: a bit for each entry of the log
};

std::uint64_t seconds_of(Seconds duration) {
  return static_cast<std::uint64_t>(duration.count());
}

}  // namespace

void RetainedHash::add(std::uint64_t number) {
  digest_.add(bytes_of(std::to_string(number) + "\n"));
  ++count_;
}

Result<PruningPlan> plan_pruning(Store& store, const Retention& retention, Time at,
                                 std::uint64_t published) {
  return Planner(store, retention, at).plan(published);
}

bool is_part_of(const PruningPlan& plan, const PruningPlan& now) {
  auto range = now.ranges.begin();
  return std::ranges::all_of(plan.ranges, [&](const EntryRange& wanted) {
    while (range != now.ranges.end() && range->last < wanted.first) ++range;
    return range != now.ranges.end() && range->first <= wanted.first && wanted.last <= range->last;
  });
}

AuditEntry pruning_entry(const PruningPlan& plan, const Retention& retention) {
  AuditEntry entry(EntryKind::log);
  entry.set("event", "pruned").set("operation", name_of(Operation::log_prune));
  entry.set("minimum", plan.minimum).set("entries", plan.entries);
  entry.set("certificates", plan.certificates).set("revocations", plan.revocations);
  entry.set("retained", plan.retained).set("retained_sha256", to_hex(plan.retained_sha256));
  entry.set("retention_certificates", seconds_of(retention.certificates));
  entry.set("retention_other", seconds_of(retention.other));
  return entry;
}

Result<RemoveEntries> next_removal(Store& store) {
  RemoveEntries step;
  std::size_t entries = 0;
  ASSIGN_OR_RETURN(const auto ranges, store.pruning_ranges(0, limits::pruning_batch));
  for (EntryRange range : ranges) {
    const std::size_t room = limits::pruning_batch - entries;
    ASSIGN_OR_RETURN(const auto there, store.entries_from(range.first, range.last + 1, room));
    for (const NumberedEntry& one : there) {
      const auto entry = EntryView::parse(one.text);
      if (!entry || entry->kind() != EntryKind::intent) continue;
      if (const auto serial = Serial::parse(entry->text("serial"))) {
        step.serials.push_back(*serial);
      }
    }
    entries += there.size();
    if (there.size() == room) range.last = there.back().index;
    step.ranges.push_back(range);
    if (entries == limits::pruning_batch) break;
  }
  return step;
}

}  // namespace chancery
