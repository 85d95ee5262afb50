#pragma once

#include <span>
#include <string>
#include <vector>

#include "policies/machine_group.h"
#include "policies/role_holders.h"
#include "policies/rule.h"

namespace chancery {

/// One member of a rule, as a policy would write it.
struct RuleMember {
  std::string name;                 ///< "machines", "operations", "issuers", "when.dns_names", …
  std::vector<std::string> values;  ///< in the order of the text; all of them
  bool operator==(const RuleMember&) const = default;
};

/// All members but the name; those of conditions and duties that it has.
std::vector<RuleMember> members_of(RuleKind kind, const Rule& rule);
/// The members that all rules with these terms have, but for `machines`.
std::vector<RuleMember> members_of(RuleKind kind, const RuleTerms& terms);

/// The same text for rules that mean the same whatever they are called, and another one for any
/// other. Groups are written out.
std::string content_of(RuleKind kind, const Rule& rule, std::span<const MachineGroup> groups);
/// Likewise for what an approval asks for, with all who may give it.
std::string content_of(const ApprovalTerms& terms, std::span<const MachineGroup> groups,
                       const RoleHolders& roles);
/// Likewise for who holds which role.
std::string content_of(const RoleHolders& roles);

/// Where a rule is: "line 12", of a policy of several files "teams/shop.yaml:12".
std::string line_text(std::string_view file, const Place& place);

}  // namespace chancery
