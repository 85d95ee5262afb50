#include "core/subject.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "core/limits.h"

namespace chancery {
namespace {

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/// RFC 1123 section 2.1: letters, digits, inner hyphens, 1 to 63.
bool is_label(std::string_view label) {
  if (label.empty() || label.size() > 63) return false;
  if (label.front() == '-' || label.back() == '-') return false;
  return std::all_of(label.begin(), label.end(),
                     [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

bool is_graphic(char c) {
  return c > 0x20 && c < 0x7f;
}

}  // namespace

bool is_dns_name(std::string_view text, bool wildcard) {
  if (text.empty() || text.size() > 253) return false;
  if (wildcard && text.starts_with("*.")) {
    text.remove_prefix(2);
    // A wildcard right below a top-level domain would cover all of it.
    if (text.find('.') == text.npos) return false;
  }
  for (;;) {
    const std::size_t dot = text.find('.');
    if (!is_label(text.substr(0, dot))) return false;
    if (dot == text.npos) break;
    text.remove_prefix(dot + 1);
  }
  // All digits would read as an IPv4 address.
  return !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_uri(std::string_view text) {
  if (text.size() > 2048 || !std::all_of(text.begin(), text.end(), is_graphic)) return false;
  const std::size_t colon = text.find("://");
  if (colon == text.npos || colon == 0 || colon + 3 == text.size()) return false;
  if (text[0] < 'a' || text[0] > 'z') return false;
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon), [](char c) {
    return is_lower_or_digit(c) || c == '+' || c == '-' || c == '.';
  });
}

bool is_web_address(std::string_view text) {
  return text.size() <= limits::explanation_url_bytes && is_uri(text) &&
         (text.starts_with("https://") || text.starts_with("http://"));
}

bool is_email(std::string_view text) {
  if (text.size() > 254 || !std::all_of(text.begin(), text.end(), is_graphic)) return false;
  const std::size_t at = text.find('@');
  if (at == text.npos || at == 0 || at > 64) return false;
  const std::string_view local = text.substr(0, at);
  if (local.find_first_of("\"\\,;:<>()[]") != local.npos) return false;
  return is_dns_name(text.substr(at + 1), false);
}

Result<std::string> normalize_ip(std::string_view text) {
  const std::string copy(text);
  std::array<unsigned char, 16> binary{};
  std::array<char, INET6_ADDRSTRLEN> normal{};
  const int family = copy.find(':') == copy.npos ? AF_INET : AF_INET6;
  if (copy.size() >= normal.size() || inet_pton(family, copy.c_str(), binary.data()) != 1) {
    return invalid("ip", "is not an IPv4 or IPv6 address");
  }
  inet_ntop(family, binary.data(), normal.data(), normal.size());
  return std::string(normal.data());
}

}  // namespace chancery
