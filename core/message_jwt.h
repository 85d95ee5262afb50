#pragma once

#include "core/bytes.h"
#include "core/message_class.h"

namespace chancery {

/// BASE64URL(header) "." BASE64URL(payload), as it is signed (RFC 7515 section 5.1).
struct JwtSigningInput {
  std::string algorithm;  ///< `alg` of the header
  MessageContent content;
};

/// invalid_request on "data", "data.header", "data.payload" or a member of these: base64url that is
/// padded or not canonical, JSON with a member twice, a header that asks for what few verifiers do
/// alike (`crit`, `b64`, `enc`), a member that differs from one read here in letters' case only,
/// claims of RFC 7519 section 4.1 of another type than they have there, times that are not whole
/// seconds, an `exp` that is not after `nbf`.
Result<JwtSigningInput> parse_jwt_signing_input(ByteView message, Time at);

}  // namespace chancery
