#pragma once

#include "core/checkpoint_publisher.h"
#include "core/instance.h"

namespace chancery {

/// Makes new keys of the audit log in the token, of the types that sign now, and has them sign
/// beside those. A crash between leaves keys that nothing names. Decided by the policy as the
/// creation of each key.
Result<void> rotate_log_keys(Instance& instance, CheckpointPublisher& checkpoints,
                             const Caller& caller);
/// Only the last ones sign from now on. Decided as the creation of a key.
Result<void> retire_log_keys(Instance& instance, CheckpointPublisher& checkpoints,
                             const Caller& caller);

/// HOME/log-keys: the verifier keys of the last signed checkpoint, one a line.
Result<void> write_log_keys(const std::string& home, CheckpointPublisher& checkpoints);

}  // namespace chancery
