#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/yaml.h"
#include "policies/identity.h"

namespace chancery {

class FieldPath;

/// Machines under one name. What is given must be met: any of `machines`, and of each attribute any
/// of its values.
struct MachineGroup {
  struct Attribute {
    std::string name;
    std::vector<std::string> values;
  };
  std::string name;
  std::string_view file;  ///< as messages call it; the policy owns the text
  Place place;            ///< of its name
  std::vector<MachinePattern> machines;
  std::vector<Attribute> attributes;
};

/// Reads a member of `groups`; its name is that of the group.
Result<MachineGroup> read_machine_group(const YamlNode& node, const FieldPath& path);

}  // namespace chancery
