#pragma once

#include <cstddef>

namespace chancery {

/// How long the questions of docs/policy-tools.md take of a policy with so many grants, and for
/// who-can an inventory of so many machines. Prints one JSON object: milliseconds, and ratios to
/// loading the policy.
void measure_policy_analysis(std::size_t grants, std::size_t machines);

}  // namespace chancery
