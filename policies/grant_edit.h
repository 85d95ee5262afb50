#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policies/condition.h"

namespace chancery {

/// What the request has of the condition called `name`, for people; addresses of people are left
/// out.
std::string asked_of(std::string_view name, const Asked& asked);

/// Widens the condition of a grant, which does not hold, just so far that it does, and says how:
/// 'add "db.example.com" to when.dns_names'. Nothing where no edit of this condition would do.
std::optional<std::string> widen(const ConditionRow& row, const Asked& asked, RuleTerms& terms);

}  // namespace chancery
