#include "core/message_fields.h"

#include <algorithm>
#include <array>

namespace chancery {
namespace {

using enum MessageClass;

constexpr std::array kRows = {
    MessageFieldRow{data, "context"},

    MessageFieldRow{jwt, "issuer"},    // iss
    MessageFieldRow{jwt, "subject"},   // sub
    MessageFieldRow{jwt, "audience"},  // aud: one or several
    MessageFieldRow{jwt, "scope"},     // RFC 8693 section 4.2: its words
    MessageFieldRow{jwt, "type"},      // typ of the header
    MessageFieldRow{jwt, "key_id"},    // kid of the header

    MessageFieldRow{ssh_certificate, "type"},  // user or host
    MessageFieldRow{ssh_certificate, "key_id"},
    MessageFieldRow{ssh_certificate, "principal"},
    MessageFieldRow{ssh_certificate, "critical_option"},  // its name
    MessageFieldRow{ssh_certificate, "extension"},        // its name

    MessageFieldRow{certificate, "issuer"},   // RFC 4514
    MessageFieldRow{certificate, "subject"},  // RFC 4514
    MessageFieldRow{certificate, "common_name"},
    MessageFieldRow{certificate, "dns_name"},
    MessageFieldRow{certificate, "ip_address"},
    MessageFieldRow{certificate, "uri"},
    MessageFieldRow{certificate, "email"},
    MessageFieldRow{certificate, "ca"},                  // true or false
    MessageFieldRow{certificate, "key_usage"},           // as profiles name them
    MessageFieldRow{certificate, "extended_key_usage"},  // likewise; others as dotted numbers

    MessageFieldRow{crl, "issuer"},  // RFC 4514
    MessageFieldRow{crl, "number"},  // decimal

    MessageFieldRow{cms_attributes, "content_type"},  // dotted numbers
};

}  // namespace

std::span<const MessageFieldRow> message_fields() {
  return kRows;
}

bool has_field(MessageClass message_class, std::string_view name) {
  return std::ranges::any_of(kRows, [&](const MessageFieldRow& row) {
    return row.message_class == message_class && row.name == name;
  });
}

bool is_personal(std::string_view field, std::string_view value) {
  // OpenSSH's own way to name what a vendor adds is name@domain.
  if (field == "critical_option" || field == "extension") return false;
  return value.find('@') != value.npos;
}

}  // namespace chancery
