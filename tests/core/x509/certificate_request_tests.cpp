#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <boost/test/unit_test.hpp>

#include "core/certificate_request.h"
#include "core/extension.h"
#include "core/oid.h"
#include "tests/core/x509/request_builder.h"

namespace chancery::test {
namespace {

using namespace std::string_view_literals;
using ReqPtr = HandlePtr<X509_REQ, X509_REQ_free>;

Bytes der_of(X509_REQ* request) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_REQ(request, &der);
  BOOST_REQUIRE(size > 0);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

// A request as OpenSSL makes it.
Bytes openssl_request(const SoftwareKey& key, const EVP_MD* md, bool pss = false,
                      int salt_bytes = RSA_PSS_SALTLEN_DIGEST) {
  const ReqPtr request(X509_REQ_new());
  X509_NAME* name = X509_REQ_get_subject_name(request.get());
  X509_NAME_add_entry_by_txt(name, "C", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("DE"),
                             -1, -1, 0);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>("www"), -1, -1, 0);
  X509_REQ_set_pubkey(request.get(), key.handle());
  STACK_OF(X509_EXTENSION)* extensions = nullptr;
  const std::pair<int, const char*> wishes[] = {
      {NID_basic_constraints, "CA:FALSE"},
      {NID_key_usage, "critical,digitalSignature,keyAgreement"},
      {NID_ext_key_usage, "serverAuth"},
      {NID_subject_alt_name,
       "DNS:WWW.Example.com,DNS:*.example.com,IP:192.0.2.1,IP:2001:db8::1,"
       "URI:spiffe://example.com/machine/www,email:Ops@Example.COM"}};
  for (const auto& [nid, value] : wishes) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    BOOST_REQUIRE(extension);
    X509v3_add_ext(&extensions, extension, -1);
    X509_EXTENSION_free(extension);
  }
  X509_REQ_add_extensions(request.get(), extensions);
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  const HandlePtr<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* parameters = nullptr;
  EVP_DigestSignInit(context.get(), &parameters, md, nullptr, key.handle());
  if (pss) {
    EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, salt_bytes);
  }
  BOOST_REQUIRE(X509_REQ_sign_ctx(request.get(), context.get()) > 0);
  return der_of(request.get());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(certificate_request)

BOOST_AUTO_TEST_CASE(openssl_requests_of_every_key_and_digest_are_read) {
  for (const KeyTypeRow& type : key_types()) {
    const SoftwareKey& key = SoftwareKey::shared(type.type);
    std::vector<Bytes> requests;
    if (type.family == KeyFamily::ed25519) {
      requests.push_back(openssl_request(key, nullptr));
    } else {
      for (const EVP_MD* md : {EVP_sha256(), EVP_sha384(), EVP_sha512()}) {
        requests.push_back(openssl_request(key, md));
        if (type.family != KeyFamily::rsa) continue;
        requests.push_back(openssl_request(key, md, true));
        requests.push_back(openssl_request(key, md, true, RSA_PSS_SALTLEN_MAX));
      }
    }
    for (const Bytes& der : requests) {
      const auto request = parse_certificate_request(der);
      BOOST_REQUIRE_MESSAGE(request, type.name << ": " << request.error().message);
      BOOST_TEST(request->public_key.spki() == key.public_key().spki());
      BOOST_TEST(request->subject.country == "DE");
      BOOST_TEST(request->subject.common_name == "www");
    }
  }
}

BOOST_AUTO_TEST_CASE(broken_digests_and_short_salts_of_openssl_requests_are_refused) {
  const SoftwareKey& rsa = SoftwareKey::shared(KeyType::rsa_2048);
  const SoftwareKey& ec = SoftwareKey::shared(KeyType::ec_p256);
  const Bytes requests[] = {openssl_request(rsa, EVP_md5()),
                            openssl_request(rsa, EVP_sha1()),
                            openssl_request(ec, EVP_sha1()),
                            openssl_request(ec, EVP_sha224()),
                            openssl_request(rsa, EVP_sha1(), true),
                            openssl_request(rsa, EVP_sha256(), true, 0),
                            openssl_request(rsa, EVP_sha512(), true, 32)};
  for (const Bytes& der : requests) {
    const auto request = parse_certificate_request(der);
    BOOST_REQUIRE(!request);
    BOOST_TEST(request.error().field == "csr.signature");
  }
}

BOOST_AUTO_TEST_CASE(names_come_back_in_canonical_form) {
  const auto request = parse_certificate_request(
      openssl_request(SoftwareKey::shared(KeyType::ec_p256), EVP_sha256()));
  BOOST_REQUIRE(request);
  const SubjectAltNames expected{{"www.example.com", "*.example.com"},
                                 {"192.0.2.1", "2001:db8::1"},
                                 {"spiffe://example.com/machine/www"},
                                 {"Ops@example.com"}};
  BOOST_TEST((request->names == expected));
}

BOOST_AUTO_TEST_CASE(der_and_both_pem_labels_are_the_same) {
  const Bytes der = RequestBuilder().build();
  for (const char* label : {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"}) {
    const std::string pem = "some text that tools write\n" + to_pem(der, label);
    const auto request = parse_certificate_request(bytes_of(pem));
    BOOST_REQUIRE(request);
    BOOST_TEST(request->subject.common_name == "www");
  }
}

BOOST_AUTO_TEST_CASE(an_empty_subject_and_harmless_attributes_are_accepted) {
  RequestBuilder builder;
  builder.subject = {0x30, 0x00};
  builder.add_attribute(oid::challenge_password,
                        [](DerWriter& out) { out.element(der::utf8_string, "x"sv); });
  builder.add_attribute(oid::microsoft_os_version,
                        [](DerWriter& out) { out.element(der::ia5_string, "10.0.1.2"sv); });
  builder.add_extensions([](DerWriter& out) {
    write_extension(out, oid::subject_key_id, false,
                    [&] { out.element(der::octet_string, "\x01\x02"sv); });
  });
  const auto request = parse_certificate_request(builder.build());
  BOOST_REQUIRE(request);
  BOOST_TEST((request->subject == Subject{}));
  BOOST_TEST(request->names.size() == 0U);
}

BOOST_AUTO_TEST_CASE(international_text_is_kept) {
  const std::string name = "M\xc3\xbcller \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x94\x91";
  RequestBuilder builder;
  builder.subject = RequestBuilder::encode_subject({{oid::organization, der::utf8_string, name}});
  const auto request = parse_certificate_request(builder.build());
  BOOST_REQUIRE(request);
  BOOST_TEST(request->subject.organization == name);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery::test
