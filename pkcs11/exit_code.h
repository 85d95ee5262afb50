#pragma once

#include <string_view>

namespace chancery::keyholder {

/// How a keyholder process ends; chanceryd reads it when a keyholder does not come up.
enum class ExitCode : int {
  done = 0,           ///< its lanes were closed, or the token was initialised
  usage = 2,          ///< bad arguments
  module = 10,        ///< the PKCS#11 module did not load or initialise
  no_token = 11,      ///< no token, or several, have the label
  pin_file = 12,      ///< the PIN file is missing, readable by others, or malformed; PIN not tried
  pin_refused = 13,   ///< the token refused the PIN, or allows one attempt only; never retried
  token_failed = 14,  ///< the token failed; a new process may find it well again
  hung = 15,          ///< a call into the module went over its deadline
  token_exists = 16,  ///< init-token: a token of that label exists
  no_slot = 17,       ///< init-token: no slot with an uninitialised token
};

struct ExitCodeRow {
  ExitCode code;
  std::string_view meaning;
};
inline constexpr ExitCodeRow exit_codes[] = {
    {ExitCode::done, "it ended in order"},
    {ExitCode::usage, "its arguments were refused"},
    {ExitCode::module, "the PKCS#11 module could not be loaded"},
    {ExitCode::no_token, "the token's label was not found exactly once"},
    {ExitCode::pin_file, "the PIN file cannot be used"},
    {ExitCode::pin_refused, "the token refused the PIN"},
    {ExitCode::token_failed, "the token failed"},
    {ExitCode::hung, "a call of the token did not return in time"},
    {ExitCode::token_exists, "a token of that label exists"},
    {ExitCode::no_slot, "no slot is free for a new token"},
};

}  // namespace chancery::keyholder
