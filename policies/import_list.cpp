#include "policies/import_list.h"

#include <algorithm>
#include <string>

#include "core/field_path.h"
#include "policies/listing.h"

namespace chancery {
namespace {

/// The text up to the next slash, taken away from `rest` with it.
std::string_view next_segment(std::string_view& rest) {
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view segment = rest.substr(0, slash);
  rest.remove_prefix(std::min(slash + 1, rest.size()));
  return segment;
}

bool covers_segment(std::string_view pattern, std::string_view segment) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == segment;
  const std::string_view before = pattern.substr(0, star), after = pattern.substr(star + 1);
  return segment.size() >= before.size() + after.size() && segment.starts_with(before) &&
         segment.ends_with(after);
}

bool covers(std::string_view pattern, std::string_view name) {
  while (!pattern.empty() && !name.empty()) {
    if (!covers_segment(next_segment(pattern), next_segment(name))) return false;
  }
  return pattern.empty() && name.empty();
}

/// The path of a file, or one with wildcards that could become one.
bool is_import(std::string_view text) {
  std::string filled;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view segment = next_segment(rest);
    if (std::ranges::count(segment, '*') > 1) return false;
    for (char c : segment) filled += c == '*' ? 'a' : c;
    if (!rest.empty()) filled += '/';
  }
  return filled.size() == text.size() && is_policy_file_name(filled);
}

}  // namespace

Result<std::vector<ImportList::Import>> ImportList::read(const YamlNode& list,
                                                         const FieldPath& path,
                                                         std::size_t importer) const {
  RETURN_IF_ERROR(expect_list(list, path, limits::policy_files));
  std::vector<Import> result;
  std::vector<bool> taken(files_.size());
  for (std::size_t i = 0; i < list.children.size(); ++i) {
    const YamlNode& child = list.children[i];
    const FieldPath item = path.item(i);
    ASSIGN_OR_RETURN(const std::string text, read_text(child, item));
    if (!is_import(text)) {
      return item.refuse(child.place,
                         "must be the path of a file below the policy's directory, such as "
                         "teams/shop.yaml, with one * in a part at most");
    }
    const std::vector<std::size_t> files = named(text, importer);
    if (files.empty()) return unknown(text, item, child.place);
    for (std::size_t file : files) {
      if (!taken[file]) result.push_back({file, i});
      taken[file] = true;
    }
  }
  RETURN_IF_ERROR(expect_distinct(list, path));
  return result;
}

std::vector<std::size_t> ImportList::named(std::string_view text, std::size_t importer) const {
  std::vector<std::size_t> result;
  const bool has_wildcard = text.find('*') != std::string_view::npos;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (has_wildcard && i == importer) continue;
    if (covers(text, files_[i].name)) result.push_back(i);
  }
  return result;
}

Failure ImportList::unknown(std::string_view text, const FieldPath& path, Place place) const {
  if (files_.size() == 1) {
    return path.refuse(place, "there is no file " + quoted(text) +
                                  ": a policy with imports is a directory, HOME/policy, and this "
                                  "one is a single file");
  }
  std::vector<std::string_view> names;
  const bool has_wildcard = text.find('*') != std::string_view::npos;
  for (const PolicyFile& file : files_) {
    if (!has_wildcard) names.push_back(file.name);
  }
  return path.refuse(
      place, "there is no file " + quoted(text) + " in the policy" + did_you_mean(text, names));
}

}  // namespace chancery
