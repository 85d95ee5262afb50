#pragma once

#include <optional>

#include "core/crl_stream.h"
#include "core/ocsp_response.h"

namespace chancery {

/// An OCSP request (RFC 6960 section 4.1, DER) about one certificate of the issuer, its CertID by
/// SHA-1 as in RFC 5019 section 2.1.1, so that responders know it. An empty nonce: none.
Bytes encode_ocsp_request(const FaceIssuer& issuer, const Serial& serial, ByteView nonce);

/// What a client makes of a response.
struct OcspReading {
  OcspStatus status;
  /// "Revoked", because the CA has not issued it (section 4.4.8).
  bool never_issued = false;
  bool has_nonce = false;  ///< and it is the one that was sent
  Time this_update;
  std::optional<Time> next_update;
  std::size_t bytes = 0;
};

/// Reads and checks a response (section 3.2): successful, about this certificate, signed by the
/// issuer or by a responder that it has certified for that and whose certificate is valid now, with
/// this nonce or none. Freshness is the caller's affair. internal: the reason.
Result<OcspReading> read_ocsp_response(ByteView response, const FaceIssuer& issuer,
                                       const Serial& serial, ByteView nonce);

}  // namespace chancery
