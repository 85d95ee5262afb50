#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"

namespace chancery {

enum class KeyType { rsa_2048, rsa_3072, rsa_4096, ec_p256, ec_p384, ec_p521, ed25519 };
enum class KeyFamily { rsa, ec, ed25519 };
enum class DigestAlgorithm { sha256, sha384, sha512 };

enum class SignatureAlgorithm {
  rsa_pkcs1_sha256,
  rsa_pkcs1_sha384,
  rsa_pkcs1_sha512,
  rsa_pss_sha256,
  rsa_pss_sha384,
  rsa_pss_sha512,
  ecdsa_p256_sha256,
  ecdsa_p384_sha384,
  ecdsa_p521_sha512,
  ed25519,
};

/// One row a key type; every check on key types reads this table.
struct KeyTypeRow {
  KeyType type;
  std::string_view name;  ///< in configuration, policy, API: "rsa-2048", "ec-p256", "ed25519"
  KeyFamily family;
  unsigned bits;                         ///< modulus or field size
  SignatureAlgorithm default_algorithm;  ///< used for certificates and CRLs of a CA with this key
};

/// One row a signature algorithm.
struct SignatureAlgorithmRow {
  SignatureAlgorithm algorithm;
  std::string_view name;  ///< "ecdsa-p256-sha256", "rsa-pss-sha256", "ed25519"
  std::string_view jose;  ///< RFC 7518 / RFC 8037 name: "ES256", "PS256", "RS256", "EdDSA"
  KeyFamily family;
  std::optional<KeyType> only;            ///< ECDSA: the one curve that goes with the digest
  std::optional<DigestAlgorithm> digest;  ///< none for Ed25519, which signs the message itself
};

struct DigestRow {
  DigestAlgorithm algorithm;
  std::string_view name;  ///< "sha256"
  std::size_t size;       ///< bytes
};

std::span<const KeyTypeRow> key_types();
std::span<const SignatureAlgorithmRow> signature_algorithms();
std::span<const DigestRow> digests();

const KeyTypeRow& row(KeyType type);
const SignatureAlgorithmRow& row(SignatureAlgorithm algorithm);
const DigestRow& row(DigestAlgorithm algorithm);
std::vector<std::string> names_of(std::span<const SignatureAlgorithm> algorithms);

/// By name; an unknown name is invalid_request and lists the known ones.
Result<KeyType> parse_key_type(std::string_view name);
Result<SignatureAlgorithm> parse_signature_algorithm(std::string_view name);
Result<DigestAlgorithm> parse_digest_algorithm(std::string_view name);

bool fits(SignatureAlgorithm algorithm, KeyType type);

/// The digest of `data`, row(algorithm).size bytes.
Bytes digest(DigestAlgorithm algorithm, ByteView data);
Bytes sha256(ByteView data);

}  // namespace chancery
