#pragma once

#include <optional>
#include <string_view>

#include "core/clock.h"
#include "core/identifier.h"

namespace chancery {

/// RFC 5280 section 5.3.1, without certificateHold/removeFromCRL (not offered yet, see
/// docs/limitations.md) and the two that are for CAs of other kinds.
enum class RevocationReason {
  unspecified = 0,
  key_compromise = 1,
  ca_compromise = 2,
  affiliation_changed = 3,
  superseded = 4,
  cessation_of_operation = 5,
  privilege_withdrawn = 9,
};

/// RFC 5280's own spelling: "keyCompromise", …
std::string_view name_of(RevocationReason reason);
Result<RevocationReason> parse_revocation_reason(std::string_view name);

struct Revocation {
  Serial serial;
  CaName issuer;
  RevocationReason reason{};
  Time revoked_at;
  MachineName by;
  Time not_after;           ///< of the certificate; the entry may leave the CRL after it
  std::uint64_t entry = 0;  ///< index of its entry in the audit log
};

}  // namespace chancery
