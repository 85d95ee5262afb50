#include "policies/network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace chancery {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned kMappedBits = 96;

Address masked(Address address, unsigned prefix) {
  for (unsigned i = 0; i < address.bytes.size(); ++i) {
    const unsigned kept = std::min(8u, prefix > i * 8 ? prefix - i * 8 : 0u);
    address.bytes[i] = static_cast<std::uint8_t>(address.bytes[i] & (0xff00u >> kept));
  }
  return address;
}

/// Decimal without sign or leading zeros, or -1.
int parse_prefix(std::string_view text, int at_most) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text[0] == '0')) return -1;
  int value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value <= at_most ? value : -1;
}

}  // namespace

std::string text_of(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v4 = address.is_v4();
  inet_ntop(v4 ? AF_INET : AF_INET6, address.bytes.data() + (v4 ? kMapped.size() : 0), text.data(),
            text.size());
  return text.data();
}

bool Address::is_v4() const {
  return std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
}

std::optional<Address> Address::parse(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> copy{};
  if (text.size() >= copy.size() || text.find('\0') != text.npos) return std::nullopt;
  std::memcpy(copy.data(), text.data(), text.size());
  Address address;
  const bool v6 = text.find(':') != text.npos;
  if (!v6) std::copy(kMapped.begin(), kMapped.end(), address.bytes.begin());
  std::uint8_t* to = address.bytes.data() + (v6 ? 0 : kMapped.size());
  if (inet_pton(v6 ? AF_INET6 : AF_INET, copy.data(), to) != 1) return std::nullopt;
  return address;
}

Result<Network> Network::parse(std::string_view text) {
  const std::string quoted = "\"" + std::string(text) + "\"";
  const std::size_t slash = text.find('/');
  const auto base = Address::parse(text.substr(0, slash));
  if (!base) return invalid("", quoted + " is not an address or range such as 10.0.0.0/8");
  const unsigned shift = base->is_v4() ? kMappedBits : 0;
  unsigned prefix = 128;
  if (slash != text.npos) {
    const int given = parse_prefix(text.substr(slash + 1), 128 - static_cast<int>(shift));
    if (given < 0) return invalid("", quoted + " has no valid length of the prefix after the /");
    prefix = shift + static_cast<unsigned>(given);
  }
  const Address canonical = masked(*base, prefix);
  if (canonical.bytes != base->bytes) {
    return invalid("", quoted + " has bits beyond its prefix; did you mean \"" +
                           text_of(canonical) + std::string(text.substr(slash)) + "\"?");
  }
  return Network(canonical, prefix, text);
}

std::optional<Address> Network::after() const {
  Address after = base_;
  if (prefix_ == 0) return std::nullopt;
  // One more where the prefix ends.
  for (unsigned bit = prefix_; bit > 0; --bit) {
    const unsigned value = 0x80u >> ((bit - 1) % 8);
    std::uint8_t& byte = after.bytes[(bit - 1) / 8];
    byte = static_cast<std::uint8_t>(byte ^ value);
    if ((byte & value) != 0) {
      return after.is_v4() == base_.is_v4() ? std::optional(after) : std::nullopt;
    }
  }
  return std::nullopt;
}

bool Network::contains(const Address& address) const {
  return address.is_v4() == base_.is_v4() && masked(address, prefix_).bytes == base_.bytes;
}

}  // namespace chancery
