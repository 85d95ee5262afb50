#pragma once

#include <string>

#include "core/policy.h"

namespace chancery {

/// What the approvers of a request see of it: a JSON object of what the policy was asked, and of
/// method and path. E-mail addresses, and whatever could be one, are withheld: it is kept for ever.
Result<std::string> approval_summary(const PolicyQuestion& question,
                                     const std::string& request_line, const std::string& details);

}  // namespace chancery
