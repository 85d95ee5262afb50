#pragma once

#include <string>

#include "core/result.h"

namespace chancery {

struct TokenInitialisation {
  std::string executable;      ///< path of chancery-keyholder
  std::string module;          ///< PKCS#11 module's path
  std::string label;           ///< of the new token, at most 32 bytes
  std::string pin_file;        ///< the user's PIN, mode 0600
  std::string so_pin_file;     ///< the security officer's PIN, mode 0600
  std::string softhsm_config;  ///< SOFTHSM2_CONF; empty: inherited
};

/// Initialises a token in the module's first free slot, in a process of its own: the caller never
/// sees a PIN. conflict when a token of that label exists; invalid_request for a PIN file that
/// cannot be used; else token_unavailable.
Result<void> init_token(const TokenInitialisation& wanted);

}  // namespace chancery
