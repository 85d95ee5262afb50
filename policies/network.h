#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace chancery {

/// An IPv4 or IPv6 address as 16 bytes; IPv4 in its mapped form ::ffff:a.b.c.d (RFC 4291
/// section 2.5.5.2), so that a dual-stack listener's view of a peer is compared as IPv4.
struct Address {
  std::array<std::uint8_t, 16> bytes{};
  [[nodiscard]] bool is_v4() const;
  static std::optional<Address> parse(std::string_view text);
};
/// As inet_ntop writes it.
std::string text_of(const Address& address);

/// A range of addresses in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3).
class Network {
 public:
  /// "10.0.0.0/8", "2001:db8::/32", or one address. Bits beyond the prefix must be zero.
  static Result<Network> parse(std::string_view text);
  /// IPv4 is only in IPv4 ranges, IPv6 only in IPv6 ranges: ::/0 does not mean 0.0.0.0/0.
  [[nodiscard]] bool contains(const Address& address) const;
  [[nodiscard]] const std::string& source() const { return source_; }
  [[nodiscard]] const Address& first() const { return base_; }
  /// The address behind the last one; nothing where that is the last of all.
  [[nodiscard]] std::optional<Address> after() const;

 private:
  Network(Address base, unsigned prefix, std::string_view source)
      : base_(base), prefix_(prefix), source_(source) {}
  Address base_;
  unsigned prefix_;  // of the 16 bytes
  std::string source_;
};

}  // namespace chancery
