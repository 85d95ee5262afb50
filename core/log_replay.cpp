#include "core/log_replay.h"

#include <algorithm>

#include "core/limits.h"

namespace chancery {

LogReplay::LogReplay(GrowingTree::TileSink sink) : sink_(std::move(sink)) {}

void LogReplay::expect(const Checkpoint& checkpoint, const std::string& name) {
  expected_.push_back({checkpoint, name});
  check_expected();
}

Result<std::optional<LogReplay::Checked>> LogReplay::add(std::string_view text) {
  const std::uint64_t index = size();
  RETURN_IF_ERROR(state_.tree.append(bytes_of(text), sink_));
  if (!expected_.empty()) check_expected();
  return check(index, text);
}

Result<void> LogReplay::add_leaf(const Hash& leaf) {
  RETURN_IF_ERROR(state_.tree.append(leaf, sink_));
  if (!expected_.empty()) check_expected();
  return {};
}

Result<void> LogReplay::add_removed(const Hash& leaf) {
  RETURN_IF_ERROR(add_leaf(leaf));
  state_.removed_below = size();
  state_.open_intents.clear();
  return {};
}

std::optional<LogReplay::Checked> LogReplay::check(std::uint64_t index, std::string_view text) {
  auto entry = EntryView::parse(text);
  if (!entry) {
    findings_.add(index, "is not a canonical entry");
    return std::nullopt;
  }
  if (entry->time() < state_.last_time - limits::audit_time_tolerance) {
    findings_.add(index, "is older than the one before it");
  }
  state_.last_time = std::max(state_.last_time, entry->time());
  Checked checked{std::move(*entry), index, std::nullopt, ""};
  const EntryKind kind = checked.entry.kind();
  if (kind == EntryKind::start) state_.last_start = index;
  if (kind == EntryKind::log && checked.entry.text("event") == "pruned") {
    state_.minimum = std::max(state_.minimum, checked.entry.number("minimum").value_or(0));
  }
  if (kind == EntryKind::intent) open_intent(index, text);
  if (kind == EntryKind::outcome && !close_intent(checked)) return std::nullopt;
  return checked;
}

void LogReplay::open_intent(std::uint64_t index, std::string_view text) {
  auto& open = state_.open_intents;
  // Recovery comes before serving: what an earlier run left open is concluded by now.
  while (state_.last_start && !open.empty() && open.begin()->first < *state_.last_start) {
    findings_.add(open.begin()->first, "an intent of an earlier run never got its outcome");
    open.erase(open.begin());
  }
  ++state_.intents;
  open.emplace_hint(open.end(), index, text);
}

bool LogReplay::close_intent(Checked& outcome) {
  const std::uint64_t index = outcome.index;
  outcome.intent = outcome.entry.number("intent");
  if (!outcome.intent) {
    findings_.add(index, "is an outcome without its intent");
    return false;
  }
  const auto intent = state_.open_intents.find(*outcome.intent);
  if (intent == state_.open_intents.end() && *outcome.intent < state_.removed_below) return false;
  if (intent == state_.open_intents.end()) {
    findings_.add(index, "is an outcome of entry " + std::to_string(*outcome.intent) +
                             ", which is no intent or has one already");
    return false;
  }
  outcome.intent_text = std::move(intent->second);
  state_.open_intents.erase(intent);
  const std::string result = outcome.entry.text("result");
  if (result == "ok" || result == "failed" || result == "unknown") return true;
  findings_.add(index, "the outcome's result is none of ok, failed and unknown");
  return false;
}

void LogReplay::finish() {
  if (state_.removed_below > state_.minimum) {
    findings_.add("entries below " + std::to_string(state_.removed_below) +
                  " are not there, and no entry says that they were removed");
  }
  for (const Expected& expected : expected_) {
    findings_.add("the log has " + std::to_string(size()) + " entries, " + expected.name + " has " +
                  std::to_string(expected.checkpoint.size));
  }
  expected_.clear();
}

void LogReplay::check_expected() {
  std::erase_if(expected_, [this](const Expected& expected) {
    if (expected.checkpoint.size > size()) return false;
    if (expected.checkpoint.size < size()) {
      findings_.add(expected.name + " is over " + std::to_string(expected.checkpoint.size) +
                    " entries only: of this log, " + std::to_string(size()) +
                    " were verified before");
    } else if (!std::ranges::equal(expected.checkpoint.root, root())) {
      findings_.add(expected.name + " of size " + std::to_string(size()) +
                    " has another root than the entries: the log was changed");
    }
    return true;
  });
}

}  // namespace chancery
