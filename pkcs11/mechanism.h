#pragma once

#include <p11-kit/pkcs11.h>

#include <span>

#include "core/algorithm.h"

namespace chancery::keyholder {

/// How the token makes signatures of one algorithm. The token never hashes: what it signs is what
/// was recorded.
struct SignatureMechanism {
  SignatureAlgorithm algorithm;
  CK_MECHANISM_TYPE type;
  CK_RSA_PKCS_PSS_PARAMS pss;  ///< all zero but for PSS
  ByteView digest_info;        ///< PKCS#1 v1.5: DigestInfo up to the digest (RFC 8017 section 9.2)
};

/// How the token makes key pairs of one type.
struct KeyMechanism {
  KeyType type;
  CK_MECHANISM_TYPE generation;
  CK_KEY_TYPE key_type;
  CK_ULONG modulus_bits;  ///< RSA
  ByteView curve;         ///< else CKA_EC_PARAMS: the curve's OID, DER
};

const SignatureMechanism& mechanism_for(SignatureAlgorithm algorithm);
const KeyMechanism& mechanism_for(KeyType type);

}  // namespace chancery::keyholder
