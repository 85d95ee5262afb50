#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/entry_view.h"
#include "core/store.h"

namespace chancery {

/// An entry of the log, decoded. An empty object where the log has none of this index or its text
/// is no object.
Result<nlohmann::json> logged_entry(Store& store, std::uint64_t index);
/// The same of the entry whose index is the member `name`.
Result<nlohmann::json> logged_entry(Store& store, const nlohmann::json& entry, const char* name);

/// The text of a member; empty where it is absent or no text.
std::string text_member(const nlohmann::json& entry, const char* name);
inline std::string text_member(const EntryView& entry, const char* name) {
  return entry.text(name);
}

/// The number of a member; nothing where it is absent or no number.
std::optional<std::uint64_t> number_member(const nlohmann::json& entry, const char* name);
inline std::optional<std::uint64_t> number_member(const EntryView& entry, const char* name) {
  return entry.number(name);
}

/// The machine that a row names for this entry's `machine`: none where that is a certificate's
/// hash.
std::string machine_of(const nlohmann::json& entry);
std::string machine_of(const EntryView& entry);

inline bool is_of_kind(const nlohmann::json& entry, EntryKind kind) {
  return text_member(entry, "kind") == name_of(kind);
}
/// The kind, and of an outcome its result "ok".
bool is_outcome(const nlohmann::json& entry);
bool is_good_outcome(const nlohmann::json& entry);

}  // namespace chancery
