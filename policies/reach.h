#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/yaml.h"
#include "policies/example_request.h"
#include "policies/grant_policy.h"

namespace chancery {

/// A grant or role by which something can be done.
struct ReachingRule {
  std::string rule;  ///< "grant:web-tls", "role:operator"
  std::string file;  ///< where the rule is, as messages call it
  Place place;
  Operation operation{};
  std::vector<std::string> machines;    ///< patterns of the grant, holders of the role
  std::vector<std::string> conditions;  ///< "when.max_validity: 24h"; with variables replaced where
                                        ///< the machine is known
  std::vector<std::string> denials;     ///< that take a part of it away
  std::vector<std::string> duties;      ///< "approval by 2: grant:release", "100 per hour"
  std::vector<std::string> known;       ///< machines of the inventory that can do it by this rule
  ExampleRequest example;               ///< that is allowed
};

struct ReachAnswer {
  std::vector<ReachingRule> rules;
  Doubts doubts;
  [[nodiscard]] bool exact() const { return doubts.empty(); }
};

/// Every rule by which some machine may do `wanted.operation`; members of `wanted` that are set
/// narrow it to requests that have exactly these (names: at least these). `inventory` may be empty.
/// The service itself is passed over. too_large where there are too many distinct cases.
Result<ReachAnswer> who_can(const GrantPolicy& policy, const PolicyQuestion& wanted,
                            std::span<const Machine> inventory, Time at);

/// Every rule by which this machine may do anything, by operation.
Result<ReachAnswer> what_can(const GrantPolicy& policy, const Machine& machine, Time at);

}  // namespace chancery
