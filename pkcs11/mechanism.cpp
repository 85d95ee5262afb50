#include "pkcs11/mechanism.h"

#include <array>

namespace chancery::keyholder {
namespace {

// RFC 8017 section 9.2, note 1.
constexpr std::uint8_t sha256_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                        0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
constexpr std::uint8_t sha384_info[] = {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                        0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30};
constexpr std::uint8_t sha512_info[] = {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                        0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40};

constexpr CK_RSA_PKCS_PSS_PARAMS no_pss{};

using enum SignatureAlgorithm;
constexpr std::array signature_mechanisms = {
    SignatureMechanism{rsa_pkcs1_sha256, CKM_RSA_PKCS, no_pss, sha256_info},
    SignatureMechanism{rsa_pkcs1_sha384, CKM_RSA_PKCS, no_pss, sha384_info},
    SignatureMechanism{rsa_pkcs1_sha512, CKM_RSA_PKCS, no_pss, sha512_info},
    SignatureMechanism{rsa_pss_sha256, CKM_RSA_PKCS_PSS, {CKM_SHA256, CKG_MGF1_SHA256, 32}, {}},
    SignatureMechanism{rsa_pss_sha384, CKM_RSA_PKCS_PSS, {CKM_SHA384, CKG_MGF1_SHA384, 48}, {}},
    SignatureMechanism{rsa_pss_sha512, CKM_RSA_PKCS_PSS, {CKM_SHA512, CKG_MGF1_SHA512, 64}, {}},
    SignatureMechanism{ecdsa_p256_sha256, CKM_ECDSA, no_pss, {}},
    SignatureMechanism{ecdsa_p384_sha384, CKM_ECDSA, no_pss, {}},
    SignatureMechanism{ecdsa_p521_sha512, CKM_ECDSA, no_pss, {}},
    SignatureMechanism{ed25519, CKM_EDDSA, no_pss, {}},
};

// RFC 5480 section 2.1.1.1, RFC 8410 section 3.
constexpr std::uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr std::uint8_t p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
constexpr std::uint8_t p521[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23};
constexpr std::uint8_t edwards25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};

constexpr std::array key_mechanisms = {
    KeyMechanism{KeyType::rsa_2048, CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, 2048, {}},
    KeyMechanism{KeyType::rsa_3072, CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, 3072, {}},
    KeyMechanism{KeyType::rsa_4096, CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, 4096, {}},
    KeyMechanism{KeyType::ec_p256, CKM_EC_KEY_PAIR_GEN, CKK_EC, 0, p256},
    KeyMechanism{KeyType::ec_p384, CKM_EC_KEY_PAIR_GEN, CKK_EC, 0, p384},
    KeyMechanism{KeyType::ec_p521, CKM_EC_KEY_PAIR_GEN, CKK_EC, 0, p521},
    KeyMechanism{KeyType::ed25519, CKM_EC_EDWARDS_KEY_PAIR_GEN, CKK_EC_EDWARDS, 0, edwards25519},
};

}  // namespace

const SignatureMechanism& mechanism_for(SignatureAlgorithm algorithm) {
  for (const auto& mechanism : signature_mechanisms) {
    if (mechanism.algorithm == algorithm) return mechanism;
  }
  check_failed("every algorithm has a mechanism", __FILE__, __LINE__);
}

const KeyMechanism& mechanism_for(KeyType type) {
  for (const auto& mechanism : key_mechanisms) {
    if (mechanism.type == type) return mechanism;
  }
  check_failed("every key type has a mechanism", __FILE__, __LINE__);
}

}  // namespace chancery::keyholder
