#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"

namespace chancery {

/// The distinguished name attributes that Chancery certifies (RFC 5280 section 4.1.2.6), UTF-8.
/// Empty means absent.
struct Subject {
  std::string country;  ///< two letters
  std::string organization;
  std::string organizational_unit;
  std::string common_name;
  bool operator==(const Subject&) const = default;
};

/// The subject alternative names that Chancery certifies (RFC 5280 section 4.2.1.6), validated:
struct SubjectAltNames {
  std::vector<std::string> dns;    ///< lower-case LDH labels, at most a leading "*." wildcard
  std::vector<std::string> ip;     ///< textual IPv4 or IPv6 in inet_ntop's form
  std::vector<std::string> uri;    ///< absolute, ASCII
  std::vector<std::string> email;  ///< ASCII local@domain
  [[nodiscard]] std::size_t size() const {
    return dns.size() + ip.size() + uri.size() + email.size();
  }
  bool operator==(const SubjectAltNames&) const = default;
};

/// RFC 1123 host name, lower case, at most 253 characters; `wildcard` allows one leading "*.".
bool is_dns_name(std::string_view text, bool wildcard);
/// scheme://… , printable ASCII, at most 2,048 characters.
bool is_uri(std::string_view text);
/// An http:// or https:// address of at most limits::explanation_url_bytes.
bool is_web_address(std::string_view text);
bool is_email(std::string_view text);
/// inet_ntop's form of an IPv4 or IPv6 address, or an error.
Result<std::string> normalize_ip(std::string_view text);

}  // namespace chancery
