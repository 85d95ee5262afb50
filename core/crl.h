#pragma once

#include <optional>
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
  /// Of which certificates it speaks: those of one of the issuer's shards, or of all of them.
  std::optional<unsigned> shard;
  std::vector<Bytes> entries;  ///< each from encode_revoked_entry
};

/// TBSCertList (section 5.1.2) with AKI and CRLNumber; that of a shard also with a critical IDP
/// whose URI is the issuer's crl_url(shard), byte for byte. That of all certificates has none: it
/// would only be refused by readers (docs/decisions/006). assemble_signed() makes the CRL of it.
Bytes build_crl_tbs(const Issuer& issuer, const CrlDraft& draft);

/// Reads a CRL (DER) that this service made: refuses what must not be published. `previous_number`
/// may be empty. internal with the reason: bad signature, number that does not grow, wrong issuer
/// or AKI, an IDP other than that of `shard`, entry count other than `entries`, nextUpdate not
/// after thisUpdate.
Result<void> check_crl(ByteView der, const Issuer& issuer, const PublicKey& issuer_key,
                       std::optional<unsigned> shard, const std::string& previous_number,
                       std::size_t entries);

}  // namespace chancery
