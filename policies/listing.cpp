#include "policies/listing.h"

#include <algorithm>

namespace chancery {
namespace {

constexpr std::size_t kShownBytes = 200;
constexpr std::size_t kShownValues = 8;

/// `text_at(i)` is the i-th of `count` values; empty ones are left out.
template <class TextAt>
std::string list_of(std::size_t count, TextAt text_at) {
  std::string list;
  for (std::size_t i = 0; i < std::min(count, kShownValues); ++i) {
    const std::string text = text_at(i);
    if (!text.empty()) list += (list.empty() ? "" : ", ") + quoted(text);
  }
  if (count > kShownValues) list += ", and " + std::to_string(count - kShownValues) + " more";
  return "[" + list + "]";
}

}  // namespace

std::string quoted(std::string_view text) {
  if (text.size() <= kShownBytes) return "\"" + std::string(text) + "\"";
  // Not within a UTF-8 sequence.
  std::size_t end = kShownBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return "\"" + std::string(text.substr(0, end)) + "…\"";
}

std::string joined(std::span<const std::string_view> names) {
  std::string text;
  for (std::string_view name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

std::string listing(const std::vector<std::string>& values) {
  return list_of(values.size(), [&](std::size_t i) { return values[i]; });
}

std::string listing(const std::vector<Network>& networks) {
  return list_of(networks.size(), [&](std::size_t i) { return networks[i].source(); });
}

std::string listing(const std::vector<Pattern>& patterns, const Machine& machine) {
  std::string list = list_of(patterns.size(), [&](std::size_t i) { return patterns[i].source(); });
  const bool variables = std::any_of(patterns.begin(), patterns.end(), [](const Pattern& pattern) {
    return pattern.has_variables();
  });
  if (!variables) return list;
  return list + " (= " +
         list_of(patterns.size(), [&](std::size_t i) { return patterns[i].expanded(machine); }) +
         ")";
}

std::string not_in(std::string_view asked, const std::string& list) {
  if (asked.empty()) return "nothing was given that is in " + list;
  if (list == "[]") return quoted(asked) + " is asked for, and the grant allows none";
  return quoted(asked) + " is not in " + list;
}

std::string is_in(std::string_view asked, const std::string& list) {
  return quoted(asked) + " is in " + list;
}

}  // namespace chancery
