#include <boost/test/unit_test.hpp>

#include "core/profile.h"
#include "tests/core/x509/software_ca.h"

namespace chancery::test {

BOOST_AUTO_TEST_SUITE(profile)

BOOST_AUTO_TEST_CASE(names_are_read_back) {
  for (const char* name : {"digital_signature", "content_commitment", "key_encipherment",
                           "key_agreement", "key_cert_sign", "crl_sign"}) {
    BOOST_REQUIRE(parse_key_usage(name));
    BOOST_TEST(name_of(*parse_key_usage(name)) == name);
  }
  for (const char* name : {"server_auth", "client_auth", "code_signing", "email_protection",
                           "time_stamping", "ocsp_signing"}) {
    BOOST_REQUIRE(parse_extended_key_usage(name));
    BOOST_TEST(name_of(*parse_extended_key_usage(name)) == name);
  }
  for (const char* name : {"country", "organization", "organizational_unit", "common_name"}) {
    BOOST_REQUIRE(parse_subject_field(name));
    BOOST_TEST(name_of(*parse_subject_field(name)) == name);
  }
  for (const char* name : {"dns", "ip", "uri", "email"}) {
    BOOST_REQUIRE(parse_alt_name_type(name));
    BOOST_TEST(name_of(*parse_alt_name_type(name)) == name);
  }
  const auto unknown = parse_key_usage("keyCertSign");
  BOOST_REQUIRE(!unknown);
  BOOST_TEST(unknown.error().field == "key_usages");
  BOOST_TEST(unknown.error().message.find("key_cert_sign") != std::string::npos);
  BOOST_TEST(!parse_extended_key_usage(""));
  BOOST_TEST(!parse_subject_field("locality"));
  BOOST_TEST(!parse_alt_name_type("DNS"));
}

BOOST_AUTO_TEST_CASE(good_profiles_are_consistent) {
  for (const Profile& profile :
       {root_profile(), intermediate_profile(), server_profile(), ocsp_profile()}) {
    BOOST_TEST(check_consistency(profile).has_value(), profile.name.text());
  }
}

BOOST_AUTO_TEST_CASE(contradictions_name_the_member) {
  const struct {
    const char* name;
    Profile (*base)();
    void (*change)(Profile&);
    const char* member;
    const char* reason;
  } rows[] = {
      {"no usages", server_profile, [](Profile& p) { p.key_usages.clear(); }, "key_usages",
       "empty"},
      {"a usage twice", server_profile,
       [](Profile& p) { p.key_usages.push_back(KeyUsage::digital_signature); }, "key_usages",
       "twice"},
      {"a CA that signs no CRL", root_profile,
       [](Profile& p) { p.key_usages = {KeyUsage::key_cert_sign}; }, "key_usages", "crl_sign"},
      {"a server that signs certificates", server_profile,
       [](Profile& p) { p.key_usages.push_back(KeyUsage::key_cert_sign); }, "key_usages",
       "only in a CA"},
      {"negative path length", root_profile, [](Profile& p) { p.path_length = -1; }, "path_length",
       "0 to 16"},
      {"a server's path length", server_profile, [](Profile& p) { p.path_length = 1; },
       "path_length", "CA only"},
      {"no purposes", server_profile, [](Profile& p) { p.extended_key_usages.clear(); },
       "extended_key_usages", "empty"},
      {"a purpose twice", server_profile,
       [](Profile& p) { p.extended_key_usages.push_back(ExtendedKeyUsage::server_auth); },
       "extended_key_usages", "twice"},
      {"code signing server", server_profile,
       [](Profile& p) { p.extended_key_usages.push_back(ExtendedKeyUsage::code_signing); },
       "extended_key_usages", "code_signing"},
      {"time stamping server", server_profile,
       [](Profile& p) { p.extended_key_usages.push_back(ExtendedKeyUsage::time_stamping); },
       "extended_key_usages", "RFC 3161"},
      {"OCSP server", server_profile,
       [](Profile& p) { p.extended_key_usages.push_back(ExtendedKeyUsage::ocsp_signing); },
       "extended_key_usages", "ocsp_signing alone"},
      {"nocheck for a server", server_profile, [](Profile& p) { p.ocsp_nocheck = true; },
       "ocsp_nocheck", "ocsp_signing only"},
      {"no maximum", server_profile, [](Profile& p) { p.max_validity = Seconds{0}; },
       "max_validity", "above zero"},
      {"beyond 100 years", server_profile,
       [](Profile& p) { p.max_validity = std::chrono::days(40'000); }, "max_validity", "100 years"},
      {"default above maximum", server_profile,
       [](Profile& p) { p.default_validity = p.max_validity + Seconds{1}; }, "default_validity",
       "at most max_validity"},
      {"no default", server_profile, [](Profile& p) { p.default_validity = Seconds{0}; },
       "default_validity", "above zero"},
      {"no key types", server_profile, [](Profile& p) { p.key_types.clear(); }, "key_types",
       "empty"},
      {"a key type twice", server_profile,
       [](Profile& p) { p.key_types.push_back(KeyType::rsa_2048); }, "key_types", "twice"},
      {"encipherment by Ed25519", server_profile,
       [](Profile& p) { p.key_usages = {KeyUsage::key_encipherment}; }, "key_types", "none"},
      {"a subject field twice", server_profile,
       [](Profile& p) { p.subject.push_back(SubjectField::country); }, "subject", "twice"},
      {"a CA without subject", root_profile, [](Profile& p) { p.subject.clear(); }, "subject",
       "CA must not be empty"},
      {"names nobody", ocsp_profile,
       [](Profile& p) {
         p.subject.clear();
         p.alt_names.clear();
       },
       "subject", "both empty"},
      {"an alternative name type twice", server_profile,
       [](Profile& p) { p.alt_names.push_back(AltNameType::dns); }, "alt_names", "twice"},
      {"needs what it forbids", server_profile, [](Profile& p) { p.alt_names.clear(); },
       "require_alt_name", "at least one"},
      {"wildcards of addresses", server_profile,
       [](Profile& p) { p.alt_names = {AltNameType::ip}; }, "wildcard", "dns"},
  };
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      Profile profile = row.base();
      row.change(profile);
      const auto consistent = check_consistency(profile);
      BOOST_REQUIRE(!consistent);
      BOOST_TEST(consistent.error().field == "profiles." + profile.name.text() + "." + row.member);
      BOOST_TEST(consistent.error().message.find(row.reason) != std::string::npos,
                 consistent.error().message);
    }
  }
}

BOOST_AUTO_TEST_CASE(keys_get_only_the_usages_that_they_can_have) {
  using enum KeyUsage;
  const Profile profile = server_profile();
  const std::vector<KeyUsage> rsa = {digital_signature, key_encipherment};
  const std::vector<KeyUsage> ec = {digital_signature, key_agreement};
  const std::vector<KeyUsage> ed25519 = {digital_signature};
  BOOST_TEST((key_usages_for(profile, KeyType::rsa_4096) == rsa));
  BOOST_TEST((key_usages_for(profile, KeyType::ec_p521) == ec));
  BOOST_TEST((key_usages_for(profile, KeyType::ed25519) == ed25519));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery::test
