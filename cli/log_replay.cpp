#include "cli/log_replay.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/service.h"
#include "core/audit_entry.h"

namespace chancery {

void LogReplay::expect(const Checkpoint& checkpoint, const std::string& name) {
  expected_.push_back({checkpoint, name});
  check_expected();
}

void LogReplay::add(const std::string& entry) {
  const std::uint64_t index = tree_.size();
  tree_.append(leaf_hash(bytes_of(entry)));
  check_expected();

  const auto decoded = nlohmann::json::parse(entry, nullptr, false);
  if (!is_canonical_entry(entry, decoded)) {
    findings_.add(index, "is not a canonical entry");
    return;
  }
  std::string time = optional_text_in(decoded, "time");  // of fixed width: it sorts as text
  if (time < last_time_) findings_.add(index, "is older than the one before it");
  last_time_ = std::move(time);
  std::string kind = optional_text_in(decoded, "kind");
  if (kind == name_of(EntryKind::intent)) {
    ++intents_;
    open_intents_.insert(index);
  }
  if (kind == name_of(EntryKind::outcome)) {
    auto intent = number_in(decoded, "intent");
    check_outcome(index, intent ? std::optional(*intent) : std::nullopt);
  }
}

void LogReplay::finish() {
  for (const Expected& expected : expected_) {
    findings_.add("the log has " + std::to_string(size()) + " entries, " + expected.name + " has " +
                  std::to_string(expected.checkpoint.size));
  }
  expected_.clear();
}

void LogReplay::check_expected() {
  std::erase_if(expected_, [this](const Expected& expected) {
    if (expected.checkpoint.size != size()) return false;
    if (!std::ranges::equal(expected.checkpoint.root, root())) {
      findings_.add(expected.name + " of size " + std::to_string(size()) +
                    " has another root than the entries: the log was changed");
    }
    return true;
  });
}

void LogReplay::check_outcome(std::uint64_t index, std::optional<std::uint64_t> intent) {
  if (!intent) {
    findings_.add(index, "is an outcome without its intent");
  } else if (open_intents_.erase(*intent) == 0) {
    findings_.add(index, "is an outcome of entry " + std::to_string(*intent) +
                             ", which is no intent or has one already");
  }
}

}  // namespace chancery
