#include "cli/private_key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "core/openssl_ptr.h"

namespace chancery {
namespace {

using BioPtr = HandlePtr<BIO, BIO_free_all>;

std::string content_of(BIO* bio) {
  char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

const char* curve_name(KeyType type) {
  switch (type) {
    case KeyType::ec_p256:
      return "P-256";
    case KeyType::ec_p384:
      return "P-384";
    case KeyType::ec_p521:
      return "P-521";
    case KeyType::rsa_2048:
    case KeyType::rsa_3072:
    case KeyType::rsa_4096:
    case KeyType::ed25519:
      return nullptr;
  }
  return nullptr;
}

EVP_PKEY* generate_key(KeyType type) {
  switch (row(type).family) {
    case KeyFamily::rsa:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{row(type).bits});
    case KeyFamily::ec:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve_name(type));
    case KeyFamily::ed25519:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  }
  return nullptr;
}

}  // namespace

void PrivateKey::Free::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}

Result<PrivateKey> PrivateKey::generate(KeyType type) {
  EVP_PKEY* key = generate_key(type);
  if (key == nullptr) {
    ERR_clear_error();
    return fail(ErrorCode::internal,
                "cannot generate a key of type " + std::string(row(type).name));
  }
  return PrivateKey(key);
}

Result<PrivateKey> PrivateKey::from_pem(const Secret& pem) {
  BioPtr bio(BIO_new_mem_buf(pem.reveal().data(), static_cast<int>(pem.reveal().size())));
  CHECK(bio != nullptr);
  // Without this OpenSSL would ask the terminal for a passphrase.
  auto no_passphrase = [](char*, int, int, void*) { return -1; };
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr);
  if (key == nullptr) {
    ERR_clear_error();
    return fail(ErrorCode::internal, "not an unencrypted private key in PEM");
  }
  return PrivateKey(key);
}

Secret PrivateKey::pem() const {
  BioPtr bio(BIO_new(BIO_s_secmem()));  // wiped when freed
  CHECK(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr,
                                             nullptr) == 1);
  return Secret(content_of(bio.get()));
}

Bytes PrivateKey::sign(std::string_view message) const {
  // RSA: PKCS#1 v1.5, as KeyTypeRow::default_algorithm has it; Ed25519 has no digest of its own.
  const auto digest = [&]() -> const EVP_MD* {
    if (EVP_PKEY_is_a(key_.get(), "ED25519") == 1) return nullptr;
    if (EVP_PKEY_is_a(key_.get(), "EC") == 1 && EVP_PKEY_get_bits(key_.get()) == 384) {
      return EVP_sha384();
    }
    if (EVP_PKEY_is_a(key_.get(), "EC") == 1 && EVP_PKEY_get_bits(key_.get()) == 521) {
      return EVP_sha512();
    }
    return EVP_sha256();
  }();
  const HandlePtr<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  const ByteView input = bytes_of(message);
  std::size_t size = 0;
  CHECK(context && EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key_.get()) == 1);
  CHECK(EVP_DigestSign(context.get(), nullptr, &size, input.data(), input.size()) == 1);
  Bytes signature(size);
  CHECK(EVP_DigestSign(context.get(), signature.data(), &size, input.data(), input.size()) == 1);
  signature.resize(size);
  return signature;
}

Bytes PrivateKey::spki() const {
  int size = i2d_PUBKEY(key_.get(), nullptr);
  CHECK(size > 0);
  Bytes der(static_cast<std::size_t>(size));
  unsigned char* out = der.data();
  CHECK(i2d_PUBKEY(key_.get(), &out) == size);
  return der;
}

}  // namespace chancery
