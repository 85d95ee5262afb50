#include "pkcs11/token_initialisation.h"

#include "core/limits.h"
#include "pkcs11/child_process.h"
#include "pkcs11/exit_code.h"

namespace chancery {
namespace {

using keyholder::ExitCode;

ErrorCode error_code_for(ExitCode code) {
  switch (code) {
    case ExitCode::token_exists:
      return ErrorCode::conflict;
    case ExitCode::pin_file:
    case ExitCode::usage:
      return ErrorCode::invalid_request;
    case ExitCode::done:
    case ExitCode::module:
    case ExitCode::no_token:
    case ExitCode::pin_refused:
    case ExitCode::token_failed:
    case ExitCode::hung:
    case ExitCode::no_slot:
      break;
  }
  return ErrorCode::token_unavailable;
}

}  // namespace

Result<void> init_token(const TokenInitialisation& wanted) {
  auto child = keyholder::ChildProcess::spawn(
      {.executable = wanted.executable,
       .arguments = {"init-token", "--module", wanted.module, "--label", wanted.label, "--pin-file",
                     wanted.pin_file, "--so-pin-file", wanted.so_pin_file},
       .inherited = {},
       .softhsm_config = wanted.softhsm_config});
  if (!child) return Failure(child.error());
  const auto status = child->wait(limits::key_generation_deadline);
  if (!status) {
    return fail(ErrorCode::token_unavailable, "the token was not initialised in time");
  }
  if (*status == static_cast<int>(ExitCode::done)) return {};
  for (const auto& row : keyholder::exit_codes) {
    if (static_cast<int>(row.code) == *status) {
      return fail(error_code_for(row.code),
                  "the token was not initialised: " + std::string(row.meaning));
    }
  }
  return fail(ErrorCode::token_unavailable, "the token was not initialised", {},
              "the keyholder process ended with status " + std::to_string(*status));
}

}  // namespace chancery
