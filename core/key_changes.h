#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/log_keys.h"
#include "core/receipt.h"

namespace chancery {

/// How the keys that sign a log's checkpoints changed, for those who know the keys of some time and
/// hold a checkpoint of another (docs/audit-format.md, "Keys"): of each entry that names keys, in
/// order, the receipt under a checkpoint that those keys have signed. Proves itself to whoever
/// knows the keys of one of them, so it may come from anywhere.
using KeyChanges = std::vector<Receipt>;

/// Of the changes that the checkpoint `published` covers and a signed one follows.
Result<KeyChanges> read_key_changes(Store& store, const std::string& published);

/// The receipts' texts one behind the other; empty where there are none.
std::string to_text(const KeyChanges& changes);
/// That form and no other; at most limits::key_changes_bytes. invalid_request (field
/// "key changes").
Result<KeyChanges> parse_key_changes(std::string_view text);

/// The keys of that log at any size, where they are led to by signatures of keys before or after
/// them, and all of `pinned` are among those of one time. Without changes: those of `pinned`,
/// always. invalid_request (field "key changes") with what does not hold.
Result<LogKeys> follow_key_changes(const std::vector<NoteVerifier>& pinned,
                                   const KeyChanges& changes);

}  // namespace chancery
