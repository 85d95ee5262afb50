#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/limits.h"
#include "core/result.h"
#include "core/yaml.h"

namespace chancery {

/// The way to a value in a YAML document, for messages: grants[3].when.dns_names[0]. A path points
/// to its parent, which must outlive it; the text is only made when something is wrong.
class FieldPath {
 public:
  /// The whole document; `file` is how messages call it.
  explicit FieldPath(std::string_view file) : file_(file) {}
  [[nodiscard]] FieldPath member(std::string_view name) const { return {this, name, kNoIndex}; }
  [[nodiscard]] FieldPath item(std::size_t index) const { return {this, {}, index}; }

  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::string_view file() const { return file_; }

  /// "FILE:LINE:COLUMN: PATH: message", with the path as the error's field.
  [[nodiscard]] Failure refuse(Place place, const std::string& message,
                               ErrorCode code = ErrorCode::invalid_request) const;

 private:
  static constexpr std::size_t kNoIndex = static_cast<std::size_t>(-1);
  FieldPath(const FieldPath* parent, std::string_view name, std::size_t index)
      : file_(parent->file_), parent_(parent), name_(name), index_(index) {}
  std::string_view file_;
  const FieldPath* parent_ = nullptr;
  std::string_view name_;
  std::size_t index_ = kNoIndex;
};

/// The same for a field whose place was kept.
Failure refuse_at(std::string_view file, Place place, const std::string& field,
                  const std::string& message, ErrorCode code = ErrorCode::invalid_request);

/// `; did you mean "dns_names"?` where one of `known` is near to `text`, else nothing.
std::string did_you_mean(std::string_view text, std::span<const std::string_view> known);

/// Refuses anything but a mapping, and members that are not in `known`.
Result<void> expect_members(const YamlNode& node, const FieldPath& path,
                            std::span<const std::string_view> known);

/// The member `name` of a mapping, or null.
const YamlNode* find_member(const YamlNode& node, std::string_view name);

/// The same where it must be there.
Result<const YamlNode*> required_member(const YamlNode& node, const FieldPath& path,
                                        std::string_view name);

/// A whole number from `least` to `most`.
Result<std::uint64_t> read_number(const YamlNode& node, const FieldPath& path, std::uint64_t least,
                                  std::uint64_t most);

/// A duration such as 24h, from `least` to `most`.
Result<Seconds> read_duration(const YamlNode& node, const FieldPath& path, Seconds least,
                              Seconds most);

/// The text of a scalar; an empty one or anything else is refused.
Result<std::string> read_text(const YamlNode& node, const FieldPath& path);

/// Refuses anything but a list with at least one and at most `at_most` values.
Result<void> expect_list(const YamlNode& node, const FieldPath& path, std::size_t at_most);

/// Refuses a list of texts in which one is given twice.
Result<void> expect_distinct(const YamlNode& list, const FieldPath& path);

/// A list of texts, each turned into a value by `parse(text)`; a text given twice is refused.
template <class Parse>
auto read_list(const YamlNode& node, const FieldPath& path, Parse parse,
               std::size_t at_most = limits::policy_condition_values)
    -> Result<std::vector<typename decltype(parse(std::string_view()))::value_type>> {
  RETURN_IF_ERROR(expect_list(node, path, at_most));
  std::vector<typename decltype(parse(std::string_view()))::value_type> values;
  values.reserve(node.children.size());
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    const YamlNode& child = node.children[i];
    ASSIGN_OR_RETURN(const std::string text, read_text(child, path.item(i)));
    auto value = parse(std::string_view(text));
    if (!value) return path.item(i).refuse(child.place, value.error().message);
    values.push_back(std::move(*value));
  }
  RETURN_IF_ERROR(expect_distinct(node, path));
  return values;
}

}  // namespace chancery
