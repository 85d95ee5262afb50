#include "core/public_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <array>

#include "core/openssl_ptr.h"

namespace chancery {
namespace {

using BignumPtr = HandlePtr<BIGNUM, BN_free>;
using PkeyCtxPtr = HandlePtr<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using MdCtxPtr = HandlePtr<EVP_MD_CTX, EVP_MD_CTX_free>;

struct Curve {
  KeyType type;
  const char* openssl_name;
  const char* jose_name;
  std::size_t spki_bytes;  // with an uncompressed point
};
constexpr std::array kCurves = {Curve{KeyType::ec_p256, "prime256v1", "P-256", 91},
                                Curve{KeyType::ec_p384, "secp384r1", "P-384", 120},
                                Curve{KeyType::ec_p521, "secp521r1", "P-521", 158}};

const Curve* curve_of(KeyType type) {
  for (const Curve& curve : kCurves) {
    if (curve.type == type) return &curve;
  }
  return nullptr;
}

/// The point is the last thing in the SubjectPublicKeyInfo and begins with 4 (SEC 1 section 2.3.3);
/// the hybrid form is as long but begins with 6 or 7.
bool has_uncompressed_point(const Curve& curve, ByteView spki) {
  const std::size_t point = 2 * ((row(curve.type).bits + 7) / 8) + 1;
  return spki.size() == curve.spki_bytes && spki[spki.size() - point] == 4;
}

Failure unsupported(const std::string& what) {
  return invalid("public_key", what);
}

Result<KeyType> rsa_type(EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  for (const KeyTypeRow& candidate : key_types()) {
    if (candidate.family == KeyFamily::rsa && static_cast<int>(candidate.bits) == bits) {
      return candidate.type;
    }
  }
  return unsupported("RSA keys must have 2048, 3072 or 4096 bits; this one has " +
                     std::to_string(bits));
}

Result<KeyType> curve_type(EVP_PKEY* key) {
  std::array<char, 64> group{};
  std::size_t size = 0;
  if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(),
                                     &size) == 1) {
    for (const Curve& curve : kCurves) {
      if (std::string_view(group.data(), size) == curve.openssl_name) return curve.type;
    }
  }
  return unsupported("EC keys must be on the named curve P-256, P-384 or P-521");
}

Result<KeyType> type_of(EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      return rsa_type(key);
    case EVP_PKEY_EC:
      return curve_type(key);
    case EVP_PKEY_ED25519:
      return KeyType::ed25519;
    default:
      return unsupported("keys must be RSA, EC or Ed25519");
  }
}

const EVP_MD* md_of(DigestAlgorithm algorithm) {
  // Fetched once: an implicit fetch takes a lock for every signature.
  static const std::array mds = {EVP_MD_fetch(nullptr, "SHA256", nullptr),
                                 EVP_MD_fetch(nullptr, "SHA384", nullptr),
                                 EVP_MD_fetch(nullptr, "SHA512", nullptr)};
  return mds[static_cast<std::size_t>(algorithm)];
}

bool set_padding(EVP_PKEY_CTX* context, SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::rsa_pkcs1_sha256:
    case SignatureAlgorithm::rsa_pkcs1_sha384:
    case SignatureAlgorithm::rsa_pkcs1_sha512:
      return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
    case SignatureAlgorithm::rsa_pss_sha256:
    case SignatureAlgorithm::rsa_pss_sha384:
    case SignatureAlgorithm::rsa_pss_sha512:
      return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
    case SignatureAlgorithm::ecdsa_p256_sha256:
    case SignatureAlgorithm::ecdsa_p384_sha384:
    case SignatureAlgorithm::ecdsa_p521_sha512:
    case SignatureAlgorithm::ed25519:
      return true;
  }
  return false;
}

bool verify_ed25519(EVP_PKEY* key, ByteView message, ByteView signature) {
  const MdCtxPtr context(EVP_MD_CTX_new());
  return context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

bool verify_digest(EVP_PKEY* key, SignatureAlgorithm algorithm, ByteView input,
                   ByteView signature) {
  const DigestAlgorithm hash = *row(algorithm).digest;
  if (input.size() != row(hash).size) return false;
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context && EVP_PKEY_verify_init(context.get()) == 1 &&
         set_padding(context.get(), algorithm) &&
         EVP_PKEY_CTX_set_signature_md(context.get(), md_of(hash)) == 1 &&
         EVP_PKEY_verify(context.get(), signature.data(), signature.size(), input.data(),
                         input.size()) == 1;
}

std::string number_member(EVP_PKEY* key, const char* parameter, int size) {
  BIGNUM* raw = nullptr;
  CHECK(EVP_PKEY_get_bn_param(key, parameter, &raw) == 1);
  const BignumPtr number(raw);
  Bytes bytes(static_cast<std::size_t>(size ? size : BN_num_bytes(raw)));
  CHECK(BN_bn2binpad(raw, bytes.data(), static_cast<int>(bytes.size())) >= 0);
  return to_base64url(bytes);
}

/// The members that RFC 7638 hashes, in its order, without white space.
std::string required_members(EVP_PKEY* key, KeyType type) {
  switch (row(type).family) {
    case KeyFamily::rsa:
      return "{\"e\":\"" + number_member(key, OSSL_PKEY_PARAM_RSA_E, 0) +
             "\",\"kty\":\"RSA\",\"n\":\"" + number_member(key, OSSL_PKEY_PARAM_RSA_N, 0) + "\"}";
    case KeyFamily::ec: {
      const int size = (static_cast<int>(row(type).bits) + 7) / 8;
      return std::string("{\"crv\":\"") + curve_of(type)->jose_name + "\",\"kty\":\"EC\",\"x\":\"" +
             number_member(key, OSSL_PKEY_PARAM_EC_PUB_X, size) + "\",\"y\":\"" +
             number_member(key, OSSL_PKEY_PARAM_EC_PUB_Y, size) + "\"}";
    }
    case KeyFamily::ed25519: {
      Bytes raw(32);
      std::size_t size = raw.size();
      CHECK(EVP_PKEY_get_raw_public_key(key, raw.data(), &size) == 1);
      return "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" + to_base64url(raw) + "\"}";
    }
  }
  return {};
}

}  // namespace

void PublicKey::Free::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}

PublicKey::PublicKey(PublicKey&&) noexcept = default;
PublicKey& PublicKey::operator=(PublicKey&&) noexcept = default;
PublicKey::~PublicKey() = default;

PublicKey PublicKey::copy() const {
  PublicKey other;
  CHECK(EVP_PKEY_up_ref(key_.get()) == 1);
  other.key_.reset(key_.get());
  other.type_ = type_;
  other.spki_ = spki_;
  other.spki_sha256_ = spki_sha256_;
  return other;
}

Result<PublicKey> PublicKey::from_spki(ByteView der) {
  if (der.size() > 2048) return unsupported("the public key is longer than any supported one");
  const std::uint8_t* cursor = der.data();
  PublicKey key;
  key.key_.reset(d2i_PUBKEY(nullptr, &cursor, static_cast<long>(der.size())));
  ERR_clear_error();
  if (!key.key_ || cursor != der.data() + der.size()) {
    return unsupported("is not a DER SubjectPublicKeyInfo of a supported key");
  }
  ASSIGN_OR_RETURN(key.type_, type_of(key.key_.get()));
  // d2i_PUBKEY checks that EC points lie on the curve; re-encoding refuses everything that is not
  // the one canonical form (explicit curve parameters, odd RSA parameters).
  std::uint8_t* raw = nullptr;
  const int size = i2d_PUBKEY(key.key_.get(), &raw);
  if (size > 0) key.spki_.assign(raw, raw + size);
  OPENSSL_free(raw);
  const Curve* curve = curve_of(key.type_);
  if (curve && !has_uncompressed_point(*curve, der)) {
    return unsupported("EC points must be uncompressed");
  }
  if (!std::equal(der.begin(), der.end(), key.spki_.begin(), key.spki_.end())) {
    return unsupported("is not in the canonical encoding of its key");
  }
  key.spki_sha256_ = sha256(key.spki_);
  return key;
}

std::string PublicKey::pem() const {
  return to_pem(spki_, "PUBLIC KEY");
}

std::string PublicKey::jwk() const {
  std::string members = required_members(key_.get(), type_);
  const std::string thumbprint = to_base64url(sha256(bytes_of(members)));
  members.pop_back();
  return members + ",\"kid\":\"" + thumbprint + "\"}";
}

bool PublicKey::verify(SignatureAlgorithm algorithm, ByteView input, ByteView signature) const {
  if (!fits(algorithm, type_)) return false;
  const bool good = row(algorithm).digest ? verify_digest(key_.get(), algorithm, input, signature)
                                          : verify_ed25519(key_.get(), input, signature);
  if (!good) ERR_clear_error();
  return good;
}

}  // namespace chancery
