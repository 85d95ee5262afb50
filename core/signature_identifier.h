#pragma once

#include <optional>

#include "core/algorithm.h"
#include "core/public_key.h"

namespace chancery {

/// DER AlgorithmIdentifier of a signature (RFC 5280 section 4.1.1.2; RFC 4055, 5758, 8410): NULL
/// parameters for RSA PKCS#1, RSASSA-PSS-params for PSS, none for ECDSA and Ed25519.
ByteView signature_identifier(SignatureAlgorithm algorithm);

/// A signature algorithm as others may use it: unlike SignatureAlgorithm it pairs any accepted
/// digest with any curve, and has PSS's salt length.
struct ForeignSignatureAlgorithm {
  KeyFamily family{};
  std::optional<DigestAlgorithm> digest;  ///< none for Ed25519
  std::optional<int> pss_salt_bytes;      ///< RSA-PSS only
};

/// Reads a DER AlgorithmIdentifier. invalid_request on `field` (a literal): MD5, SHA-1 and every
/// algorithm or parameter that is not known, PSS with a salt shorter than the digest.
Result<ForeignSignatureAlgorithm> decode_signature_identifier(ByteView der, std::string_view field);

/// Whether `signature` over `message` is by this key; false also where key and algorithm do not go
/// together.
bool verify_message(const PublicKey& key, const ForeignSignatureAlgorithm& algorithm,
                    ByteView message, ByteView signature);

}  // namespace chancery
