#pragma once

#include <span>
#include <string_view>

#include "core/message_class.h"

namespace chancery {

/// One row for each field that messages of a class may have: MessageContent has no others, and the
/// policy speaks of no others.
struct MessageFieldRow {
  MessageClass message_class;
  std::string_view name;  ///< as in MessageField and in the policy: "issuer", "dns_name"
};
/// All rows, classes in the order of the enumeration. Several classes may have a field of one name.
std::span<const MessageFieldRow> message_fields();

bool has_field(MessageClass message_class, std::string_view name);

/// Whether a value may be somebody's address, or contain one: it then stays out of the log, and so
/// out of reasons, which go there (docs/audit-format.md, "Commitments").
bool is_personal(std::string_view field, std::string_view value);

}  // namespace chancery
