// Entries of the audit log, as somebody may have written them: the reader takes what a JSON library
// decodes, checks member by member and encodes again to the same bytes, and nothing else.

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/bytes.h"
#include "core/entry_view.h"

namespace {

using namespace chancery;
using nlohmann::json;

bool is_permitted(const json& value) {
  if (value.is_string()) return true;
  if (value.is_number_unsigned()) return value.get<std::uint64_t>() <= kLargestInteger;
  if (value.is_boolean()) return value.get<bool>();
  return value.is_array() &&
         std::ranges::all_of(value, [](const json& item) { return item.is_string(); });
}

bool is_member_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string text_in(const json& entry, const char* name) {
  const auto found = entry.find(name);
  return found != entry.end() && found->is_string() ? found->get<std::string>() : "";
}

bool is_canonical(std::string_view text, const json& entry) {
  if (!entry.is_object() || entry.value("v", json()) != 1) return false;
  for (const auto& [name, value] : entry.items()) {
    if (!is_member_name(name) || !is_permitted(value)) return false;
  }
  if (!parse_entry_kind(text_in(entry, "kind"))) return false;
  const auto time = from_rfc3339(text_in(entry, "time"));
  if (!time || to_rfc3339(*time) != text_in(entry, "time")) return false;
  // nlohmann sorts members by name and keeps one of two of the same name, so any other spelling of
  // the same object shows.
  return entry.dump(-1, ' ', true, json::error_handler_t::replace) == text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = text_of(ByteView(data, size));
  const auto entry = EntryView::parse(text);
  const auto decoded = json::parse(text, nullptr, false);
  CHECK(entry.has_value() == is_canonical(text, decoded));
  if (!entry) return 0;
  CHECK(name_of(entry->kind()) == text_in(decoded, "kind"));
  CHECK(to_rfc3339(entry->time()) == text_in(decoded, "time"));
  for (const auto& [name, value] : decoded.items()) {
    CHECK(entry->has(name) && json::parse(entry->spelled(name)) == value);
    CHECK(entry->text(name) == text_in(decoded, name.c_str()));
    const auto number = entry->number(name);
    CHECK(number.has_value() == value.is_number());
    if (number) CHECK(*number == value.get<std::uint64_t>());
  }
  CHECK(!entry->has("") && !entry->has("no such member"));
  return 0;
}
