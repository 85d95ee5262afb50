#include "tests/api/test_pki.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>

#include "core/openssl_ptr.h"

namespace chancery::test {
namespace {

using BioPtr = HandlePtr<BIO, BIO_free_all>;
using KeyPtr = HandlePtr<EVP_PKEY, EVP_PKEY_free>;
using X509Ptr = HandlePtr<X509, X509_free>;
using ExtensionPtr = HandlePtr<X509_EXTENSION, X509_EXTENSION_free>;

KeyPtr read_key(const std::string& text) {
  const BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  return KeyPtr(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

std::string write_key(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

X509Ptr read_certificate(const Bytes& der) {
  const unsigned char* at = der.data();
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

void add_extension(X509* certificate, int nid, const std::string& value) {
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()));
  CHECK(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

}  // namespace

TestIdentity make_identity(const TestCertificate& wanted) {
  static std::atomic<long> serial{1};
  const KeyPtr key(EVP_EC_gen("P-256"));
  const X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), wanted.begins);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), wanted.ends);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wanted.name.c_str()), -1, -1,
                             0);
  X509_set_pubkey(certificate.get(), key.get());
  add_extension(certificate.get(), NID_basic_constraints,
                wanted.ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (!wanted.usage.empty()) add_extension(certificate.get(), NID_ext_key_usage, wanted.usage);

  X509Ptr issuer;
  KeyPtr issuer_key;
  if (wanted.issuer != nullptr) {
    issuer = read_certificate(wanted.issuer->certificate);
    issuer_key = read_key(wanted.issuer->key_pem);
  }
  X509_set_issuer_name(certificate.get(),
                       X509_get_subject_name(issuer ? issuer.get() : certificate.get()));
  CHECK(X509_sign(certificate.get(), issuer_key ? issuer_key.get() : key.get(), EVP_sha256()) > 0);

  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate.get(), &der);
  TestIdentity identity{Bytes(der, der + size), write_key(key.get())};
  OPENSSL_free(der);
  return identity;
}

std::string pem(const Bytes& certificate) {
  return to_pem(certificate, "CERTIFICATE");
}

}  // namespace chancery::test
