#pragma once

#include <chrono>
#include <string>

#include "core/limits.h"

namespace chancery {

/// Where the token is and how it is used.
struct KeyholderOptions {
  std::string executable;      ///< path of chancery-keyholder
  std::string module;          ///< PKCS#11 module's path
  std::string label;           ///< of the token
  std::string pin_file;        ///< mode 0600; only the keyholder reads it
  std::string softhsm_config;  ///< SOFTHSM2_CONF of the keyholder; empty: inherited

  /// A socket at which a keyholder listens that an administrator runs as another user. When set,
  /// there is this one keyholder, and of the above only `label` is used, to check the token.
  std::string socket_path;

  unsigned keyholders = 2;  ///< processes
  unsigned lanes = 8;       ///< per keyholder

  std::chrono::milliseconds deadline = limits::token_call_deadline;
  std::chrono::milliseconds generation_deadline = limits::key_generation_deadline;
  std::chrono::milliseconds start_deadline = limits::keyholder_start_deadline;
  std::chrono::milliseconds lane_wait = limits::lane_wait;
  /// Between two starts of the same keyholder: the shortest time, doubled for each that did not
  /// live for `restart_delay_at_most`, up to that.
  std::chrono::milliseconds restart_delay = limits::keyholder_restart_delay;
  std::chrono::milliseconds restart_delay_at_most = limits::keyholder_restart_delay_at_most;
};

}  // namespace chancery
