#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/algorithm.h"
#include "core/bytes.h"
#include "core/clock.h"
#include "core/revocation.h"

namespace chancery {

/// RFC 6960 section 4.2.1, what a responder answers unsigned.
enum class OcspFailure : std::uint8_t {
  malformed_request = 1,
  internal_error = 2,
  try_later = 3,
  unauthorized = 6,
};
Bytes encode_ocsp_failure(OcspFailure failure);

/// What is said of one certificate.
struct OcspStatus {
  enum class Kind { good, revoked, unknown };
  Kind kind = Kind::unknown;
  Time revoked_at{};          ///< of revoked
  RevocationReason reason{};  ///< of revoked
  bool operator==(const OcspStatus&) const = default;
};

struct OcspAnswer {
  ByteView cert_id;  ///< DER, as it was asked
  OcspStatus status;
};

/// ResponseData (section 4.2.1): exactly what the responder's key signs.
struct OcspDraft {
  Bytes responder_key_hash;  ///< SHA-1 of the responder's subjectPublicKey
  std::vector<OcspAnswer> answers;
  Time this_update, next_update;
  ByteView nonce;                ///< empty: none
  bool extended_revoke = false;  ///< unknown ones count as revoked (section 4.4.8)
};
Bytes encode_ocsp_response_data(const OcspDraft& draft);

/// OCSPResponse with a BasicOCSPResponse, the responder's certificate (DER) in it.
Bytes assemble_ocsp_response(const Bytes& response_data, SignatureAlgorithm algorithm,
                             ByteView signature, ByteView certificate);

/// SHA-1 (or SHA-256) of the subjectPublicKey BIT STRING's octets, by which RFC 6960 names keys.
/// `spki` is valid DER.
Bytes ocsp_key_hash(ByteView spki, bool is_sha256 = false);

}  // namespace chancery
