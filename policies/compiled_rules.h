#pragma once

#include <array>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "policies/machine_group.h"
#include "policies/machine_index.h"
#include "policies/role_holders.h"
#include "policies/rule.h"

namespace chancery {

/// All that a policy says, in the order of its text. Points into the policy.
struct PolicyRules {
  const RoleHolders& roles;
  std::span<const MachineGroup> groups;
  std::span<const Rule> denials, grants, approvals;
};

/// A policy that was read, with what its rules point to.
struct CompiledRules {
  RoleHolders roles;
  std::vector<MachineGroup> groups;
  std::array<std::vector<Rule>, kRuleKinds> rules;
  std::deque<RuleTerms> terms;    // the rules point to them
  std::deque<std::string> files;  // and to these
  MachineIndex index;

  [[nodiscard]] const std::vector<Rule>& of(RuleKind kind) const {
    return rules[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] std::vector<Rule>& of(RuleKind kind) {
    return rules[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] PolicyRules view() const {
    return {roles, groups, of(RuleKind::denial), of(RuleKind::grant), of(RuleKind::approval)};
  }
};

}  // namespace chancery
