#include <boost/test/unit_test.hpp>

#include "cli/csr.h"
#include "core/bytes.h"
#include "core/certificate_request.h"

namespace chancery {
namespace {

BOOST_AUTO_TEST_SUITE(csr)

BOOST_AUTO_TEST_CASE(the_service_reads_what_the_client_writes) {
  Subject subject{"DE", "Example Ltd", "Web", "web-1"};
  SubjectAltNames names{{"web.example", "*.web.example"},
                        {"192.0.2.1", "2001:db8::1"},
                        {"spiffe://example/web"},
                        {"ops@example.org"}};
  for (const KeyTypeRow& row : key_types()) {
    BOOST_TEST_CONTEXT(row.name) {
      auto key = PrivateKey::generate(row.type);
      BOOST_REQUIRE(key);
      auto pem = make_csr(*key, subject, names);
      BOOST_REQUIRE(pem);
      auto request = parse_certificate_request(bytes_of(*pem));
      BOOST_REQUIRE_MESSAGE(request, request.error().message);
      BOOST_TEST((request->subject == subject));
      BOOST_TEST((request->names == names));
      BOOST_TEST((request->public_key.type() == row.type));
      BOOST_TEST((request->public_key.spki() == key->spki()));
      BOOST_TEST((*spki_of_csr(*pem) == key->spki()));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_request_without_names) {
  auto key = PrivateKey::generate(KeyType::ec_p256);
  auto request = parse_certificate_request(bytes_of(*make_csr(*key, {}, {})));
  BOOST_REQUIRE_MESSAGE(request, request.error().message);
  BOOST_TEST((request->subject == Subject{}));
  BOOST_TEST(request->names.size() == 0u);
}

BOOST_AUTO_TEST_CASE(names_that_are_none) {
  struct Case {
    const char* name;
    Subject subject;
    SubjectAltNames names;
    const char* field;
  };
  const Case cases[] = {
      {"country of three letters", {"DEU", "", "", ""}, {}, "--country"},
      {"common name of 65 characters", {"", "", "", std::string(65, 'x')}, {}, "--cn"},
      {"space in a DNS name", {}, {{"a b"}, {}, {}, {}}, "--dns"},
      {"NUL in a DNS name", {}, {{std::string("a\0b", 3)}, {}, {}, {}}, "--dns"},
      {"half an address", {}, {{}, {"192.0.2"}, {}, {}}, "--ip"},
      {"relative URI", {}, {{}, {}, {"web"}, {}}, "--uri"},
      {"e-mail without a domain", {}, {{}, {}, {}, {"ops"}}, "--email"},
  };
  auto key = PrivateKey::generate(KeyType::ec_p256);
  for (const Case& one : cases) {
    BOOST_TEST_CONTEXT(one.name) {
      auto pem = make_csr(*key, one.subject, one.names);
      BOOST_REQUIRE(!pem);
      BOOST_TEST(pem.error().field == one.field);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_private_key_survives_its_file) {
  for (const KeyTypeRow& row : key_types()) {
    BOOST_TEST_CONTEXT(row.name) {
      auto key = PrivateKey::generate(row.type);
      auto again = PrivateKey::from_pem(key->pem());
      BOOST_REQUIRE(again);
      BOOST_TEST((again->spki() == key->spki()));
    }
  }
  BOOST_TEST(!PrivateKey::from_pem(Secret("hello")));
  BOOST_TEST(!PrivateKey::from_pem(Secret()));
}

BOOST_AUTO_TEST_CASE(requests_from_elsewhere_go_on_as_pem) {
  auto key = PrivateKey::generate(KeyType::ec_p256);
  std::string pem = *make_csr(*key, {}, {});
  Bytes der = *from_pem(pem, "CERTIFICATE REQUEST");
  BOOST_TEST(*csr_as_pem(pem) == pem);
  BOOST_TEST(*csr_as_pem(text_of(der)) == pem);
  BOOST_TEST((csr_as_pem("-----BEGIN \xff").error().field == "--csr"));
  BOOST_TEST((spki_of_csr("hello").error().field == "--csr"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
