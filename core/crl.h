#pragma once

#include <optional>
#include <string>

#include "core/certificate.h"
#include "core/crl_scope.h"
#include "core/der.h"
#include "core/revocation.h"

namespace chancery {

/// The octets of a CRLNumber, big-endian, in decimal.
std::string crl_number_text(ByteView big_endian);

/// Writes one revokedCertificates entry (RFC 5280 section 5.1): serial, time, and as extensions
/// the reason code (section 5.3.1) unless it is unspecified and the invalidity date (5.3.2).
void write_revoked_entry(DerWriter& out, const RevokedEntry& entry);

struct CrlDraft {
  std::string number;  ///< decimal; CRLNumber, at most 20 octets (section 5.2.3)
  Time this_update, next_update;
  CrlScope scope;
  /// Of a delta: the CRLNumber of the list of all certificates that it says the changes to.
  std::string base_number = {};
  /// Also where the scope asks for none (docs/decisions/006).
  bool distribution_point = false;
  /// The list of all certificates names its delta (FreshestCRL, section 5.2.6).
  bool freshest = false;
  std::size_t entries = 0;  ///< how many there are in …
  Bytes encoded_entries;    ///< … from write_revoked_entry, one after the other
};

/// TBSCertList (section 5.1.2) with AKI and CRLNumber; that of a shard also with a critical IDP
/// whose URI is the issuer's crl_url(scope), byte for byte; a delta with a critical
/// deltaCRLIndicator (5.2.4). That of all certificates has none: it would only be refused by
/// readers (docs/decisions/006). Takes the entries' memory, which at a million is the most of it.
/// assemble_signed() makes the CRL of it.
Bytes build_crl_tbs(const Issuer& issuer, CrlDraft& draft);

/// What has to be found in a CRL for it to be published.
struct CrlExpectation {
  CrlScope scope;
  std::string base_number = {};
  bool distribution_point = false;
  bool freshest = false;
  std::string previous_number = {};  ///< may be empty
  std::size_t entries = 0;
};

/// Reads a CRL (DER) that this service made: refuses what must not be published. internal with the
/// reason: bad signature, number that does not grow, wrong issuer or AKI, an IDP other than that of
/// the scope, another base, entry count other than `entries`, nextUpdate not after thisUpdate.
Result<void> check_crl(ByteView der, const Issuer& issuer, const PublicKey& issuer_key,
                       const CrlExpectation& expected);

/// What a CRL says of itself.
struct CrlHead {
  std::string number;  ///< decimal
  Time this_update, next_update;
  std::size_t entries = 0;
};
/// Of a CRL that the issuer signed, whatever scope it has. internal with the reason.
Result<CrlHead> read_signed_crl(ByteView der, const Issuer& issuer, const PublicKey& issuer_key);

}  // namespace chancery
