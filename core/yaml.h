#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace chancery {

class FieldPath;

/// Where something stands in the text; both count from 1.
struct Place {
  unsigned line = 1, column = 1;
};

/// One value of a YAML document, with its place.
struct YamlNode {
  enum class Kind { text, list, mapping, nothing };
  Kind kind = Kind::nothing;
  Place place;
  std::string name;  ///< of a mapping's member, unique in it
  Place name_place;
  std::string text;                ///< of a scalar
  std::vector<YamlNode> children;  ///< items of a list, members of a mapping
};

/// A list or mapping at the top of the document whose items or members are handed over one by one
/// and then forgotten, so that a policy with 100,000 grants is never in memory as a tree. That no
/// member is given twice is then for `take` to see.
struct YamlStream {
  std::string_view member;
  YamlNode::Kind kind;  ///< list or mapping; a member of another kind is not streamed
  std::function<Result<void>(const YamlNode& item, std::size_t index)> take;
};

/// Reads one YAML 1.2 document; the nodes of what is streamed come back without their content.
///
/// Narrower than YAML, and bounded in time and memory: UTF-8 only, one document, no anchors,
/// aliases or tags, no member given twice, at most limits::policy_depth deep,
/// limits::policy_nodes values at once, and limits::policy_lookahead bytes in one value.
/// Errors carry the place; too_large where a bound is exceeded.
Result<YamlNode> read_yaml(std::string_view text, const FieldPath& document,
                           std::span<const YamlStream> streams = {});

}  // namespace chancery
