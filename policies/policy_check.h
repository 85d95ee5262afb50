#pragma once

#include "core/result.h"
#include "policies/compiled_rules.h"

namespace chancery {

/// Refuses what only the whole policy shows: a grant that gives an auditor a changing operation by
/// name, an auditor as an approver, approvals that too few hold the roles for, and a denial after
/// which no administrator could change the policy again. The index must be finished.
Result<void> check_policy(const CompiledRules& rules);

}  // namespace chancery
