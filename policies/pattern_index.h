#pragma once

#include <cstdint>
#include <memory_resource>
#include <string_view>
#include <vector>

#include "policies/pattern.h"
#include "policies/text_table.h"

namespace chancery {

/// Finds, among many patterns of machines, those that cover a name: exact ones in a hash map, the
/// others in a trie of their segments, the most significant first. The time depends on the number
/// of the name's segments and on how many patterns cover it, not on how many there are.
class PatternIndex {
 public:
  /// URIs are indexed from their first part, names from their last label.
  explicit PatternIndex(PatternKind kind) : kind_(kind), nodes_(1) {}

  /// The value kept for this pattern, 0 when it is new: set it before the next call. `text` comes
  /// from a MachinePattern.
  std::uint32_t& value(std::string_view text, bool wildcards);
  /// The value of the exact pattern `text`, or 0.
  [[nodiscard]] std::uint32_t exact(std::string_view text) const;
  /// Appends the values of all patterns that cover `name`.
  void find(std::string_view name, std::pmr::vector<std::uint32_t>& values) const;

 private:
  /// Lengths around the * of a segment: those of "web-*" are 4 and 0. A glob of this shape is
  /// looked up by putting the * into the asked segment, so that 100,000 globs cost one look-up per
  /// shape.
  struct Shape {
    std::uint16_t before, after;
    bool operator==(const Shape&) const = default;
  };
  struct Node {
    std::uint32_t value = 0;
    std::uint32_t rest = 0;     ///< the node after **, or 0
    std::vector<Shape> shapes;  ///< of the globs below this node
  };
  struct Segments;
  struct Search;
  class EdgeName;

  /// Splits into segments in the index's order; false beyond limits::policy_segments.
  bool split(std::string_view text, Segments& segments) const;
  std::uint32_t child(std::uint32_t node, std::string_view segment);
  void walk(Search& search, std::uint32_t node, std::size_t depth) const;
  void follow_globs(Search& search, const Node& node, std::uint32_t id, std::size_t depth) const;

  PatternKind kind_;
  TextTable exact_;
  std::vector<Node> nodes_;  // nodes_[0] is the root
  TextTable edges_;          // EdgeName to the node below
};

}  // namespace chancery
