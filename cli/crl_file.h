#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace chancery {

/// What the client says of a CRL.
struct CrlSummary {
  std::string number;  ///< decimal CRLNumber, or empty
  std::size_t revoked = 0;
  std::string this_update, next_update;  ///< RFC 3339
  bool expired = false;                  ///< nextUpdate has passed
};

/// Reads a CRL (RFC 5280 section 5), DER, and checks its signature with the issuer's certificate
/// (PEM). internal where it does not parse or is not the issuer's.
Result<CrlSummary> check_crl_of(std::string_view der, const std::string& issuer_pem);

}  // namespace chancery
