#pragma once

#include <string>
#include <vector>

#include "policies/grant_policy.h"

namespace chancery {

/// What an allowed decision of a policy with these rules still asks for, for people:
/// "1 approval (approval:two, from role:administrator), expires 2d",
/// "at most 5 in 1h (quota web/1)".
std::vector<std::string> duty_texts(const PolicyRules& rules, const Decision& decision);

/// The same of an approval that the rule `name`, "approval:two", asks for.
std::string duty_text(const std::string& name, const ApprovalTerms& terms);

}  // namespace chancery
