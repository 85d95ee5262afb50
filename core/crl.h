#pragma once

#include <string>
#include <vector>

#include "core/certificate.h"
#include "core/revocation.h"

namespace chancery {

/// DER of one revokedCertificates entry (RFC 5280 section 5.1): serial, time, reason code
/// extension unless unspecified.
Bytes encode_revoked_entry(const Revocation& revocation);

struct CrlDraft {
  std::string number;  ///< decimal; CRLNumber, at most 20 octets (section 5.2.3)
  Time this_update, next_update;
  unsigned shard = 0;
  std::vector<Bytes> entries;  ///< each from encode_revoked_entry
};

/// TBSCertList (section 5.1.2) with AKI, CRLNumber and a critical IDP whose URI is the issuer's
/// crl_url(shard), byte for byte. assemble_signed() makes the CRL of it.
Bytes build_crl_tbs(const Issuer& issuer, const CrlDraft& draft);

/// Reads a CRL (DER) that this service made: refuses what must not be published. `previous_number`
/// may be empty. internal with the reason: bad signature, number that does not grow, wrong issuer,
/// IDP or AKI, entry count other than `entries`, nextUpdate not after thisUpdate.
Result<void> check_crl(ByteView der, const Issuer& issuer, const PublicKey& issuer_key,
                       unsigned shard, const std::string& previous_number, std::size_t entries);

}  // namespace chancery
