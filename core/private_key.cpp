#include "core/private_key.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "core/openssl_ptr.h"

namespace chancery {
namespace {

using PkeyPtr = HandlePtr<EVP_PKEY, EVP_PKEY_free>;
using BioPtr = HandlePtr<BIO, BIO_free>;

Bytes spki_of(EVP_PKEY* key) {
  std::uint8_t* raw = nullptr;
  const int size = i2d_PUBKEY(key, &raw);
  CHECK(size > 0);
  Bytes spki(raw, raw + size);
  OPENSSL_free(raw);
  return spki;
}

}  // namespace

SoftwareKey generate_software_key() {
  const PkeyPtr key(EVP_EC_gen("P-256"));
  CHECK(key);
  auto public_key = PublicKey::from_spki(spki_of(key.get()));
  CHECK(public_key);
  const BioPtr memory(BIO_new(BIO_s_secmem()));
  CHECK(memory && PEM_write_bio_PKCS8PrivateKey(memory.get(), key.get(), nullptr, nullptr, 0,
                                                nullptr, nullptr) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return {std::move(*public_key), Secret(std::string(text, static_cast<std::size_t>(size)))};
}

}  // namespace chancery
