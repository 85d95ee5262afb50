#include "core/entry_view.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace chancery {
namespace {

constexpr std::size_t kMembers = 24;  // as many as our longest entries have
constexpr std::string_view kShortEscapes = "\"\\bfnrt";

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/// Reads from left to right; each function takes what it names, or says that it is not there.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  [[nodiscard]] bool at_end() const { return position_ == text_.size(); }
  [[nodiscard]] std::size_t position() const { return position_; }

  bool take(char c) {
    if (at_end() || text_[position_] != c) return false;
    ++position_;
    return true;
  }

  bool take(std::string_view word) {
    if (!text_.substr(position_).starts_with(word)) return false;
    position_ += word.size();
    return true;
  }

  bool take_name(std::string_view& name) {
    if (!take('"')) return false;
    const std::size_t begin = position_;
    while (!at_end() && is_name_character(text_[position_])) ++position_;
    name = text_.substr(begin, position_ - begin);
    return !name.empty() && take('"');
  }

  bool take_value() {
    if (at_end()) return false;
    switch (text_[position_]) {
      case '"':
        return take_string();
      case '[':
        return take_array();
      case 't':
        return take("true");
      default:
        return take_number();
    }
  }

 private:
  bool take_string() {
    if (!take('"')) return false;
    while (!at_end()) {
      const char c = text_[position_++];
      if (c == '"') return true;
      if (c < 0x20 || c >= 0x7f) return false;
      if (c == '\\' && !take_escape()) return false;
    }
    return false;
  }

  bool take_escape() {
    if (at_end()) return false;
    const char c = text_[position_++];
    if (kShortEscapes.find(c) != kShortEscapes.npos) return true;
    unsigned unit = 0;
    if (c != 'u' || !take_unit(unit)) return false;
    if (unit >= 0xdc00 && unit < 0xe000) return false;  // the second half of a pair, alone
    if (unit < 0xd800 || unit >= 0xe000) return needs_number(unit);
    return take("\\u") && take_unit(unit) && unit >= 0xdc00 && unit < 0xe000;
  }

  /// Whether the character has no shorter form.
  static bool needs_number(unsigned character) {
    const bool is_short = character == '\b' || character == '\f' || character == '\n' ||
                          character == '\r' || character == '\t';
    return character >= 0x7f || (character < 0x20 && !is_short);
  }

  bool take_unit(unsigned& unit) {
    constexpr std::size_t kDigits = 4;
    const std::string_view digits = text_.substr(position_).substr(0, kDigits);
    const bool good = digits.size() == kDigits && std::ranges::all_of(digits, [](char c) {
                        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                      });
    if (!good) return false;
    std::from_chars(digits.data(), digits.data() + kDigits, unit, 16);
    position_ += kDigits;
    return true;
  }

  bool take_array() {
    if (!take('[')) return false;
    if (take(']')) return true;
    do {
      if (!take_string()) return false;
    } while (take(','));
    return take(']');
  }

  bool take_number() {
    const std::size_t begin = position_;
    while (!at_end() && text_[position_] >= '0' && text_[position_] <= '9') ++position_;
    const std::string_view digits = text_.substr(begin, position_ - begin);
    if (digits.empty() || (digits.size() > 1 && digits[0] == '0')) return false;
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return parsed.ec == std::errc() && number <= kLargestInteger;
  }

  std::string_view text_;
  std::size_t position_ = 0;
};

/// What stands between the quotes of a string without escapes; empty for any other value.
std::string_view plain_text(std::string_view spelled) {
  if (spelled.size() < 2 || spelled[0] != '"') return {};
  spelled = spelled.substr(1, spelled.size() - 2);
  return spelled.find('\\') == spelled.npos ? spelled : std::string_view();
}

}  // namespace

std::optional<EntryView> EntryView::parse(std::string_view text) {
  EntryView entry(text);
  if (!entry.read_members() || !entry.read_head()) return std::nullopt;
  return entry;
}

bool EntryView::read_members() {
  Cursor cursor(source_);
  if (!cursor.take('{')) return false;
  members_.reserve(kMembers);
  do {
    Member member;
    if (!cursor.take_name(member.name) || !cursor.take(':')) return false;
    if (!members_.empty() && member.name <= members_.back().name) return false;
    const std::size_t begin = cursor.position();
    if (!cursor.take_value()) return false;
    member.value = source_.substr(begin, cursor.position() - begin);
    members_.push_back(member);
  } while (cursor.take(','));
  return cursor.take('}') && cursor.at_end();
}

/// The members that every entry has.
bool EntryView::read_head() {
  if (spelled("v") != "1") return false;
  const auto kind = parse_entry_kind(plain_text(spelled("kind")));
  if (!kind) return false;
  kind_ = *kind;
  const std::string_view time = plain_text(spelled("time"));
  constexpr std::size_t kWithFraction = 27;
  if (time.size() != kWithFraction) return false;
  const auto parsed = from_rfc3339(time);
  if (!parsed) return false;
  time_ = *parsed;
  return true;
}

std::string_view EntryView::spelled(std::string_view member) const {
  const auto found = std::ranges::find(members_, member, &Member::name);
  return found == members_.end() ? std::string_view() : found->value;
}

std::string EntryView::text(std::string_view member) const {
  const std::string_view value = spelled(member);
  if (value.find('\\') == value.npos) return std::string(plain_text(value));
  const auto decoded = nlohmann::json::parse(value, nullptr, false);
  return decoded.is_string() ? decoded.get<std::string>() : "";
}

std::optional<std::uint64_t> EntryView::number(std::string_view member) const {
  const std::string_view value = spelled(member);
  if (value.empty() || value[0] < '0' || value[0] > '9') return std::nullopt;
  std::uint64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return number;
}

}  // namespace chancery
