#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/identifier.h"

namespace chancery {

/// RFC 5280 section 5.3.1, without the two that are for CAs of other kinds. All are for good but
/// two: certificate_hold may be followed by any other, remove_from_crl is the end of a hold.
enum class RevocationReason {
  unspecified = 0,
  key_compromise = 1,
  ca_compromise = 2,
  affiliation_changed = 3,
  superseded = 4,
  cessation_of_operation = 5,
  certificate_hold = 6,
  remove_from_crl = 8,
  privilege_withdrawn = 9,
};

/// RFC 5280's own spelling: "keyCompromise", …
std::string_view name_of(RevocationReason reason);
Result<RevocationReason> parse_revocation_reason(std::string_view name);
/// Whether nothing can follow this reason.
inline bool is_final(RevocationReason reason) {
  return reason != RevocationReason::certificate_hold &&
         reason != RevocationReason::remove_from_crl;
}

/// What holds of a certificate now. Of its shards see CrlScope.
struct Revocation {
  Serial serial;
  CaName issuer;
  RevocationReason reason{};
  Time revoked_at;
  MachineName by;
  Time not_after;           ///< of the certificate; the entry may leave the CRL after it
  unsigned crl_shards = 1;  ///< of the certificate
  std::optional<Time> invalidity_date;  ///< since when it may have been misused, to the second
  std::string incident;                 ///< that it was revoked for; empty: for itself
  std::uint64_t entry = 0;              ///< index of its entry in the audit log
};

/// What a CRL says of one certificate.
struct RevokedEntry {
  Serial serial;
  Time revoked_at;
  RevocationReason reason{};
  std::optional<Time> invalidity_date;
};

}  // namespace chancery
