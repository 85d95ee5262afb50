#pragma once

#include "core/algorithm.h"

namespace chancery {

/// A DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) of a supported key, taken apart. Views
/// into what was parsed.
struct Spki {
  KeyType type = KeyType::ec_p256;
  ByteView point;              ///< EC: uncompressed (SEC 1 section 2.3.3); Ed25519: the 32 octets
  ByteView modulus, exponent;  ///< RSA: content octets of positive INTEGERs
};

/// Accepts the one canonical encoding of each key and no other: named curves, uncompressed points,
/// RSA with NULL parameters, nothing behind the end. Whether a point lies on its curve is not
/// checked here. invalid_request, field "public_key".
Result<Spki> parse_spki(ByteView der);

}  // namespace chancery
