#pragma once

#include <string>
#include <vector>

#include "core/clock.h"

namespace chancery {

/// Runs `program` without a shell and without arguments, with `variables` ("NAME=VALUE") added to
/// the environment, its output going to our standard error and nothing for it to read. Killed, with
/// what it started, after `deadline`. internal when it cannot be started, ends with another status
/// than 0, or takes too long.
Result<void> run_hook(const std::string& program, const std::vector<std::string>& variables,
                      Seconds deadline);

/// From now on SIGTERM and SIGINT end this process with `status` at once, and the hook with it,
/// wherever it is: what it writes is whole at each moment. SIGHUP is held back for
/// wait_for_hangup().
void end_at_once_on_signals(int status);

/// Waits until SIGHUP came, which may have been before; false when `most` is over first.
bool wait_for_hangup(Seconds most);

}  // namespace chancery
