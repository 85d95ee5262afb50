#include "core/log_keys.h"

#include <algorithm>

namespace chancery {
namespace {

Result<std::vector<NoteVerifier>> parsed(const std::set<std::string>& vkeys) {
  std::vector<NoteVerifier> verifiers;
  for (const std::string& vkey : vkeys) {
    ASSIGN_OR_RETURN(NoteVerifier verifier, NoteVerifier::parse(vkey));
    verifiers.push_back(std::move(verifier));
  }
  return verifiers;
}

bool contains(const std::set<std::string>& all, const std::set<std::string>& some) {
  return std::ranges::includes(all, some);
}

}  // namespace

Result<LogKeys> LogKeys::create(const std::vector<NoteVerifier>& pinned,
                                const std::vector<LogKeysRecord>& records) {
  LogKeys keys;
  for (const NoteVerifier& verifier : pinned) keys.pinned_.insert(verifier.vkey());
  ASSIGN_OR_RETURN(auto first, parsed(keys.pinned_));
  keys.sets_.push_back({0, std::move(first), keys.pinned_});
  for (const LogKeysRecord& record : records) {
    const std::set<std::string> vkeys(record.vkeys.begin(), record.vkeys.end());
    ASSIGN_OR_RETURN(auto verifiers, parsed(vkeys));
    keys.sets_.push_back({record.entry, std::move(verifiers), vkeys});
  }
  return keys;
}

const LogKeys::Set& LogKeys::in_force(std::uint64_t size) const {
  const auto after = std::ranges::find_if(sets_.begin() + 1, sets_.end(),
                                          [size](const Set& set) { return set.from >= size; });
  return *(after - 1);
}

std::string LogKeys::find_wrong(const Checkpoint& checkpoint, const std::string& note) const {
  for (const NoteVerifier& verifier : in_force(checkpoint.size).verifiers) {
    if (verifier.name() == checkpoint.origin && verifier.verify(note)) continue;
    return "no valid signature of " + verifier.vkey();
  }
  return {};
}

std::string LogKeys::follow(const Checkpoint& checkpoint, const std::string& note) {
  std::string wrong = find_wrong(checkpoint, note);
  const Set& set = in_force(checkpoint.size);
  if (anchored_ && !contains(set.vkeys, last_) && !contains(last_, set.vkeys)) {
    if (wrong.empty()) wrong = "its keys took the place of others that did not sign beside them";
  }
  if (contains(set.vkeys, pinned_)) anchored_ = true;
  last_ = set.vkeys;
  return wrong;
}

void LogKeys::resume(std::uint64_t size, const std::set<std::string>& vouched_for) {
  last_ = in_force(size).vkeys;
  anchored_ = contains(vouched_for, pinned_) || contains(last_, pinned_);
}

std::set<std::string> LogKeys::vouched_for() const {
  return anchored_ ? pinned_ : std::set<std::string>();
}

std::string LogKeys::finish() const {
  if (anchored_ || pinned_.empty() || last_.empty()) return {};
  return "no checkpoint is signed by all of the keys that were named";
}

}  // namespace chancery
