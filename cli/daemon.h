#pragma once

#include <string>
#include <vector>

#include "core/result.h"

namespace chancery {

/// Becomes `chanceryd` with these arguments: the program beside this one. For what needs the token,
/// the store or the policy language, which only the daemon is linked with. Returns only on failure.
Failure become_daemon(const std::vector<std::string>& arguments);

}  // namespace chancery
