#pragma once

#include <string_view>
#include <vector>

#include "core/machine.h"

namespace chancery {

/// Reads what the inventory is to say of a machine. A name is a-z, then a-z 0-9 _, at most
/// limits::attribute_name_bytes long; a value is 1 to limits::attribute_value_bytes printable ASCII
/// characters, without space at either end and without the characters that patterns give a meaning
/// to: * { }. So each value can be written in a policy as it is. invalid_request with the field
/// attributes otherwise.
Result<MachineAttribute> parse_machine_attribute(std::string_view name, std::string_view value);

/// The name alone, by the same rule.
Result<void> check_attribute_name(std::string_view name);

/// The same of "NAME=VALUE", as entries of the log and command lines write it.
Result<MachineAttribute> parse_machine_attribute(std::string_view text);
std::string to_text(const MachineAttribute& attribute);

/// All that the inventory is to say of one machine, by name. invalid_request where a name is there
/// twice or where there are more than limits::machine_attributes.
Result<std::vector<MachineAttribute>> attribute_set(std::vector<MachineAttribute> attributes);

/// Each as "NAME=VALUE".
std::vector<std::string> texts_of(const std::vector<MachineAttribute>& attributes);

/// The value of the attribute `name`, or null.
const std::string* find_attribute(const Machine& machine, std::string_view name);

}  // namespace chancery
