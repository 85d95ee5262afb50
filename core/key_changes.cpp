#include "core/key_changes.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "core/json.h"
#include "core/limits.h"

namespace chancery {
namespace {

using nlohmann::json;

constexpr std::string_view kReceipt = "c2sp.org/tlog-proof@v1\n";

Failure refuted(std::size_t number, const std::string& what) {
  return invalid("key changes", "change " + std::to_string(number) + " of the log's keys: " + what);
}

/// A checkpoint of the time when the keys of entry `index` were in force, signed by them.
Result<std::optional<CheckpointRecord>> signed_between(Store& store, std::uint64_t index,
                                                       std::uint64_t end) {
  std::uint64_t after = index;
  for (;;) {
    ASSIGN_OR_RETURN(const auto next, store.checkpoints(after, 1));
    if (next.empty() || next.front().size > end) return std::nullopt;
    // One that a crash left unsigned is followed by others.
    if (!next.front().note.empty()) return next.front();
    after = next.front().size;
  }
}

/// What an entry says of the log's keys, where it does.
Result<LogKeysRecord> record_of(const Receipt& receipt, std::size_t number) {
  const auto entry = parse_json(receipt.entry);
  LogKeysRecord record{.vkeys = {}, .entry = receipt.index};
  const bool names_keys = entry && entry->is_object() && entry->value("kind", json()) == "log" &&
                          entry->value("event", json()) == "keys" && entry->contains("vkeys") &&
                          (*entry)["vkeys"].is_array() && !(*entry)["vkeys"].empty();
  if (!names_keys) return refuted(number, "its entry does not name keys");
  for (const json& vkey : (*entry)["vkeys"]) {
    if (!vkey.is_string()) return refuted(number, "its entry names what is no key");
    record.vkeys.push_back(vkey.get<std::string>());
  }
  return record;
}

/// Whether one set is part of the other: then a signature of the larger is one of the smaller.
bool one_contains_the_other(const LogKeysRecord& before, const LogKeysRecord& after) {
  const std::set<std::string> a(before.vkeys.begin(), before.vkeys.end());
  const std::set<std::string> b(after.vkeys.begin(), after.vkeys.end());
  return std::ranges::includes(a, b) || std::ranges::includes(b, a);
}

/// Whether each is proved by a checkpoint of its own time.
Result<void> check_proofs(const KeyChanges& changes) {
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const bool last = i + 1 == changes.size();
    const std::uint64_t end =
        last ? std::numeric_limits<std::uint64_t>::max() : changes[i + 1].index;
    // Its signatures are the caller's affair.
    auto checkpoint = verify_receipt(changes[i], {});
    if (!checkpoint) return refuted(i + 1, checkpoint.error().message);
    if (changes[i].index >= end || checkpoint->size > end) {
      return refuted(i + 1, "it is under a checkpoint that later keys have signed");
    }
  }
  return {};
}

}  // namespace

Result<KeyChanges> read_key_changes(Store& store, const std::string& published) {
  ASSIGN_OR_RETURN(const Checkpoint head, parse_checkpoint(published));
  ASSIGN_OR_RETURN(const auto records, store.log_keys());
  KeyChanges changes;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const bool last = i + 1 == records.size();
    const std::uint64_t end = last ? head.size : std::min(head.size, records[i + 1].entry);
    ASSIGN_OR_RETURN(const auto checkpoint, signed_between(store, records[i].entry, end));
    if (!checkpoint) continue;  // none was ever signed by exactly these
    ASSIGN_OR_RETURN(Receipt receipt, make_receipt(store, checkpoint->note, records[i].entry));
    changes.push_back(std::move(receipt));
  }
  return changes;
}

std::string to_text(const KeyChanges& changes) {
  std::string text;
  for (const Receipt& receipt : changes) text += to_text(receipt);
  return text;
}

Result<KeyChanges> parse_key_changes(std::string_view text) {
  if (text.size() > limits::key_changes_bytes) {
    return invalid("key changes", "the changes of the log's keys are longer than any");
  }
  KeyChanges changes;
  while (!text.empty()) {
    // No line of a receipt but its first is this one.
    const std::size_t next = text.find("\n" + std::string(kReceipt));
    const std::size_t end = next == text.npos ? text.size() : next + 1;
    auto receipt = parse_receipt(text.substr(0, end));
    if (!receipt) return refuted(changes.size() + 1, receipt.error().message);
    changes.push_back(std::move(*receipt));
    text.remove_prefix(end);
  }
  return changes;
}

Result<LogKeys> follow_key_changes(const std::vector<NoteVerifier>& pinned,
                                   const KeyChanges& changes) {
  RETURN_IF_ERROR(check_proofs(changes));
  std::vector<LogKeysRecord> records;
  for (const Receipt& receipt : changes) {
    ASSIGN_OR_RETURN(LogKeysRecord record, record_of(receipt, records.size() + 1));
    records.push_back(std::move(record));
  }
  auto keys = LogKeys::create(pinned, records);
  if (!keys) return invalid("key changes", keys.error().message);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const std::string& note = changes[i].checkpoint;
    ASSIGN_OR_RETURN(const Checkpoint checkpoint, parse_checkpoint(note));
    const std::string wrong = keys->follow(checkpoint, note);
    if (!wrong.empty()) return refuted(i + 1, wrong);
    // Also before those that were named: a checkpoint of that time shall not be anybody's.
    if (i > 0 && !one_contains_the_other(records[i - 1], records[i])) {
      return refuted(i + 1, "its keys took the place of others that did not sign beside them");
    }
  }
  if (const std::string wrong = keys->finish(); !wrong.empty()) {
    return invalid("key changes",
                   "the changes of the log's keys lead to none of those named: " + wrong);
  }
  return keys;
}

}  // namespace chancery
