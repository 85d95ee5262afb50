#include "policies/machine_group.h"

#include "core/field_path.h"
#include "core/machine_attribute.h"

namespace chancery {
namespace {

constexpr std::array<std::string_view, 2> kMembers = {"machines", "attributes"};

Result<MachinePattern> parse_member(std::string_view text) {
  ASSIGN_OR_RETURN(MachinePattern pattern, parse_machine_pattern(text));
  if (pattern.kind != IdentityKind::group) return pattern;
  return invalid("", "groups do not nest; write the machines of \"" + std::string(text) +
                         "\" here too, or give the rule both groups");
}

Result<std::vector<MachineGroup::Attribute>> read_attributes(const YamlNode& node,
                                                             const FieldPath& path) {
  if (node.kind != YamlNode::Kind::mapping) {
    return path.refuse(node.place, "must be a mapping from names of attributes to their values");
  }
  if (node.children.empty()) return path.refuse(node.place, "is empty; leave it out");
  std::vector<MachineGroup::Attribute> attributes;
  for (const YamlNode& child : node.children) {
    const FieldPath child_path = path.member(child.name);
    if (const auto good = check_attribute_name(child.name); !good) {
      return child_path.refuse(child.name_place, good.error().message);
    }
    const auto parse = [&](std::string_view value) -> Result<std::string> {
      ASSIGN_OR_RETURN(MachineAttribute attribute, parse_machine_attribute(child.name, value));
      return std::move(attribute.value);
    };
    ASSIGN_OR_RETURN(std::vector<std::string> values, read_list(child, child_path, parse));
    attributes.push_back({child.name, std::move(values)});
  }
  return attributes;
}

}  // namespace

Result<MachineGroup> read_machine_group(const YamlNode& node, const FieldPath& path) {
  MachineGroup group;
  if (const auto good = check_policy_name(node.name); !good) {
    return path.refuse(node.name_place, "the name of a group " + good.error().message);
  }
  group.name = node.name;
  group.file = path.file();
  group.place = node.name_place;
  RETURN_IF_ERROR(expect_members(node, path, kMembers));
  if (node.children.empty()) {
    return path.refuse(node.place, "says nothing; it must have machines, attributes or both");
  }
  if (const YamlNode* machines = find_member(node, "machines")) {
    ASSIGN_OR_RETURN(group.machines, read_list(*machines, path.member("machines"), parse_member,
                                               limits::policy_nodes));
  }
  if (const YamlNode* attributes = find_member(node, "attributes")) {
    ASSIGN_OR_RETURN(group.attributes, read_attributes(*attributes, path.member("attributes")));
  }
  return group;
}

}  // namespace chancery
