#pragma once

#include <array>
#include <compare>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/limits.h"

namespace chancery {

/// A validated name of one kind; names of different kinds do not convert.
/// Shape: a-z 0-9 then also . _ - , at most Tag::bytes long.
template <class Tag>
class Name {
 public:
  Name() = default;
  /// A bad character, an empty or an over-long text is invalid_request with field Tag::field.
  static Result<Name> parse(std::string_view text) {
    auto lower_or_digit = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    bool good = !text.empty() && text.size() <= Tag::bytes && lower_or_digit(text[0]);
    for (char c : text) good = good && (lower_or_digit(c) || c == '.' || c == '_' || c == '-');
    if (!good) {
      return invalid(Tag::field, std::string(Tag::field) + " must be 1 to " +
                                     std::to_string(Tag::bytes) +
                                     " of a-z 0-9 . _ - and begin with a letter or digit");
    }
    return Name(std::string(text));
  }
  /// For names written in this program; aborts when `text` is not a valid name.
  static Name literal(std::string_view text) {
    auto name = parse(text);
    CHECK(name);
    return *name;
  }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  auto operator<=>(const Name&) const = default;

 private:
  explicit Name(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

struct KeyNameTag {
  static constexpr const char* field = "key";
  static constexpr std::size_t bytes = limits::name_bytes;
};
struct CaNameTag {
  static constexpr const char* field = "issuer";
  static constexpr std::size_t bytes = limits::name_bytes;
};
struct ProfileNameTag {
  static constexpr const char* field = "profile";
  static constexpr std::size_t bytes = limits::name_bytes;
};
struct MachineNameTag {
  static constexpr const char* field = "machine";
  static constexpr std::size_t bytes = limits::machine_name_bytes;
};

using KeyName = Name<KeyNameTag>;
using CaName = Name<CaNameTag>;
using ProfileName = Name<ProfileNameTag>;
using MachineName = Name<MachineNameTag>;

/// CKA_ID of a key in the token: 16 random bytes, chosen before the key is generated.
struct KeyId {
  std::array<std::uint8_t, 16> bytes{};
  static KeyId random();
  static Result<KeyId> from(ByteView bytes);
  auto operator<=>(const KeyId&) const = default;
};

/// A certificate's serial number (RFC 5280 section 4.1.2.2): 20 octets, positive.
/// Octets 0-3 are 0x01000000 plus the seconds since 2025, modulo 0x7f000000 (67 years), so that an
/// index by serial is appended to and not scattered over; octets 4-19 are 128 random bits. See
/// docs/decisions/001.
struct Serial {
  std::array<std::uint8_t, 20> bytes{};
  static Serial allocate(std::int64_t unix_seconds);
  static Result<Serial> from(ByteView bytes);
  /// 40 hexadecimal digits, either case.
  static Result<Serial> parse(std::string_view hex);
  [[nodiscard]] std::string hex() const { return to_hex(bytes); }
  /// The CRL shard of this serial out of `count`, from its random octets.
  [[nodiscard]] unsigned shard(unsigned count) const;
  auto operator<=>(const Serial&) const = default;
};

/// Names one request in answers, the log and problem documents: `req-` and 32 hexadecimal digits.
std::string new_request_id();

}  // namespace chancery
