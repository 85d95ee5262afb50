#pragma once

#include <chrono>
#include <string>

#include "core/limits.h"
#include "core/result.h"

namespace chancery::keyholder {

/// The command line of chancery-keyholder. A PIN is never on it.
struct Arguments {
  enum class Mode { serve, listen, init_token, help } mode = Mode::help;
  std::string module, label, pin_file;
  std::string so_pin_file;  ///< init_token
  std::string socket_path;  ///< listen
  long peer_uid = -1;       ///< listen: who may connect; -1: the user that runs the keyholder
  unsigned lanes = 1;       ///< serve: inherited sockets; listen: connections at most
  int first_fd = 3;         ///< serve: number of the first of them
  int parent = 0;           ///< serve: the process that it ends with
  std::chrono::milliseconds deadline = limits::token_call_deadline;
  std::chrono::milliseconds generation_deadline = limits::key_generation_deadline;
};

/// invalid_request with what is wrong.
Result<Arguments> parse_arguments(int count, char** values);

extern const char* const usage_text;

}  // namespace chancery::keyholder
