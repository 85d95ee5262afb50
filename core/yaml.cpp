#include "core/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <optional>
#include <streambuf>

#include "core/field_path.h"

namespace chancery {
namespace {

/// yaml-cpp can only be stopped from inside by an exception; read_yaml catches it.
struct Refused {
  Error error;
};

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

Place place_of(const YAML::Mark& mark) {
  return {static_cast<unsigned>(mark.line + 1), static_cast<unsigned>(mark.column + 1)};
}

/// Gives the text out in pieces, and no more once it is too far ahead of the last event: yaml-cpp
/// queues the tokens of a whole flow collection, 90 bytes for each byte of "[[,,,", before the
/// first event. The reader then sees the end of the text, and `stalled` says that it was not.
class BoundedInput : public std::streambuf {
 public:
  explicit BoundedInput(std::string_view text) : text_(text) {}
  void mark_event() { event_ = given_; }
  [[nodiscard]] bool stalled() const { return stalled_; }

 protected:
  int_type underflow() override {
    if (given_ == text_.size()) return traits_type::eof();
    if (given_ - event_ > limits::policy_lookahead) {
      stalled_ = true;
      return traits_type::eof();
    }
    const std::string_view piece = text_.substr(given_, kPiece);
    given_ += piece.size();
    char* begin = const_cast<char*>(piece.data());  // NOLINT: a get area is only read
    setg(begin, begin, begin + piece.size());
    return traits_type::to_int_type(*begin);
  }

 private:
  static constexpr std::size_t kPiece = 4096;
  std::string_view text_;
  std::size_t given_ = 0, event_ = 0;
  bool stalled_ = false;
};

/// Builds the tree from yaml-cpp's events.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const FieldPath& document, std::span<const YamlStream> streams, BoundedInput& input)
      : document_(document), streams_(streams), input_(input) {}

  [[nodiscard]] YamlNode take_root() { return std::move(root_); }
  [[nodiscard]] Place last_place() const { return last_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    last_ = place_of(mark);
    if (documents_++ > 0) refuse(last_, "a second document begins here; there may be only one");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(begin(mark, "", anchor, YamlNode::Kind::nothing));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(place_of(mark), "aliases (*name) are not accepted here");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = begin(mark, tag, anchor, YamlNode::Kind::text);
    // From an escape such as "\x00", or the line ends of a block scalar.
    if (std::any_of(value.begin(), value.end(), is_control)) {
      refuse(node.place, "a text must not contain control characters or line ends");
    }
    node.text = value;
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(begin(mark, tag, anchor, YamlNode::Kind::list));
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(begin(mark, tag, anchor, YamlNode::Kind::mapping));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  /// A list or mapping that is not complete yet.
  struct Open {
    YamlNode node;
    std::optional<YamlNode> name;        ///< of the member whose value comes next
    const YamlStream* stream = nullptr;  ///< that takes its content
    std::size_t streamed = 0;            ///< items handed over
    std::size_t nodes = 0;               ///< nodes_ before the item under way
  };

  /// Members of a mapping; the language's largest has a dozen. Keeps the search for a repeated
  /// member cheap.
  static constexpr std::size_t kMembersAtMost = 64;

  YamlNode begin(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                 YamlNode::Kind kind) {
    const Place place = place_of(mark);
    if (!input_.stalled()) last_ = place;
    input_.mark_event();
    if (anchor != YAML::NullAnchor) {
      refuse(place, "anchors (&name) are not accepted here");
    }
    // "?" is an untagged plain value, "!" a quoted one.
    if (!tag.empty() && tag != "?" && tag != "!") {
      refuse(place, "tags (" + tag + ") are not accepted here");
    }
    if (++nodes_ > limits::policy_nodes) {
      refuse(place, "has more than " + std::to_string(limits::policy_nodes) + " values",
             ErrorCode::too_large);
    }
    YamlNode node;
    node.kind = kind;
    node.place = place;
    return node;
  }

  void open(YamlNode node) {
    if (open_.size() == limits::policy_depth) {
      refuse(node.place, "is nested deeper than " + std::to_string(limits::policy_depth),
             ErrorCode::too_large);
    }
    if (expects_name()) refuse(node.place, "the name of a member must be text");
    const YamlStream* stream = open_.size() == 1 ? find_stream(node.kind) : nullptr;
    open_.push_back({std::move(node), std::nullopt, stream, 0, nodes_});
  }

  void close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    if (expects_name()) return add_name(std::move(node));
    Open& parent = open_.back();
    if (parent.name) {
      // The mark of a value that is not there is that of whatever follows.
      if (node.kind == YamlNode::Kind::nothing) node.place = parent.name->place;
      node.name = std::move(parent.name->text);
      node.name_place = parent.name->place;
      parent.name.reset();
    }
    if (parent.stream != nullptr) return hand_over(node);
    parent.node.children.push_back(std::move(node));
  }

  void add_name(YamlNode node) {
    Open& parent = open_.back();
    if (node.kind != YamlNode::Kind::text) {
      refuse(node.place, "the name of a member must be text");
    }
    const Place place = node.place;
    const YamlNode* earlier = find_member(parent.node, node.text);
    const bool too_many = parent.node.children.size() == kMembersAtMost;
    parent.name = std::move(node);
    if (earlier != nullptr) {
      refuse(place, "is given twice, first in line " + std::to_string(earlier->name_place.line));
    }
    if (too_many) {
      refuse(place, "has more than " + std::to_string(kMembersAtMost) + " members beside it",
             ErrorCode::too_large);
    }
  }

  void hand_over(const YamlNode& item) {
    Open& whole = open_.back();
    if (auto taken = whole.stream->take(item, whole.streamed++); !taken) {
      throw Refused{taken.error()};
    }
    nodes_ = whole.nodes;
  }

  [[nodiscard]] bool expects_name() const {
    return !open_.empty() && open_.back().node.kind == YamlNode::Kind::mapping &&
           !open_.back().name;
  }
  /// That of the member of the document that is about to begin.
  [[nodiscard]] const YamlStream* find_stream(YamlNode::Kind kind) const {
    if (!open_[0].name) return nullptr;
    const auto found =
        std::find_if(streams_.begin(), streams_.end(), [&](const YamlStream& stream) {
          return stream.kind == kind && stream.member == open_[0].name->text;
        });
    return found == streams_.end() ? nullptr : &*found;
  }

  [[noreturn]] void refuse(Place place, const std::string& message,
                           ErrorCode code = ErrorCode::invalid_request) const {
    refuse_below(document_, 0, place, message, code);
  }
  /// Builds the path down through the open collections, each pointing to the one above.
  [[noreturn]] void refuse_below(const FieldPath& path, std::size_t depth, Place place,
                                 const std::string& message, ErrorCode code) const {
    if (depth == open_.size()) throw Refused{path.refuse(place, message, code).value()};
    const Open& here = open_[depth];
    if (here.node.kind == YamlNode::Kind::list) {
      const std::size_t index = here.streamed + here.node.children.size();
      refuse_below(path.item(index), depth + 1, place, message, code);
    }
    if (!here.name) throw Refused{path.refuse(place, message, code).value()};
    refuse_below(path.member(here.name->text), depth + 1, place, message, code);
  }

  const FieldPath& document_;
  std::span<const YamlStream> streams_;
  BoundedInput& input_;
  std::vector<Open> open_;
  YamlNode root_;
  Place last_;
  std::size_t nodes_ = 0;
  unsigned documents_ = 0;
};

/// Bytes of the UTF-8 sequence at the front of `text` (RFC 3629), or 0 where it is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (first == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
    if (first == 0xed && byte(1) > 0x9f) return 0;  // surrogates
    return continues(1) && continues(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (first == 0xf0 && byte(1) < 0x90) return 0;  // overlong
    if (first == 0xf4 && byte(1) > 0x8f) return 0;  // above U+10FFFF
    return continues(1) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

/// yaml-cpp guesses UTF-16 and UTF-32 and repairs what is broken; a file is read as it stands.
Result<void> expect_plain_text(std::string_view text, const FieldPath& document) {
  Place place;
  bool indentation = true;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) return document.refuse(place, "this is not UTF-8");
    if (is_control(c) && c != '\n' && c != '\r' && c != '\t') {
      return document.refuse(place, "a control character stands here");
    }
    if (i == 0 && text.starts_with("\xef\xbb\xbf")) {
      return document.refuse(place, "a byte order mark stands here");
    }
    if (c == '\t' && indentation) {
      return document.refuse(place, "a tab stands in the indentation; write spaces");
    }
    indentation = c == '\n' || (indentation && c == ' ');
    place = c == '\n' ? Place{place.line + 1, 1} : Place{place.line, place.column + 1};
    i += length;
  }
  return {};
}

Failure stalled(const FieldPath& document, Place place) {
  return document.refuse(place,
                         "what follows holds more than " +
                             std::to_string(limits::policy_lookahead >> 10) +
                             " KiB in one value, comment or {...} or [...]; write it line by line",
                         ErrorCode::too_large);
}

}  // namespace

Result<YamlNode> read_yaml(std::string_view text, const FieldPath& document,
                           std::span<const YamlStream> streams) {
  if (text.size() > limits::policy_bytes) {
    return document.refuse({}, "is longer than " + std::to_string(limits::policy_bytes) + " bytes",
                           ErrorCode::too_large);
  }
  RETURN_IF_ERROR(expect_plain_text(text, document));

  BoundedInput input(text);
  std::istream in(&input);
  TreeBuilder builder(document, streams, input);
  try {
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refused& refused) {
    if (!input.stalled()) return Failure(refused.error);
  } catch (const YAML::Exception& error) {
    if (!input.stalled()) {
      return document.refuse(place_of(error.mark), "this is not YAML: " + error.msg);
    }
  }
  if (input.stalled()) return stalled(document, builder.last_place());
  return builder.take_root();
}

}  // namespace chancery
