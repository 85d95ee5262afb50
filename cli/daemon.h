#pragma once

#include <string>
#include <vector>

#include "cli/session.h"

namespace chancery {

/// Runs `chanceryd`, the program beside this one, for what needs the token, the store or the policy
/// language, which only the daemon is linked with. Without --json this process becomes it and does
/// not return; with --json its output becomes {"output": [line, …]}.
Result<ExitCode> run_daemon(const Session& session, std::vector<std::string> arguments);

}  // namespace chancery
