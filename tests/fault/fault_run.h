#pragma once

#include <string>
#include <vector>

#include "tests/fault/file_calls.h"
#include "tests/flow/flow_fixture.h"

namespace chancery {

/// What one run of the service was told to be done, and so must be found again.
struct Given {
  struct Signature {
    std::uint64_t intent, outcome;
    std::string signature_sha256;
  };
  std::vector<Signature> signatures;
  std::vector<std::string> issued, revoked;  ///< serials
  std::uint64_t checkpoint = 0;              ///< size
  std::uint64_t checkpoints_tried = 0;
  bool ready = false;                     ///< it opened
  bool suspended = false, ended = false;  ///< what the log had to do
  bool reached = false;                   ///< the fault
  std::uint64_t token_signatures = 0;     ///< of this run; 0 where the process ended
  std::vector<std::string> wrong;         ///< errors that are no honest refusal
  int status = 0;                         ///< of the process
};

/// A fault, in one of the calls that change files, or at one of the run's uses of the token.
struct FaultPlan {
  std::optional<FilePlan> file = {};
  std::optional<TokenFault> token = {};
  unsigned token_step = 0;    ///< 0 a signature, 1 a certificate, 2 a checkpoint
  bool wait_for_log = false;  ///< a suspended log has to go on, and then sign
};

/// Opens the installation, which is closed and has a key of this name, in a child process; signs,
/// issues, revokes, publishes a checkpoint, and closes it.
Given run_with_fault(FlowFixture& flow, const KeyName& key, const FaultPlan& plan);

}  // namespace chancery
