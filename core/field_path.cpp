#include "core/field_path.h"

#include <charconv>
#include <unordered_set>

namespace chancery {
namespace {

/// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

constexpr std::size_t kLongestGuess = 64;  // a longer text is no slip of one of our names

}  // namespace

std::string FieldPath::text() const {
  if (parent_ == nullptr) return {};
  std::string above = parent_->text();
  if (index_ != kNoIndex) return above + "[" + std::to_string(index_) + "]";
  return above + (above.empty() ? "" : ".") + std::string(name_);
}

Failure FieldPath::refuse(Place place, const std::string& message, ErrorCode code) const {
  return refuse_at(file_, place, text(), message, code);
}

Failure refuse_at(std::string_view file, Place place, const std::string& field,
                  const std::string& message, ErrorCode code) {
  std::string full = std::string(file) + ":" + std::to_string(place.line) + ":" +
                     std::to_string(place.column) + ": " + (field.empty() ? "" : field + ": ") +
                     message;
  return fail(code, std::move(full), field);
}

std::string did_you_mean(std::string_view text, std::span<const std::string_view> known) {
  if (text.size() > kLongestGuess) return {};
  std::string_view nearest;
  std::size_t best = std::max<std::size_t>(2, text.size() / 3) + 1;
  for (std::string_view candidate : known) {
    const std::size_t steps = distance(text, candidate);
    if (steps >= best || steps >= candidate.size()) continue;
    best = steps;
    nearest = candidate;
  }
  return nearest.empty() ? "" : "; did you mean \"" + std::string(nearest) + "\"?";
}

Result<void> expect_members(const YamlNode& node, const FieldPath& path,
                            std::span<const std::string_view> known) {
  if (node.kind != YamlNode::Kind::mapping) {
    std::string names;
    for (std::string_view name : known) names += (names.empty() ? "" : ", ") + std::string(name);
    return path.refuse(node.place, "must be a mapping with the members " + names);
  }
  for (const YamlNode& child : node.children) {
    if (std::find(known.begin(), known.end(), child.name) != known.end()) continue;
    return path.member(child.name)
        .refuse(child.name_place, "unknown field" + did_you_mean(child.name, known));
  }
  return {};
}

const YamlNode* find_member(const YamlNode& node, std::string_view name) {
  for (const YamlNode& child : node.children) {
    if (child.name == name) return &child;
  }
  return nullptr;
}

Result<const YamlNode*> required_member(const YamlNode& node, const FieldPath& path,
                                        std::string_view name) {
  const YamlNode* member = find_member(node, name);
  if (member != nullptr) return member;
  return path.refuse(node.place, "the member " + std::string(name) + " is missing");
}

Result<std::uint64_t> read_number(const YamlNode& node, const FieldPath& path, std::uint64_t least,
                                  std::uint64_t most) {
  ASSIGN_OR_RETURN(const std::string text, read_text(node, path));
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (whole && number >= least && number <= most) return number;
  return path.refuse(
      node.place, "must be a number from " + std::to_string(least) + " to " + std::to_string(most));
}

Result<Seconds> read_duration(const YamlNode& node, const FieldPath& path, Seconds least,
                              Seconds most) {
  ASSIGN_OR_RETURN(const std::string text, read_text(node, path));
  const auto duration = parse_duration(text);
  if (!duration) return path.refuse(node.place, duration.error().message);
  if (*duration >= least && *duration <= most) return *duration;
  return path.refuse(node.place,
                     "must be from " + format_duration(least) + " to " + format_duration(most));
}

Result<std::string> read_text(const YamlNode& node, const FieldPath& path) {
  if (node.kind != YamlNode::Kind::text) return path.refuse(node.place, "must be text");
  if (node.text.empty()) return path.refuse(node.place, "must not be empty");
  return node.text;
}

Result<void> expect_list(const YamlNode& node, const FieldPath& path, std::size_t at_most) {
  if (node.kind != YamlNode::Kind::list) return path.refuse(node.place, "must be a list");
  if (node.children.empty()) {
    return path.refuse(node.place, "is empty, so that nothing could match it");
  }
  if (node.children.size() > at_most) {
    return path.refuse(node.place,
                       "has " + std::to_string(node.children.size()) + " values; at most " +
                           std::to_string(at_most) + " are allowed",
                       ErrorCode::too_large);
  }
  return {};
}

Result<void> expect_distinct(const YamlNode& list, const FieldPath& path) {
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = 0; i < list.children.size(); ++i) {
    const YamlNode& child = list.children[i];
    if (seen.insert(child.text).second) continue;
    return path.item(i).refuse(child.place, "\"" + child.text + "\" is given twice");
  }
  return {};
}

}  // namespace chancery
