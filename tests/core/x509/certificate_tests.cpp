#include <boost/test/unit_test.hpp>

#include "core/certificate.h"
#include "tests/core/x509/software_ca.h"

namespace chancery::test {

BOOST_AUTO_TEST_SUITE(certificate)

BOOST_AUTO_TEST_CASE(what_was_issued_is_read_back) {
  const SoftwareCa root = SoftwareCa::root("root", KeyType::ec_p256);
  const SoftwareCa issuing = SoftwareCa::intermediate(root, "issuing", KeyType::ec_p256);
  const Profile profile = server_profile();
  CertificateDraft draft =
      server_draft(profile, SoftwareKey::shared(KeyType::ed25519).public_key());
  draft.subject = {"DE", "Example GmbH", "Operations", "www"};
  draft.names = {{"www.example.com", "*.example.com"},
                 {"192.0.2.1", "2001:db8::1"},
                 {"spiffe://example.com/machine/www"},
                 {"ops@example.com"}};
  const Bytes der = issuing.issue(draft);
  const auto info = parse_certificate(der);
  BOOST_REQUIRE(info);
  BOOST_TEST(info->serial == copy_of(draft.serial.bytes));
  BOOST_TEST((info->subject == draft.subject));
  BOOST_TEST((info->names == draft.names));
  BOOST_TEST((info->not_before == draft.not_before));
  BOOST_TEST((info->not_after == draft.not_after));
  BOOST_TEST(info->spki == draft.public_key->spki());
  BOOST_TEST(info->issuer_name == issuing.issuer.subject_name());
  BOOST_TEST(info->authority_key_id == issuing.issuer.subject_key_id());
  BOOST_TEST(info->subject_key_id.size() == 20U);
  BOOST_TEST(!info->ca);
  BOOST_TEST(certificate_fingerprint(der) == to_hex(sha256(der)));

  const auto ca = parse_certificate(issuing.certificate);
  BOOST_REQUIRE(ca);
  BOOST_TEST(ca->ca);
  BOOST_TEST(ca->path_length.value_or(-1) == 0);
  BOOST_TEST(ca->subject_name == info->issuer_name);
  BOOST_TEST(ca->subject_key_id == info->authority_key_id);
}

BOOST_AUTO_TEST_CASE(truncated_and_oversized_certificates_are_refused) {
  const SoftwareCa root = SoftwareCa::root("root", KeyType::ec_p256);
  for (std::size_t size = 0; size < root.certificate.size(); ++size) {
    const auto info = parse_certificate(ByteView(root.certificate).first(size));
    BOOST_REQUIRE(!info);
    BOOST_TEST(info.error().field == "certificate");
  }
  Bytes longer = root.certificate;
  longer.push_back(0);
  BOOST_TEST(!parse_certificate(longer));
  BOOST_TEST(!parse_certificate(Bytes(limits::certificate_bytes + 1, 0x30)));
}

BOOST_AUTO_TEST_CASE(signed_parts_are_assembled) {
  const Bytes tbs = {0x30, 0x03, 0x02, 0x01, 0x05};
  const Bytes whole = assemble_signed(tbs, SignatureAlgorithm::ed25519, Bytes{0xaa, 0xbb});
  BOOST_TEST(to_hex(whole) ==
             "3011"
             "3003020105"
             "300506032b6570"
             "030300aabb");
}

BOOST_AUTO_TEST_CASE(profiles_refuse_by_field) {
  const Profile server = server_profile();
  const Subject www{"", "", "", "www"};
  const SubjectAltNames dns{{"www.example.com"}, {}, {}, {}};
  const Seconds day = std::chrono::days(1);
  BOOST_TEST(check_profile(server, www, dns, KeyType::ec_p256, day).has_value());
  BOOST_TEST(check_profile(server, {}, dns, KeyType::ec_p256, server.max_validity).has_value());

  const struct {
    const char* name;
    void (*change)(Profile&, Subject&, SubjectAltNames&, KeyType&, Seconds&);
    const char* field;
    const char* reason;
  } rows[] = {
      {"a field that may not appear",
       [](Profile& p, Subject&, SubjectAltNames&, KeyType&, Seconds&) { p.subject.clear(); },
       "subject.common_name", "may not appear"},
      {"a bad country",
       [](Profile&, Subject& s, SubjectAltNames&, KeyType&, Seconds&) {
         s.country = "Deutschland";
       },
       "subject.country", "two capital"},
      {"a bad organization",
       [](Profile&, Subject& s, SubjectAltNames&, KeyType&, Seconds&) { s.organization = "a\n"; },
       "subject.organization", "control"},
      {"a type that may not appear",
       [](Profile& p, Subject&, SubjectAltNames& n, KeyType&, Seconds&) {
         p.alt_names = {AltNameType::dns};
         n.email = {"a@example.com"};
       },
       "subject_alt_name", "type email"},
      {"a wildcard",
       [](Profile& p, Subject&, SubjectAltNames& n, KeyType&, Seconds&) {
         p.wildcard = false;
         n.dns = {"*.example.com"};
       },
       "subject_alt_name", "no wildcards"},
      {"no alternative name",
       [](Profile&, Subject&, SubjectAltNames& n, KeyType&, Seconds&) { n = {}; },
       "subject_alt_name", "at least one"},
      {"a bad name",
       [](Profile&, Subject&, SubjectAltNames& n, KeyType&, Seconds&) { n.dns = {"WWW"}; },
       "subject_alt_name", "not a valid DNS name"},
      {"a bad address",
       [](Profile&, Subject&, SubjectAltNames& n, KeyType&, Seconds&) { n.ip = {"192.0.2.01"}; },
       "subject_alt_name", "not a valid IP address"},
      {"nobody",
       [](Profile& p, Subject& s, SubjectAltNames& n, KeyType&, Seconds&) {
         p.require_alt_name = false;
         s = {};
         n = {};
       },
       "subject", "both empty"},
      {"a CA without a name",
       [](Profile& p, Subject& s, SubjectAltNames&, KeyType&, Seconds&) {
         p.ca = true;
         s = {};
       },
       "subject", "CA is empty"},
      {"a key type",
       [](Profile& p, Subject&, SubjectAltNames&, KeyType&, Seconds&) {
         p.key_types = {KeyType::ed25519, KeyType::rsa_4096};
       },
       "public_key", "allows ed25519, rsa-4096"},
      {"no validity",
       [](Profile&, Subject&, SubjectAltNames&, KeyType&, Seconds& v) { v = Seconds{0}; },
       "validity", "above zero"},
      {"negative validity",
       [](Profile&, Subject&, SubjectAltNames&, KeyType&, Seconds& v) { v = Seconds{-1}; },
       "validity", "above zero"},
      {"too long",
       [](Profile& p, Subject&, SubjectAltNames&, KeyType&, Seconds& v) {
         v = p.max_validity + Seconds{1};
       },
       "validity", "beyond the 90d"},
  };
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      Profile profile = server;
      Subject subject = www;
      SubjectAltNames names = dns;
      KeyType type = KeyType::ec_p256;
      Seconds validity = day;
      row.change(profile, subject, names, type, validity);
      const auto checked = check_profile(profile, subject, names, type, validity);
      BOOST_REQUIRE(!checked);
      BOOST_TEST((checked.error().code == ErrorCode::invalid_request));
      BOOST_TEST(checked.error().field == row.field);
      BOOST_TEST(checked.error().message.find(row.reason) != std::string::npos,
                 checked.error().message);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery::test
