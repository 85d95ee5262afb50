#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "policies/policy_diff.h"

namespace chancery {

/// For people: what becomes allowed and refused, with an example each.
std::string to_text(const PolicyDiff& difference);
nlohmann::json to_json(const PolicyDiff& difference);

}  // namespace chancery
