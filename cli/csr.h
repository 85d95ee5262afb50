#pragma once

#include <string>
#include <string_view>

#include "cli/private_key.h"
#include "core/subject.h"

namespace chancery {

/// A PKCS#10 request (RFC 2986) for this key, PEM. invalid_request (field "--cn", "--dns", …) with
/// the name that is wrong.
Result<std::string> make_csr(const PrivateKey& key, const Subject& subject,
                             const SubjectAltNames& names);

/// A request from elsewhere, DER or PEM, as PEM. It is not judged: the service does that.
Result<std::string> csr_as_pem(std::string_view der_or_pem);

/// DER SubjectPublicKeyInfo of a request in PEM.
Result<Bytes> spki_of_csr(const std::string& pem);

}  // namespace chancery
