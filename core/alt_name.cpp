#include "core/alt_name.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "core/limits.h"

namespace chancery {
namespace {

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

Result<std::string> decode_ip(ByteView octets, std::string_view field) {
  if (octets.size() != 4 && octets.size() != 16) {
    return invalid(std::string(field), std::string(field) + " has an IP address of " +
                                           std::to_string(octets.size()) + " octets");
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(octets.size() == 4 ? AF_INET : AF_INET6, octets.data(), text.data(), text.size());
  return std::string(text.data());
}

Result<std::string> decode_text(ByteView octets, std::string_view field) {
  const bool graphic = std::all_of(octets.begin(), octets.end(),
                                   [](std::uint8_t octet) { return octet > 0x20 && octet < 0x7f; });
  if (!graphic || octets.empty()) {
    return invalid(std::string(field),
                   std::string(field) +
                       " has an empty name or one with a NUL, space, control or non-ASCII "
                       "character; write international names in their ASCII form (RFC 5890)");
  }
  return std::string(text_of(octets));
}

// The host part of an address is a DNS name; the local part's case may matter (RFC 5321, 2.4).
std::string canonical_email(std::string text) {
  const std::size_t at = text.find('@');
  return at == text.npos ? text : text.substr(0, at) + to_lower(text.substr(at));
}

Result<void> decode_name_into(const DerElement& name, SubjectAltNames& names,
                              std::string_view field, OtherNames others) {
  if (name.tag == general_name::ip) {
    ASSIGN_OR_RETURN(std::string ip, decode_ip(name.content, field));
    names.ip.push_back(std::move(ip));
    return {};
  }
  if (name.tag != general_name::dns && name.tag != general_name::uri &&
      name.tag != general_name::email) {
    if (others == OtherNames::pass_over) return {};
    return invalid(std::string(field),
                   std::string(field) +
                       " has a name that is neither DNS name, IP address, URI nor "
                       "e-mail address");
  }
  ASSIGN_OR_RETURN(std::string text, decode_text(name.content, field));
  if (name.tag == general_name::dns) {
    names.dns.push_back(to_lower(text));
  } else if (name.tag == general_name::uri) {
    names.uri.push_back(std::move(text));
  } else {
    names.email.push_back(canonical_email(std::move(text)));
  }
  return {};
}

bool is_canonical_ip(const std::string& text) {
  const auto normal = normalize_ip(text);
  // An IPv4 address in IPv6's clothes would slip past rules about IPv4.
  return normal && *normal == text && !(text.starts_with("::ffff:") && text.find('.') != text.npos);
}

Result<void> check_each(const std::vector<std::string>& names, std::string_view field,
                        std::string_view kind, bool (*good)(const std::string&)) {
  const std::string place(field);
  for (const std::string& name : names) {
    if (!good(name)) {
      return invalid(place, place + ": \"" + name + "\" is not a valid " + std::string(kind));
    }
  }
  std::vector<std::string> sorted = names;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) return invalid(place, place + " names \"" + *twice + "\" twice");
  return {};
}

/// As check_each, but by their places: the message goes into the log, where nobody's address
/// stands.
Result<void> check_emails(const std::vector<std::string>& names, const std::string& field) {
  for (auto name = names.begin(); name != names.end(); ++name) {
    const std::string which = "e-mail address " + std::to_string(name - names.begin() + 1);
    if (!is_email(*name)) return invalid(field, field + ": " + which + " is not a valid one");
    if (std::find(names.begin(), name, *name) != name) {
      return invalid(field, field + ": " + which + " is there twice");
    }
  }
  return {};
}

}  // namespace

void write_alt_names(DerWriter& out, const SubjectAltNames& names) {
  out.sequence([&] {
    for (const std::string& name : names.dns) out.element(general_name::dns, name);
    for (const std::string& name : names.ip) {
      const int family = name.find(':') == name.npos ? AF_INET : AF_INET6;
      std::array<std::uint8_t, 16> octets{};
      CHECK(inet_pton(family, name.c_str(), octets.data()) == 1);
      out.element(general_name::ip, ByteView(octets).first(family == AF_INET ? 4 : 16));
    }
    for (const std::string& name : names.uri) out.element(general_name::uri, name);
    for (const std::string& name : names.email) out.element(general_name::email, name);
  });
}

Result<SubjectAltNames> decode_alt_names(ByteView der, std::string_view field, OtherNames others) {
  DerReader outer(der, field);
  ASSIGN_OR_RETURN(DerReader list, outer.enter(der::sequence));
  RETURN_IF_ERROR(outer.end());
  if (list.at_end()) return invalid(std::string(field), std::string(field) + " is empty");
  SubjectAltNames names;
  while (!list.at_end()) {
    ASSIGN_OR_RETURN(const DerElement name, list.any());
    RETURN_IF_ERROR(decode_name_into(name, names, field, others));
  }
  return names;
}

Result<void> check_alt_names(const SubjectAltNames& names, std::string_view field) {
  if (names.size() > limits::subject_alt_names) {
    return invalid(std::string(field), std::string(field) + " has " + std::to_string(names.size()) +
                                           " names; at most " +
                                           std::to_string(limits::subject_alt_names) +
                                           " are allowed");
  }
  RETURN_IF_ERROR(check_each(names.dns, field, "DNS name",
                             [](const std::string& name) { return is_dns_name(name, true); }));
  RETURN_IF_ERROR(check_each(names.ip, field, "IP address", is_canonical_ip));
  RETURN_IF_ERROR(
      check_each(names.uri, field, "URI", [](const std::string& name) { return is_uri(name); }));
  return check_emails(names.email, std::string(field));
}

}  // namespace chancery
