#include "core/public_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <array>

#include "core/openssl_ptr.h"
#include "core/spki.h"

namespace chancery {
namespace {

using BignumPtr = HandlePtr<BIGNUM, BN_free>;
using PkeyCtxPtr = HandlePtr<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using ParamBuildPtr = HandlePtr<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using ParamPtr = HandlePtr<OSSL_PARAM, OSSL_PARAM_free>;
using MdCtxPtr = HandlePtr<EVP_MD_CTX, EVP_MD_CTX_free>;

using PkeyPtr = HandlePtr<EVP_PKEY, EVP_PKEY_free>;

struct Curve {
  KeyType type;
  const char* openssl_name;
  const char* jose_name;
};
constexpr std::array kCurves = {Curve{KeyType::ec_p256, "prime256v1", "P-256"},
                                Curve{KeyType::ec_p384, "secp384r1", "P-384"},
                                Curve{KeyType::ec_p521, "secp521r1", "P-521"}};

const Curve& curve_of(KeyType type) {
  for (const Curve& curve : kCurves) {
    if (curve.type == type) return curve;
  }
  check_failed("only EC key types have a curve", __FILE__, __LINE__);
}

Failure unsupported(const std::string& what) {
  return invalid("public_key", what);
}

EVP_PKEY* from_parameters(const char* type, int selection, OSSL_PARAM* parameters) {
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, selection, parameters) != 1) {
    return nullptr;
  }
  return key;
}

/// A key on the curve without a point. Setting up a curve takes four times as long as copying it.
const EVP_PKEY* curve_template(KeyType type) {
  static const auto make = [](const Curve& curve) {
    std::array<OSSL_PARAM, 2> parameters = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                         const_cast<char*>(curve.openssl_name), 0),
        OSSL_PARAM_construct_end()};
    PkeyPtr key(from_parameters("EC", EVP_PKEY_KEY_PARAMETERS, parameters.data()));
    CHECK(key);
    return key;
  };
  static const std::array templates = {make(kCurves[0]), make(kCurves[1]), make(kCurves[2])};
  return templates[static_cast<std::size_t>(&curve_of(type) - kCurves.data())].get();
}

PkeyPtr ec_key(const Spki& spki) {
  PkeyPtr key(EVP_PKEY_dup(const_cast<EVP_PKEY*>(curve_template(spki.type))));
  // Fails for a point that is not on the curve.
  if (!key ||
      EVP_PKEY_set1_encoded_public_key(key.get(), spki.point.data(), spki.point.size()) != 1) {
    return nullptr;
  }
  return key;
}

PkeyPtr rsa_key(const Spki& spki) {
  const auto number = [](ByteView bytes) {
    return BignumPtr(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  };
  const BignumPtr modulus = number(spki.modulus), exponent = number(spki.exponent);
  const ParamBuildPtr build(OSSL_PARAM_BLD_new());
  if (!modulus || !exponent || !build ||
      OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return nullptr;
  }
  const ParamPtr parameters(OSSL_PARAM_BLD_to_param(build.get()));
  return PkeyPtr(from_parameters("RSA", EVP_PKEY_PUBLIC_KEY, parameters.get()));
}

PkeyPtr ed25519_key(const Spki& spki) {
  return PkeyPtr(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, spki.point.data(),
                                                spki.point.size()));
}

PkeyPtr key_of(const Spki& spki) {
  switch (row(spki.type).family) {
    case KeyFamily::rsa:
      return rsa_key(spki);
    case KeyFamily::ec:
      return ec_key(spki);
    case KeyFamily::ed25519:
      return ed25519_key(spki);
  }
  return nullptr;
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
      return std::string("{\"crv\":\"") + curve_of(type).jose_name + "\",\"kty\":\"EC\",\"x\":\"" +
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
  ASSIGN_OR_RETURN(const Spki spki, parse_spki(der));
  PublicKey key;
  key.key_.reset(key_of(spki).release());
  ERR_clear_error();
  if (!key.key_) return unsupported("is not a point of its curve");
  key.type_ = spki.type;
  key.spki_ = copy_of(der);
  key.spki_sha256_ = sha256(der);
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
