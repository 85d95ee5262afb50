#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

#include "core/certificate_view.h"
#include "core/lint.h"
#include "tests/core/x509/software_ca.h"

namespace chancery::test {
namespace {

using X509Ptr = HandlePtr<X509, X509_free>;
using NamePtr = HandlePtr<X509_NAME, X509_NAME_free>;
using ExtensionPtr = HandlePtr<X509_EXTENSION, X509_EXTENSION_free>;
using TimePtr = HandlePtr<ASN1_TIME, ASN1_TIME_free>;

// The CAs that every case shares.
struct Chain {
  SoftwareCa root = SoftwareCa::root("root", KeyType::ec_p256);
  SoftwareCa issuing = SoftwareCa::intermediate(root, "issuing", KeyType::ec_p256);
  Issuer unborn_root = [this] {
    auto issuer = Issuer::create_root(CaName::literal("root"), {"DE", "Example GmbH", "", "root"},
                                      root.key.public_key(), "http://ca.example.com");
    CHECK(issuer);
    return std::move(*issuer);
  }();
};

const Chain& chain() {
  static const Chain shared;
  return shared;
}

const SoftwareKey& subject_key() {
  static const SoftwareKey key = SoftwareKey::make(KeyType::ec_p256);
  return key;
}

// A good certificate, what it is linted against, and room to spoil either.
struct Case {
  const Issuer* issuer;
  const SoftwareKey* issuer_key;
  Profile profile;
  CertificateDraft draft;
  X509Ptr certificate;
  Bytes der;  // instead of `certificate`, where OpenSSL cannot make it

  Case(const Issuer& by, const SoftwareKey& by_key, Profile of, CertificateDraft made_from)
      : issuer(&by), issuer_key(&by_key), profile(std::move(of)), draft(std::move(made_from)) {
    draft.profile = &profile;
    const auto tbs = rehearse(*issuer, draft);
    BOOST_REQUIRE_MESSAGE(tbs, tbs.error().message);
    const Bytes good =
        assemble_signed(*tbs, issuer->algorithm(), issuer_key->sign(issuer->algorithm(), *tbs));
    const unsigned char* cursor = good.data();
    certificate.reset(d2i_X509(nullptr, &cursor, static_cast<long>(good.size())));
    BOOST_REQUIRE(certificate);
  }
  Case(Case&&) = delete;

  X509* x509() { return certificate.get(); }

  // The certificate's DER as it stands now, without a new signature: lint looks at no signature.
  [[nodiscard]] Bytes encode() const {
    if (!der.empty()) return der;
    unsigned char* buffer = nullptr;
    i2d_re_X509_tbs(certificate.get(), &buffer);  // forget the encoding that was read
    OPENSSL_free(buffer);
    buffer = nullptr;
    const int size = i2d_X509(certificate.get(), &buffer);
    BOOST_REQUIRE(size > 0);
    Bytes bytes(buffer, buffer + size);
    OPENSSL_free(buffer);
    return bytes;
  }
};

std::unique_ptr<Case> server_case() {
  CertificateDraft draft = server_draft(server_profile(), subject_key().public_key());
  draft.crl_shards = 4;
  return std::make_unique<Case>(chain().issuing.issuer, chain().issuing.key, server_profile(),
                                draft);
}

std::unique_ptr<Case> ca_case() {
  CertificateDraft draft = server_draft(server_profile(), subject_key().public_key());
  draft.subject = {"DE", "Example GmbH", "", "sub"};
  draft.names = {};
  return std::make_unique<Case>(chain().root.issuer, chain().root.key, intermediate_profile(),
                                draft);
}

std::unique_ptr<Case> root_case() {
  CertificateDraft draft = server_draft(server_profile(), chain().root.key.public_key());
  draft.subject = {"DE", "Example GmbH", "", "root"};
  draft.names = {};
  return std::make_unique<Case>(chain().unborn_root, chain().root.key, root_profile(), draft);
}

void add(X509* certificate, int nid, const char* value) {
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value));
  BOOST_REQUIRE(extension);
  BOOST_REQUIRE(X509_add_ext(certificate, extension.get(), -1) == 1);
}

void remove(X509* certificate, int nid) {
  const int place = X509_get_ext_by_NID(certificate, nid, -1);
  BOOST_REQUIRE(place >= 0);
  X509_EXTENSION_free(X509_delete_ext(certificate, place));
}

void replace(X509* certificate, int nid, const char* value) {
  remove(certificate, nid);
  add(certificate, nid, value);
}

void set_critical(X509* certificate, int nid, int critical) {
  const int place = X509_get_ext_by_NID(certificate, nid, -1);
  BOOST_REQUIRE(place >= 0);
  X509_EXTENSION_set_critical(X509_get_ext(certificate, place), critical);
}

void set_serial(X509* certificate, const char* decimal) {
  ASN1_INTEGER* serial = s2i_ASN1_INTEGER(nullptr, decimal);
  BOOST_REQUIRE(serial);
  X509_set_serialNumber(certificate, serial);
  ASN1_INTEGER_free(serial);
}

void set_common_name(X509* certificate, int type, const std::string& text) {
  const NamePtr name(X509_NAME_new());
  BOOST_REQUIRE(X509_NAME_add_entry_by_NID(name.get(), NID_commonName, type,
                                           reinterpret_cast<const unsigned char*>(text.data()),
                                           static_cast<int>(text.size()), -1, 0) == 1);
  X509_set_subject_name(certificate, name.get());
}

TimePtr asn1_time(Time time) {
  return TimePtr(ASN1_TIME_set(nullptr, static_cast<time_t>(to_unix_seconds(time))));
}

void set_not_after(Case& c, Time time) {
  X509_set1_notAfter(c.x509(), asn1_time(time).get());
}

// The certificate's TBS with `edit` applied to its elements in order.
Bytes with_elements(const Bytes& certificate,
                    const std::function<void(std::vector<Bytes>&)>& edit) {
  DerReader outer(certificate, "test");
  auto in = outer.enter(der::sequence);
  auto tbs = in->enter(der::sequence);
  std::vector<Bytes> elements;
  while (!tbs->at_end()) elements.push_back(copy_of(tbs->any()->whole));
  edit(elements);
  DerWriter out;
  out.sequence([&] {
    out.sequence([&] {
      for (const Bytes& element : elements) out.raw(element);
    });
    while (!in->at_end()) out.raw(in->any()->whole);
  });
  return out.take();
}

Bytes with_signature(const Bytes& certificate, ByteView signature) {
  DerReader outer(certificate, "test");
  auto in = outer.enter(der::sequence);
  DerWriter out;
  out.sequence([&] {
    out.raw(in->any()->whole);
    out.raw(in->any()->whole);
    out.bit_string(signature);
  });
  return out.take();
}

struct Mutation {
  const char* rule;
  std::unique_ptr<Case> (*base)();
  void (*spoil)(Case&);
};

const Mutation kMutations[] = {
    {"der", server_case,
     [](Case& c) {
       c.der = c.encode();
       c.der.push_back(0);
     }},
    {"version_3", server_case, [](Case& c) { X509_set_version(c.x509(), X509_VERSION_2); }},
    {"serial_positive", server_case, [](Case& c) { set_serial(c.x509(), "-5"); }},
    {"serial_positive", server_case, [](Case& c) { set_serial(c.x509(), "0"); }},
    {"serial_length", server_case,
     [](Case& c) { set_serial(c.x509(), ("1" + std::string(49, '0')).c_str()); }},
    {"serial_is_drafts", server_case, [](Case& c) { set_serial(c.x509(), "42"); }},
    {"signature_algorithms_agree", server_case,
     [](Case& c) {
       auto* inner = const_cast<X509_ALGOR*>(X509_get0_tbs_sigalg(c.x509()));
       X509_ALGOR_set0(inner, OBJ_nid2obj(NID_ecdsa_with_SHA384), V_ASN1_UNDEF, nullptr);
     }},
    {"signature_algorithm_is_issuers", server_case,
     [](Case& c) { X509_sign(c.x509(), c.issuer_key->handle(), EVP_sha512()); }},
    {"signature_shape", server_case,
     [](Case& c) { c.der = with_signature(c.encode(), Bytes(64, 1)); }},
    {"issuer_is_issuers_subject", server_case,
     [](Case& c) { X509_set_issuer_name(c.x509(), X509_get_subject_name(c.x509())); }},
    {"issuer_not_empty", server_case,
     [](Case& c) { X509_set_issuer_name(c.x509(), NamePtr(X509_NAME_new()).get()); }},
    {"subject_is_drafts", server_case,
     [](Case& c) { set_common_name(c.x509(), V_ASN1_UTF8STRING, "other"); }},
    {"subject_strings", server_case,
     [](Case& c) { set_common_name(c.x509(), V_ASN1_PRINTABLESTRING, "www"); }},
    {"subject_values", server_case,
     [](Case& c) { set_common_name(c.x509(), V_ASN1_UTF8STRING, std::string(65, 'w')); }},
    {"subject_values", server_case,
     [](Case& c) { set_common_name(c.x509(), V_ASN1_UTF8STRING, std::string("w\0w", 3)); }},
    {"subject_in_profile", server_case, [](Case& c) { c.profile.subject.clear(); }},
    {"subject_of_ca_not_empty", ca_case,
     [](Case& c) { X509_set_subject_name(c.x509(), NamePtr(X509_NAME_new()).get()); }},
    {"self_issued_is_root", server_case,
     [](Case& c) { X509_set_subject_name(c.x509(), X509_get_issuer_name(c.x509())); }},
    {"self_issued_is_root", root_case,
     [](Case& c) { set_common_name(c.x509(), V_ASN1_UTF8STRING, "other"); }},
    {"validity_encoding", server_case,
     [](Case& c) {
       const TimePtr time = asn1_time(c.draft.not_after);
       ASN1_GENERALIZEDTIME* wrong = ASN1_TIME_to_generalizedtime(time.get(), nullptr);
       X509_set1_notAfter(c.x509(), wrong);
       ASN1_GENERALIZEDTIME_free(wrong);
     }},
    {"validity_order", server_case, [](Case& c) { set_not_after(c, c.draft.not_before); }},
    {"validity_is_drafts", server_case,
     [](Case& c) { set_not_after(c, c.draft.not_after + Seconds{1}); }},
    {"validity_within_issuers", server_case,
     [](Case& c) { set_not_after(c, c.issuer->not_after() + Seconds{1}); }},
    {"validity_within_issuers", server_case,
     [](Case& c) {
       X509_set1_notBefore(c.x509(), asn1_time(c.issuer->not_before() - Seconds{1}).get());
     }},
    {"validity_within_profile", server_case,
     [](Case& c) {
       set_not_after(
           c, c.draft.not_before + c.profile.max_validity + limits::backdate_at_most + Seconds{1});
     }},
    {"public_key_is_drafts", server_case,
     [](Case& c) { X509_set_pubkey(c.x509(), chain().root.key.handle()); }},
    {"key_type_in_profile", server_case, [](Case& c) { c.profile.key_types = {KeyType::ed25519}; }},
    {"root_key_is_issuers", root_case,
     [](Case& c) { X509_set_pubkey(c.x509(), subject_key().handle()); }},
    {"no_unique_ids", server_case,
     [](Case& c) {
       c.der = with_elements(c.encode(), [](std::vector<Bytes>& elements) {
         elements.insert(elements.end() - 1, Bytes{0x81, 0x02, 0x00, 0x01});
       });
     }},
    {"size", server_case,
     [](Case& c) {
       const std::string comment(limits::certificate_bytes, 'x');
       add(c.x509(), NID_netscape_comment, comment.c_str());
     }},
    {"extensions_unique", server_case,
     [](Case& c) { add(c.x509(), NID_ext_key_usage, "serverAuth"); }},
    {"extensions_expected", server_case,
     [](Case& c) { add(c.x509(), NID_netscape_comment, "hello"); }},
    {"extensions_expected", server_case, [](Case& c) { remove(c.x509(), NID_key_usage); }},
    {"extensions_critical", server_case,
     [](Case& c) { set_critical(c.x509(), NID_subject_key_identifier, 1); }},
    {"extensions_critical", server_case, [](Case& c) { set_critical(c.x509(), NID_key_usage, 0); }},
    {"extensions_critical", ca_case,
     [](Case& c) { set_critical(c.x509(), NID_basic_constraints, 0); }},
    {"authority_key_id_is_issuers", server_case,
     [](Case& c) { remove(c.x509(), NID_authority_key_identifier); }},
    {"authority_key_id_is_issuers", server_case,
     [](Case& c) {
       remove(c.x509(), NID_authority_key_identifier);
       X509V3_CTX context;
       X509V3_set_ctx(&context, c.x509(), c.x509(), nullptr, nullptr, 0);
       const ExtensionPtr own(
           X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid"));
       BOOST_REQUIRE(own);
       X509_add_ext(c.x509(), own.get(), -1);
     }},
    {"subject_key_id_is_keys", server_case,
     [](Case& c) { replace(c.x509(), NID_subject_key_identifier, "00:01:02"); }},
    {"basic_constraints_in_ca_only", server_case,
     [](Case& c) { add(c.x509(), NID_basic_constraints, "critical,CA:FALSE"); }},
    {"basic_constraints_in_ca_only", ca_case,
     [](Case& c) { replace(c.x509(), NID_basic_constraints, "critical,CA:FALSE"); }},
    {"path_length_is_profiles", ca_case,
     [](Case& c) { replace(c.x509(), NID_basic_constraints, "critical,CA:TRUE"); }},
    {"path_length_below_issuers", ca_case,
     [](Case& c) { replace(c.x509(), NID_basic_constraints, "critical,CA:TRUE,pathlen:1"); }},
    {"key_usage_is_profiles", server_case,
     [](Case& c) { replace(c.x509(), NID_key_usage, "critical,digitalSignature"); }},
    {"key_usage_fits_key", server_case,
     [](Case& c) { replace(c.x509(), NID_key_usage, "critical,keyEncipherment"); }},
    {"cert_sign_in_ca_only", server_case,
     [](Case& c) { replace(c.x509(), NID_key_usage, "critical,digitalSignature,keyCertSign"); }},
    {"cert_sign_in_ca_only", ca_case,
     [](Case& c) { replace(c.x509(), NID_key_usage, "critical,cRLSign"); }},
    {"extended_key_usage_is_profiles", server_case,
     [](Case& c) { replace(c.x509(), NID_ext_key_usage, "serverAuth"); }},
    {"extended_key_usage_is_profiles", server_case,
     [](Case& c) { remove(c.x509(), NID_ext_key_usage); }},
    {"extended_key_usage_critical", server_case,
     [](Case& c) { set_critical(c.x509(), NID_ext_key_usage, 1); }},
    {"extended_key_usage_not_any", server_case,
     [](Case& c) { replace(c.x509(), NID_ext_key_usage, "serverAuth,anyExtendedKeyUsage"); }},
    {"alt_name_is_drafts", server_case,
     [](Case& c) { replace(c.x509(), NID_subject_alt_name, "DNS:evil.example.com"); }},
    {"alt_name_values", server_case,
     [](Case& c) { replace(c.x509(), NID_subject_alt_name, "DNS:a_b.example.com"); }},
    {"alt_name_values", server_case,
     [](Case& c) { replace(c.x509(), NID_subject_alt_name, "DNS:a.example,DNS:a.example"); }},
    {"alt_name_critical_without_subject", server_case,
     [](Case& c) { set_critical(c.x509(), NID_subject_alt_name, 1); }},
    {"alt_name_critical_without_subject", server_case,
     [](Case& c) { X509_set_subject_name(c.x509(), NamePtr(X509_NAME_new()).get()); }},
    {"alt_name_required", server_case, [](Case& c) { remove(c.x509(), NID_subject_alt_name); }},
    {"alt_name_types_in_profile", server_case,
     [](Case& c) {
       c.profile.alt_names = {AltNameType::dns};
       replace(c.x509(), NID_subject_alt_name, "DNS:www.example.com,email:a@example.com");
     }},
    {"alt_name_types_in_profile", server_case,
     [](Case& c) { replace(c.x509(), NID_subject_alt_name, "RID:1.2.3"); }},
    {"alt_name_wildcard_in_profile", server_case,
     [](Case& c) {
       c.profile.wildcard = false;
       replace(c.x509(), NID_subject_alt_name, "DNS:*.example.com");
     }},
    {"crl_distribution_point_is_shards", server_case,
     [](Case& c) {
       replace(c.x509(), NID_crl_distribution_points, "URI:http://ca.example.com/crl/issuing.crl");
     }},
    {"crl_distribution_point_is_shards", server_case,
     [](Case& c) { remove(c.x509(), NID_crl_distribution_points); }},
    {"crl_distribution_point_is_shards", root_case,
     [](Case& c) { add(c.x509(), NID_crl_distribution_points, "URI:http://ca.example.com/x"); }},
    {"authority_info_access_is_issuers", server_case,
     [](Case& c) { replace(c.x509(), NID_info_access, "caIssuers;URI:http://evil.example.com/"); }},
    {"authority_info_access_is_issuers", server_case,
     [](Case& c) {
       replace(c.x509(), NID_info_access, "OCSP;URI:http://ca.example.com/ca/issuing.crt");
     }},
    {"authority_info_access_is_issuers", root_case,
     [](Case& c) { add(c.x509(), NID_info_access, "caIssuers;URI:http://ca.example.com/x"); }},
    {"ocsp_nocheck_is_profiles", server_case,
     [](Case& c) { add(c.x509(), NID_id_pkix_OCSP_noCheck, "ignored"); }},
};

std::string joined(const std::vector<std::string>& rules) {
  std::string text;
  for (const std::string& rule : rules) text += rule + " ";
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lint)

BOOST_AUTO_TEST_CASE(good_certificates_break_no_rule) {
  for (const auto& base : {server_case, ca_case, root_case}) {
    const auto good = base();
    BOOST_TEST(joined(chancery::lint(good->encode(), *good->issuer, good->draft)) == "");
  }
}

BOOST_AUTO_TEST_CASE(every_mutation_breaks_its_rule) {
  for (const Mutation& mutation : kMutations) {
    BOOST_TEST_CONTEXT(mutation.rule) {
      const auto spoilt = mutation.base();
      mutation.spoil(*spoilt);
      const auto broken = chancery::lint(spoilt->encode(), *spoilt->issuer, spoilt->draft);
      BOOST_TEST(std::count(broken.begin(), broken.end(), mutation.rule) == 1,
                 "broken: " << joined(broken));
    }
  }
}

BOOST_AUTO_TEST_CASE(every_rule_has_a_mutation) {
  std::set<std::string_view> shown, known;
  for (const Mutation& mutation : kMutations) shown.insert(mutation.rule);
  for (const LintRule& rule : lint_rules()) {
    BOOST_TEST(known.insert(rule.name).second, "twice: " << rule.name);
    BOOST_TEST(!rule.source.empty());
    BOOST_TEST(shown.contains(rule.name), "no mutation breaks " << rule.name);
  }
  BOOST_TEST(shown.size() == known.size());
}

BOOST_AUTO_TEST_CASE(every_truncation_and_flipped_bit_is_noticed_or_in_the_signature) {
  const auto good = server_case();
  const Bytes der = good->encode();
  for (std::size_t size = 0; size < der.size(); ++size) {
    const auto broken = chancery::lint(ByteView(der).first(size), *good->issuer, good->draft);
    BOOST_TEST(joined(broken) == "der ");
  }
  const auto view = read_certificate(der);
  BOOST_REQUIRE(view);
  const std::size_t signature_at = static_cast<std::size_t>(view->signature.data() - der.data());
  for (std::size_t at = 0; at < signature_at; ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      Bytes flipped = der;
      flipped[at] ^= static_cast<std::uint8_t>(1U << bit);
      BOOST_TEST(!chancery::lint(flipped, *good->issuer, good->draft).empty(),
                 "byte " << at << " bit " << bit);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery::test
