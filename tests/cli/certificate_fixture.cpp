#include "tests/cli/certificate_fixture.h"

#include <openssl/x509v3.h>

#include <boost/test/unit_test.hpp>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "core/openssl_ptr.h"

namespace chancery {
namespace {

using X509Ptr = HandlePtr<X509, X509_free>;
using ExtensionPtr = HandlePtr<X509_EXTENSION, X509_EXTENSION_free>;

struct Content {
  unsigned serial;
  std::string subject, issuer;
  Seconds begins, ends;
  std::vector<std::pair<int, std::string>> extensions;
};

void set_name(X509_NAME* name, const std::string& text) {
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  BOOST_REQUIRE(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, data,
                                           static_cast<int>(text.size()), -1, 0) == 1);
}

std::string certify(const Content& content, const PrivateKey& key, const PrivateKey& issuer) {
  const X509Ptr certificate(X509_new());
  X509* x = certificate.get();
  BOOST_REQUIRE(X509_set_version(x, X509_VERSION_3) == 1);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), content.serial);
  set_name(X509_get_subject_name(x), content.subject);
  set_name(X509_get_issuer_name(x), content.issuer);
  X509_gmtime_adj(X509_getm_notBefore(x), content.begins.count());
  X509_gmtime_adj(X509_getm_notAfter(x), content.ends.count());
  BOOST_REQUIRE(X509_set_pubkey(x, key.handle()) == 1);
  for (const auto& [nid, value] : content.extensions) {
    const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()));
    BOOST_REQUIRE(extension && X509_add_ext(x, extension.get(), -1) == 1);
  }
  BOOST_REQUIRE(X509_sign(x, issuer.handle(), EVP_sha256()) > 0);
  unsigned char* der = nullptr;
  const int size = i2d_X509(x, &der);
  BOOST_REQUIRE(size > 0);
  std::string pem = to_pem({der, static_cast<std::size_t>(size)}, "CERTIFICATE");
  OPENSSL_free(der);
  return pem;
}

}  // namespace

TestRoot::TestRoot(const std::string& name)
    : name_(name), key_(PrivateKey::generate(KeyType::ec_p256).value()) {
  pem_ = certify({.serial = 1000,
                  .subject = name,
                  .issuer = name,
                  .begins = -std::chrono::hours{48},
                  .ends = std::chrono::hours{48},
                  .extensions = {{NID_basic_constraints, "critical,CA:TRUE"},
                                 {NID_key_usage, "critical,keyCertSign"}}},
                 key_, key_);
}

Identity TestRoot::identity(const Wish& wish) const {
  const PrivateKey key = PrivateKey::generate(KeyType::ec_p256).value();
  Identity identity;
  identity.certificate = certify(
      {.serial = wish.serial,
       .subject = wish.dns,
       .issuer = name_,
       .begins = wish.begins,
       .ends = wish.ends,
       .extensions = {{NID_subject_alt_name, "DNS:" + wish.dns}, {NID_ext_key_usage, wish.usage}}},
      key, key_);
  identity.chain = pem_;
  identity.key = key.pem();
  return identity;
}

std::string serial_text(unsigned serial) {
  const auto byte = static_cast<std::uint8_t>(serial);
  return to_hex({&byte, 1});
}

}  // namespace chancery
