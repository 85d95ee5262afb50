#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "core/der.h"
#include "core/lint.h"
#include "tests/core/x509/software_ca.h"

namespace chancery::test {
namespace {

// What stands in DER at the place of this text.
bool contains(const Bytes& der, std::string_view text) {
  return text_of(der).find(text) != std::string_view::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(issuer)

BOOST_AUTO_TEST_CASE(every_type_of_issuer_certifies_every_type_of_key) {
  const Profile profile = server_profile();
  for (const KeyTypeRow& ca : key_types()) {
    const SoftwareCa root = SoftwareCa::root("root", ca.type);
    for (const KeyTypeRow& subject : key_types()) {
      const CertificateDraft draft =
          server_draft(profile, SoftwareKey::shared(subject.type).public_key());
      const auto tbs = rehearse(root.issuer, draft);
      BOOST_TEST(tbs.has_value(), ca.name << " for " << subject.name);
    }
  }
}

BOOST_AUTO_TEST_CASE(urls_name_ca_and_shard) {
  const SoftwareCa root = SoftwareCa::root("root", KeyType::ec_p256);
  const SoftwareCa issuing = SoftwareCa::intermediate(root, "issuing", KeyType::ec_p256);
  const Issuer& issuer = issuing.issuer;
  BOOST_TEST(root.issuer.crl_url(CrlScope::all()) == "http://ca.example.com/crl/root.crl");
  BOOST_TEST(issuer.crl_url(CrlScope::of_shard(16, 7)) ==
             "http://ca.example.com/crl/issuing/16/7.crl");
  BOOST_TEST(issuer.crl_url(CrlScope::delta_of_all()) ==
             "http://ca.example.com/crl/issuing/delta.crl");
  BOOST_TEST(issuing.issuer.certificate_url() == "http://ca.example.com/ca/issuing.crt");
  BOOST_TEST(issuing.issuer.path_length().value_or(-1) == 0);
  BOOST_TEST((issuing.issuer.algorithm() == SignatureAlgorithm::ecdsa_p256_sha256));

  const Profile profile = server_profile();
  for (int i = 0; i < 32; ++i) {
    CertificateDraft draft = server_draft(profile, root.key.public_key());
    draft.crl_shards = 16;
    const Bytes der = issuing.issue(draft);
    BOOST_TEST(contains(der, issuer.crl_url(CrlScope::of_shard(16, draft.serial.shard(16)))));
  }
}

BOOST_AUTO_TEST_CASE(locations_stand_only_where_they_mean_something) {
  const SoftwareCa root = SoftwareCa::root("root", KeyType::ec_p256);
  BOOST_TEST(!contains(root.certificate, "http://"));
  const Profile ocsp = ocsp_profile();
  CertificateDraft draft = server_draft(ocsp, root.key.public_key());
  const Bytes responder = root.issue(draft);
  BOOST_TEST(!contains(responder, "/crl/"));
  BOOST_TEST(contains(responder, "/ca/root.crt"));
}

BOOST_AUTO_TEST_CASE(certificates_beyond_2049_are_encoded_as_rfc_5280_says) {
  const SoftwareKey& key = SoftwareKey::shared(KeyType::ec_p256);
  auto issuer = Issuer::create_root(CaName::literal("root"), {"", "", "", "root"}, key.public_key(),
                                    "http://ca.example.com");
  BOOST_REQUIRE(issuer);
  Profile profile = root_profile();
  profile.max_validity = std::chrono::days(36'500);
  CertificateDraft draft = server_draft(profile, key.public_key());
  draft.subject = {"", "", "", "root"};
  draft.names = {};
  draft.not_after = *from_rfc3339("2075-06-01T12:00:00Z");
  const auto tbs = rehearse(*issuer, draft);
  BOOST_REQUIRE_MESSAGE(tbs, tbs.error().message);
  BOOST_TEST(contains(*tbs, "20750601120000Z"));
}

BOOST_AUTO_TEST_CASE(a_time_stamping_certificate_has_a_critical_purpose) {
  const SoftwareCa root = SoftwareCa::root("root", KeyType::ec_p256);
  Profile profile = server_profile();
  profile.key_usages = {KeyUsage::digital_signature};
  profile.extended_key_usages = {ExtendedKeyUsage::time_stamping};
  const auto tbs = rehearse(root.issuer, server_draft(profile, root.key.public_key()));
  BOOST_REQUIRE_MESSAGE(tbs, tbs.error().message);
  // extnID extendedKeyUsage, critical TRUE
  BOOST_TEST(contains(*tbs, std::string_view("\x06\x03\x55\x1d\x25\x01\x01\xff", 8)));
}

BOOST_AUTO_TEST_CASE(what_must_not_be_signed_fails_by_rule) {
  const SoftwareCa root = SoftwareCa::root("root", KeyType::ec_p256);
  const SoftwareCa issuing = SoftwareCa::intermediate(root, "issuing", KeyType::ec_p256);
  const Profile server = server_profile(), sub = intermediate_profile();
  const CertificateDraft good = server_draft(server, root.key.public_key());
  const struct {
    const char* rule;
    const Profile* profile;
    void (*change)(CertificateDraft&, const SoftwareCa&);
  } rows[] = {
      {"validity_within_issuers", &server,
       [](CertificateDraft& d, const SoftwareCa& ca) {
         d.not_after = ca.issuer.not_after() + Seconds{1};
       }},
      {"validity_order", &server,
       [](CertificateDraft& d, const SoftwareCa&) { d.not_after = d.not_before; }},
      {"path_length_below_issuers", &sub,
       [](CertificateDraft& d, const SoftwareCa&) {
         d.names = {};
         d.subject.organization = "Example GmbH";
       }},
      {"self_issued_is_root", &server,
       [](CertificateDraft& d, const SoftwareCa&) {
         d.subject = {"DE", "Example GmbH", "", "issuing"};
       }},
      {"subject_values", &server,
       [](CertificateDraft& d, const SoftwareCa&) { d.subject.common_name = "a\x01"; }},
      {"alt_name_required", &server, [](CertificateDraft& d, const SoftwareCa&) { d.names = {}; }},
  };
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.rule) {
      CertificateDraft draft = good;
      draft.profile = row.profile;
      row.change(draft, issuing);
      const auto tbs = rehearse(issuing.issuer, draft);
      BOOST_REQUIRE(!tbs);
      BOOST_TEST((tbs.error().code == ErrorCode::internal));
      BOOST_TEST(tbs.error().message.find(row.rule) != std::string::npos, tbs.error().message);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_encoded_is_an_error) {
  const SoftwareCa root = SoftwareCa::root("root", KeyType::ec_p256);
  const Profile profile = server_profile();
  CertificateDraft draft = server_draft(profile, root.key.public_key());
  draft.names.ip = {"not an address"};
  BOOST_TEST(rehearse(root.issuer, draft).error().field == "subject_alt_name");
  draft.names.ip.clear();
  draft.not_after = from_unix_seconds(253'402'300'800);  // the year 10000
  BOOST_TEST(rehearse(root.issuer, draft).error().field == "validity");
}

BOOST_AUTO_TEST_CASE(certificates_of_others_than_cas_make_no_issuer) {
  const SoftwareCa root = SoftwareCa::root("root", KeyType::ec_p256);
  const Profile profile = server_profile();
  const Bytes server = root.issue(server_draft(profile, root.key.public_key()));
  const auto name = CaName::literal("server");
  BOOST_TEST(Issuer::create(name, server, "http://ca.example.com").error().field == "certificate");
  BOOST_TEST(Issuer::create(name, Bytes{1, 2}, "http://ca.example.com").error().field ==
             "certificate");
  for (const char* url : {"", "ca.example.com", "http://ca.example.com/", "http://a b"}) {
    BOOST_TEST(Issuer::create(name, root.certificate, url).error().field == "public_url");
  }
}

BOOST_AUTO_TEST_CASE(many_threads_use_one_issuer) {
  const SoftwareCa root = SoftwareCa::root("root", KeyType::ec_p256);
  const Profile profile = server_profile();
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        const CertificateDraft draft = server_draft(profile, root.key.public_key());
        if (rehearse(root.issuer, draft)) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(good == 200);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery::test
