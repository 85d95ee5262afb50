#pragma once

#include <optional>
#include <vector>

#include "core/bytes.h"
#include "core/result.h"

namespace chancery {

/// Which certificate an OCSP client asks about (RFC 6960 section 4.1.1); views into the request.
struct OcspCertId {
  ByteView whole;  ///< DER, to be repeated in the answer as it came
  bool is_sha256 = false;
  bool has_parameters = false;  ///< NULL ones, of the hash; otherwise none
  ByteView issuer_name_hash, issuer_key_hash;
  ByteView serial;  ///< content octets of the INTEGER
};

struct OcspRequest {
  std::vector<OcspCertId> certificates;
  /// RFC 9654: 1 to 128 octets, the content of the extension's OCTET STRING; empty where absent.
  ByteView nonce;
};

/// DER, strictly: version 1, 1 to limits::ocsp_certificates CertIDs with SHA-1 or SHA-256, at most
/// limits::ocsp_request_bytes. A signature of the client's is passed over, and so is every
/// extension that is not critical. invalid_request (field "ocsp"): what RFC 6960 calls a malformed
/// request.
Result<OcspRequest> parse_ocsp_request(ByteView der);

}  // namespace chancery
