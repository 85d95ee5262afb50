#pragma once

#include "core/public_key.h"
#include "core/subject.h"

namespace chancery {

/// A PKCS#10 request (RFC 2986) whose signature proved possession of the key. What it asks for is
/// only a wish: profile and policy decide.
struct CertificateRequest {
  PublicKey public_key;
  Subject subject;
  SubjectAltNames names;
};

/// Reads DER or one PEM block. invalid_request with the field and reason: too large, trailing
/// bytes, bad signature, unsupported key, weak key (see weak_key.h), unknown or repeated subject
/// attribute, NUL or non-printable characters, unknown extension, basicConstraints with CA:TRUE,
/// bad or too many alternative names. Names come back in canonical form.
Result<CertificateRequest> parse_certificate_request(ByteView der_or_pem);

}  // namespace chancery
