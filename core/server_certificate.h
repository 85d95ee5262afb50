#pragma once

#include <vector>

#include "core/instance.h"
#include "core/secret.h"

namespace chancery {

/// A certificate with its chain (DER, without the root) and its private key, which is only ever in
/// memory.
struct ServerCertificate {
  std::vector<Bytes> chain;
  Secret key_pem;  ///< PKCS#8
  Time not_after;
};

/// Makes a new P-256 key and has the enrolment CA certify it for the configured tls_names, as a
/// request of `self` like any other.
Result<ServerCertificate> issue_server_certificate(SigningService& service, const Config& config);

}  // namespace chancery
