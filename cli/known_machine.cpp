#include "cli/known_machine.h"

#include <nlohmann/json.hpp>

#include "policies/asked_member.h"

namespace chancery {

using nlohmann::json;

Result<void> add_known_attributes(const json& row, Machine& machine) {
  const auto found = row.find("attributes");
  if (found == row.end() || !found->is_object()) return {};
  for (const auto& [name, value] : found->items()) {
    if (!value.is_string()) continue;
    RETURN_IF_ERROR(add_attribute(machine, name, value.get<std::string>()));
  }
  return {};
}

Result<std::string> add_inventory_attributes(Service& service, Machine& machine) {
  const std::string name = machine.name.text();
  const auto shown = service.get("/v1/machines/" + name);
  if (shown) {
    RETURN_IF_ERROR(add_known_attributes(*shown, machine));
    return std::string();
  }
  const ErrorCode code = shown.error().code;
  if (code == ErrorCode::not_found) {
    return "the inventory has no machine " + name + ", so it has no attributes here";
  }
  if (code == ErrorCode::forbidden) {
    return "the attributes of " + name +
           " are not known: this identity may not read the inventory; give them with --attribute";
  }
  return Failure(shown.error());
}

}  // namespace chancery
