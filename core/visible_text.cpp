#include "core/visible_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace chancery {
namespace {

// Takes the next code point off `text`; nothing for what RFC 3629 does not allow.
std::optional<char32_t> next_code_point(std::string_view& text) {
  const auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = octet(0);
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || text.size() < size) return std::nullopt;
  char32_t value = size == 1 ? lead : lead & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((octet(i) & 0xc0) != 0x80) return std::nullopt;
    value = (value << 6) | (octet(i) & 0x3fU);
  }
  const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (overlong || surrogate || value > 0x10ffff) return std::nullopt;
  text.remove_prefix(size);
  return value;
}

bool is_deceptive(char32_t c) {
  struct Range {
    char32_t first, last;
  };
  constexpr std::array kRanges = {
      Range{0x0000, 0x001f},   Range{0x007f, 0x009f},  // controls
      Range{0x00ad, 0x00ad},   Range{0x061c, 0x061c}, Range{0x180e, 0x180e},
      Range{0x200b, 0x200f},   Range{0x2028, 0x202e},  // zero width, separators, bidi
      Range{0x2060, 0x206f},   Range{0xfeff, 0xfeff}, Range{0xfff0, 0xffff},
      Range{0xe0000, 0xe0fff},  // tags
  };
  return std::any_of(kRanges.begin(), kRanges.end(),
                     [c](Range range) { return c >= range.first && c <= range.last; });
}

}  // namespace

Result<std::size_t> count_visible(std::string_view text, const std::string& field) {
  std::size_t characters = 0;
  for (; !text.empty(); ++characters) {
    const std::optional<char32_t> c = next_code_point(text);
    if (!c) return invalid(field, field + " is not UTF-8");
    if (is_deceptive(*c)) {
      return invalid(field, field + " contains a NUL, control or invisible character");
    }
  }
  return characters;
}

}  // namespace chancery
