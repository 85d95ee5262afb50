#pragma once

#include "cli/identity.h"
#include "core/clock.h"

namespace chancery {

/// Whether `fresh` can take the place of `old`: its key is its certificate's, its names are the
/// same, its chain leads to the trust anchor of `old`, and it is valid at `now`. conflict with what
/// is wrong.
Result<void> check_successor(const Identity& old, const Identity& fresh, Time now);

/// Whether a certificate may be shown as a TLS client's (RFC 5280 section 4.2.1.12). PEM.
bool is_client_certificate(std::string_view pem);

}  // namespace chancery
