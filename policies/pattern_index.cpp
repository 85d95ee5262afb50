#include "policies/pattern_index.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/limits.h"
#include "core/result.h"

namespace chancery {
namespace {

constexpr std::string_view kRest = "**";

}  // namespace

/// The segments of one name, without allocating.
struct PatternIndex::Segments {
  std::array<std::string_view, limits::policy_segments> items;
  std::size_t count = 0;
};

struct PatternIndex::Search {
  Segments segments;
  std::pmr::vector<std::uint32_t>& values;
};

/// An edge of the trie as a text: the number of the node above, then the segment.
class PatternIndex::EdgeName {
 public:
  explicit EdgeName(std::uint32_t node) {
    std::memcpy(buffer_.data(), &node, sizeof node);
    size_ = sizeof node;
  }
  /// False where the segment is longer than any of a pattern.
  bool append(std::string_view part) {
    if (part.size() > buffer_.size() - size_) return false;
    std::memcpy(buffer_.data() + size_, part.data(), part.size());
    size_ += part.size();
    return true;
  }
  [[nodiscard]] std::string_view text() const { return {buffer_.data(), size_}; }

 private:
  std::array<char, sizeof(std::uint32_t) + limits::pattern_bytes> buffer_;
  std::size_t size_;
};

bool PatternIndex::split(std::string_view text, Segments& segments) const {
  const bool forward = kind_ == PatternKind::uri;
  segments.count = 0;
  for (;;) {
    if (segments.count == segments.items.size()) return false;
    const std::size_t at = forward ? text.find('/') : text.rfind('.');
    if (at == text.npos) {
      segments.items[segments.count++] = text;
      return true;
    }
    const std::string_view front = text.substr(0, at);
    const std::string_view back = text.substr(at + 1);
    segments.items[segments.count++] = forward ? front : back;
    text = forward ? back : front;
  }
}

std::uint32_t PatternIndex::child(std::uint32_t node, std::string_view segment) {
  if (segment == kRest && nodes_[node].rest != 0) return nodes_[node].rest;
  const auto fresh = static_cast<std::uint32_t>(nodes_.size());
  if (segment == kRest) {
    nodes_[node].rest = fresh;
    nodes_.emplace_back();
    return fresh;
  }
  EdgeName edge(node);
  CHECK(edge.append(segment));
  std::uint32_t& below = edges_.insert(edge.text());
  if (below != 0) return below;
  below = fresh;
  nodes_.emplace_back();
  const std::size_t star = segment.find('*');
  if (star == segment.npos) return fresh;
  const Shape shape{static_cast<std::uint16_t>(star),
                    static_cast<std::uint16_t>(segment.size() - star - 1)};
  auto& shapes = nodes_[node].shapes;
  if (std::find(shapes.begin(), shapes.end(), shape) == shapes.end()) shapes.push_back(shape);
  return fresh;
}

std::uint32_t& PatternIndex::value(std::string_view text, bool wildcards) {
  if (!wildcards) return exact_.insert(text);
  Segments segments;
  CHECK(split(text, segments));  // Pattern::parse has counted them
  std::uint32_t node = 0;
  for (std::size_t i = 0; i < segments.count; ++i) node = child(node, segments.items[i]);
  return nodes_[node].value;
}

std::uint32_t PatternIndex::exact(std::string_view text) const {
  return exact_.find(text);
}

void PatternIndex::find(std::string_view name, std::pmr::vector<std::uint32_t>& values) const {
  if (name.empty()) return;
  if (const std::uint32_t value = exact(name); value != 0) values.push_back(value);
  if (nodes_.size() == 1) return;
  Search search{.segments = {}, .values = values};
  if (split(name, search.segments)) walk(search, 0, 0);
}

/// Each node is reached by its own path alone, and behind a ** at most once per position: the
/// visits are bounded by nodes times segments, and by far fewer where patterns differ early.
void PatternIndex::walk(Search& search, std::uint32_t id, std::size_t depth) const {
  const Node& node = nodes_[id];
  const Segments& segments = search.segments;
  if (depth == segments.count) {
    if (node.value != 0) search.values.push_back(node.value);
    return;
  }
  const std::string_view segment = segments.items[depth];
  if (segment.find('*') == segment.npos) {  // in a name, a * is no pattern's glob
    EdgeName literal(id);
    const std::uint32_t below = literal.append(segment) ? edges_.find(literal.text()) : 0;
    if (below != 0) walk(search, below, depth + 1);
  }
  follow_globs(search, node, id, depth);
  if (node.rest == 0) return;
  for (std::size_t end = depth + 1; end <= segments.count; ++end) {
    if (!wildcard_covers(kind_, segments.items[end - 1])) return;
    walk(search, node.rest, end);
  }
}

void PatternIndex::follow_globs(Search& search, const Node& node, std::uint32_t id,
                                std::size_t depth) const {
  const std::string_view segment = search.segments.items[depth];
  for (const Shape shape : node.shapes) {
    if (!wildcard_covers(kind_, segment, shape.before, shape.after)) continue;
    EdgeName glob(id);
    const bool fits = glob.append(segment.substr(0, shape.before)) && glob.append("*") &&
                      glob.append(segment.substr(segment.size() - shape.after));
    const std::uint32_t below = fits ? edges_.find(glob.text()) : 0;
    if (below != 0) walk(search, below, depth + 1);
  }
}

}  // namespace chancery
