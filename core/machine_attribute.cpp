#include "core/machine_attribute.h"

#include <algorithm>

#include "core/limits.h"

namespace chancery {
namespace {

constexpr const char* kField = "attributes";

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_name_character(char c) {
  return is_lower(c) || (c >= '0' && c <= '9') || c == '_';
}
bool is_value_character(char c) {
  return c >= ' ' && c <= '~' && c != '*' && c != '{' && c != '}';
}

}  // namespace

Result<void> check_attribute_name(std::string_view name) {
  const bool good = !name.empty() && name.size() <= limits::attribute_name_bytes &&
                    is_lower(name.front()) &&
                    std::all_of(name.begin(), name.end(), is_name_character);
  if (good) return {};
  return invalid(kField, "an attribute's name is 1 to " +
                             std::to_string(limits::attribute_name_bytes) +
                             " of a-z 0-9 _ and begins with a letter");
}

Result<MachineAttribute> parse_machine_attribute(std::string_view name, std::string_view value) {
  RETURN_IF_ERROR(check_attribute_name(name));
  const bool good = !value.empty() && value.size() <= limits::attribute_value_bytes &&
                    value.front() != ' ' && value.back() != ' ' &&
                    std::all_of(value.begin(), value.end(), is_value_character);
  if (good) return MachineAttribute{std::string(name), std::string(value)};
  return invalid(kField, "the value of the attribute " + std::string(name) + " must be 1 to " +
                             std::to_string(limits::attribute_value_bytes) +
                             " printable ASCII characters without * { }, and no space at either "
                             "end");
}

Result<MachineAttribute> parse_machine_attribute(std::string_view text) {
  const std::size_t sign = text.find('=');
  if (sign == std::string_view::npos) return invalid(kField, "write an attribute as NAME=VALUE");
  return parse_machine_attribute(text.substr(0, sign), text.substr(sign + 1));
}

std::string to_text(const MachineAttribute& attribute) {
  return attribute.name + "=" + attribute.value;
}

Result<std::vector<MachineAttribute>> attribute_set(std::vector<MachineAttribute> attributes) {
  if (attributes.size() > limits::machine_attributes) {
    return invalid(kField, "a machine has at most " + std::to_string(limits::machine_attributes) +
                               " attributes");
  }
  std::ranges::sort(attributes, {}, &MachineAttribute::name);
  const auto twice = std::ranges::adjacent_find(attributes, {}, &MachineAttribute::name);
  if (twice == attributes.end()) return attributes;
  return invalid(kField, "the attribute " + twice->name + " is given twice");
}

std::vector<std::string> texts_of(const std::vector<MachineAttribute>& attributes) {
  std::vector<std::string> texts;
  for (const MachineAttribute& attribute : attributes) texts.push_back(to_text(attribute));
  return texts;
}

const std::string* find_attribute(const Machine& machine, std::string_view name) {
  for (const MachineAttribute& attribute : machine.attributes) {
    if (attribute.name == name) return &attribute.value;
  }
  return nullptr;
}

}  // namespace chancery
