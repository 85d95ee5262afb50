#pragma once

#include <cstdint>
#include <vector>

#include "core/clock.h"
#include "core/yaml.h"

namespace chancery {

class FieldPath;

/// So many uses of a grant, in windows that begin at multiples of their length since 1970 in UTC.
struct Quota {
  std::uint64_t limit = 0;
  Seconds window{};         ///< zero: ever
  bool per_machine = true;  ///< or of all machines together
};

/// A list of {limit: 100, per: hour, for: machine}; without `for`, of each machine.
Result<std::vector<Quota>> read_quotas(const YamlNode& node, const FieldPath& path);

}  // namespace chancery
