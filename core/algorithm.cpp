#include "core/algorithm.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>

namespace chancery {
namespace {

using enum SignatureAlgorithm;

constexpr std::array kKeyTypes = {
    KeyTypeRow{KeyType::rsa_2048, "rsa-2048", KeyFamily::rsa, 2048, rsa_pkcs1_sha256},
    KeyTypeRow{KeyType::rsa_3072, "rsa-3072", KeyFamily::rsa, 3072, rsa_pkcs1_sha256},
    KeyTypeRow{KeyType::rsa_4096, "rsa-4096", KeyFamily::rsa, 4096, rsa_pkcs1_sha256},
    KeyTypeRow{KeyType::ec_p256, "ec-p256", KeyFamily::ec, 256, ecdsa_p256_sha256},
    KeyTypeRow{KeyType::ec_p384, "ec-p384", KeyFamily::ec, 384, ecdsa_p384_sha384},
    KeyTypeRow{KeyType::ec_p521, "ec-p521", KeyFamily::ec, 521, ecdsa_p521_sha512},
    KeyTypeRow{KeyType::ed25519, "ed25519", KeyFamily::ed25519, 256, SignatureAlgorithm::ed25519},
};

constexpr auto sha256_ = DigestAlgorithm::sha256;
constexpr auto sha384_ = DigestAlgorithm::sha384;
constexpr auto sha512_ = DigestAlgorithm::sha512;

constexpr std::array kSignatureAlgorithms = {
    SignatureAlgorithmRow{
        rsa_pkcs1_sha256, "rsa-pkcs1-sha256", "RS256", KeyFamily::rsa, {}, sha256_},
    SignatureAlgorithmRow{
        rsa_pkcs1_sha384, "rsa-pkcs1-sha384", "RS384", KeyFamily::rsa, {}, sha384_},
    SignatureAlgorithmRow{
        rsa_pkcs1_sha512, "rsa-pkcs1-sha512", "RS512", KeyFamily::rsa, {}, sha512_},
    SignatureAlgorithmRow{rsa_pss_sha256, "rsa-pss-sha256", "PS256", KeyFamily::rsa, {}, sha256_},
    SignatureAlgorithmRow{rsa_pss_sha384, "rsa-pss-sha384", "PS384", KeyFamily::rsa, {}, sha384_},
    SignatureAlgorithmRow{rsa_pss_sha512, "rsa-pss-sha512", "PS512", KeyFamily::rsa, {}, sha512_},
    SignatureAlgorithmRow{ecdsa_p256_sha256, "ecdsa-p256-sha256", "ES256", KeyFamily::ec,
                          KeyType::ec_p256, sha256_},
    SignatureAlgorithmRow{ecdsa_p384_sha384, "ecdsa-p384-sha384", "ES384", KeyFamily::ec,
                          KeyType::ec_p384, sha384_},
    SignatureAlgorithmRow{ecdsa_p521_sha512, "ecdsa-p521-sha512", "ES512", KeyFamily::ec,
                          KeyType::ec_p521, sha512_},
    SignatureAlgorithmRow{ed25519, "ed25519", "EdDSA", KeyFamily::ed25519, KeyType::ed25519, {}},
};

constexpr std::array kDigests = {
    DigestRow{DigestAlgorithm::sha256, "sha256", 32},
    DigestRow{DigestAlgorithm::sha384, "sha384", 48},
    DigestRow{DigestAlgorithm::sha512, "sha512", 64},
};

template <class Rows>
auto find_by_name(const Rows& rows, std::string_view name, const char* field)
    -> Result<typename Rows::value_type> {
  std::string known;
  for (const auto& candidate : rows) {
    if (candidate.name == name) return candidate;
    known += (known.empty() ? "" : ", ") + std::string(candidate.name);
  }
  return invalid(field, std::string(field) + " must be one of " + known);
}

}  // namespace

std::span<const KeyTypeRow> key_types() {
  return kKeyTypes;
}
std::span<const SignatureAlgorithmRow> signature_algorithms() {
  return kSignatureAlgorithms;
}
std::span<const DigestRow> digests() {
  return kDigests;
}

// The rows stand in the order of the enumerators; the tests hold that.
const KeyTypeRow& row(KeyType type) {
  return kKeyTypes[static_cast<std::size_t>(type)];
}
const SignatureAlgorithmRow& row(SignatureAlgorithm algorithm) {
  return kSignatureAlgorithms[static_cast<std::size_t>(algorithm)];
}
const DigestRow& row(DigestAlgorithm algorithm) {
  return kDigests[static_cast<std::size_t>(algorithm)];
}

std::vector<std::string> names_of(std::span<const SignatureAlgorithm> algorithms) {
  std::vector<std::string> names;
  for (SignatureAlgorithm algorithm : algorithms) names.emplace_back(row(algorithm).name);
  return names;
}

Result<KeyType> parse_key_type(std::string_view name) {
  ASSIGN_OR_RETURN(KeyTypeRow found, find_by_name(kKeyTypes, name, "type"));
  return found.type;
}
Result<SignatureAlgorithm> parse_signature_algorithm(std::string_view name) {
  ASSIGN_OR_RETURN(SignatureAlgorithmRow found,
                   find_by_name(kSignatureAlgorithms, name, "algorithm"));
  return found.algorithm;
}
Result<DigestAlgorithm> parse_digest_algorithm(std::string_view name) {
  ASSIGN_OR_RETURN(DigestRow found, find_by_name(kDigests, name, "digest_algorithm"));
  return found.algorithm;
}

bool fits(SignatureAlgorithm algorithm, KeyType type) {
  const SignatureAlgorithmRow& wanted = row(algorithm);
  return wanted.family == row(type).family && (!wanted.only || *wanted.only == type);
}

Bytes digest(DigestAlgorithm algorithm, ByteView data) {
  Bytes result(row(algorithm).size);
  switch (algorithm) {
    case DigestAlgorithm::sha256:
      SHA256(data.data(), data.size(), result.data());
      break;
    case DigestAlgorithm::sha384:
      SHA384(data.data(), data.size(), result.data());
      break;
    case DigestAlgorithm::sha512:
      SHA512(data.data(), data.size(), result.data());
      break;
  }
  return result;
}

Bytes sha256(ByteView data) {
  return digest(DigestAlgorithm::sha256, data);
}

}  // namespace chancery
