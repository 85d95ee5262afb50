#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/result.h"

namespace chancery {

/// One row of a closed enumeration and its name outside.
template <class Enum>
struct Named {
  Enum value;
  std::string_view name;
};
template <class Enum>
Named(Enum, std::string_view) -> Named<Enum>;  // clang before 17 deduces nothing for aggregates

template <class Enum>
std::string_view name_in(std::span<const Named<Enum>> table, Enum value) {
  for (const auto& row : table) {
    if (row.value == value) return row.name;
  }
  CHECK(!"every enumerator has a row");
}

/// invalid_request on `field`, with the list of known names.
template <class Enum>
Result<Enum> value_in(std::span<const Named<Enum>> table, std::string_view name,
                      const std::string& field) {
  for (const auto& row : table) {
    if (row.name == name) return row.value;
  }
  std::string known;
  for (const auto& row : table) known += (known.empty() ? "" : ", ") + std::string(row.name);
  return invalid(field, field + " must be one of " + known);
}

}  // namespace chancery
