#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/service.h"
#include "core/machine.h"

namespace chancery {

/// Adds the attributes that the inventory's row of a machine has (GET /v1/machines).
Result<void> add_known_attributes(const nlohmann::json& row, Machine& machine);

/// Adds the attributes that the service's inventory has of the machine with this name. Where it
/// does not know the machine, or may not say: why none were added.
Result<std::string> add_inventory_attributes(Service& service, Machine& machine);

}  // namespace chancery
