#include <algorithm>

#include "core/distinguished_name.h"
#include "core/limits.h"
#include "core/lint_rule.h"
#include "core/signature_identifier.h"

namespace chancery {
namespace {

template <class T>
bool has(const std::vector<T>& list, T value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool same(ByteView a, ByteView b) {
  return text_of(a) == text_of(b);
}

bool serial_positive(const LintCase& c) {
  const ByteView serial = c.certificate.serial;
  return serial[0] < 0x80 && !(serial.size() == 1 && serial[0] == 0);
}

// INTEGER leaves out leading zeros that the fixed form of Serial may have.
bool serial_is_drafts(const LintCase& c) {
  ByteView expected = c.draft.serial.bytes;
  while (expected.size() > 1 && expected[0] == 0 && expected[1] < 0x80) {
    expected = expected.subspan(1);
  }
  return same(c.certificate.serial, expected);
}

bool signature_algorithm_is_issuers(const LintCase& c) {
  return same(c.certificate.outer_algorithm, signature_identifier(c.issuer.algorithm()));
}

bool signature_shape(const LintCase& c) {
  const ByteView signature = c.certificate.signature;
  switch (row(c.issuer.algorithm()).family) {
    case KeyFamily::rsa:  // RFC 8017 section 8.2.1: as long as the modulus
      return signature.size() >= 256 && signature.size() <= 512 && signature.size() % 128 == 0;
    case KeyFamily::ed25519:  // RFC 8032 section 5.1.6
      return signature.size() == 64;
    case KeyFamily::ec: {  // RFC 5480 appendix A: SEQUENCE { r INTEGER, s INTEGER }
      DerReader outer(signature, "certificate");
      auto in = outer.enter(der::sequence);
      return in && outer.at_end() && in->integer() && in->integer() && in->at_end();
    }
  }
  return false;
}

bool issuer_not_empty(const LintCase& c) {
  const auto name = decode_name(c.certificate.issuer, "certificate", OtherAttributes::pass_over);
  return name && c.certificate.issuer.size() > 2;
}

bool subject_is_drafts(const LintCase& c) {
  return c.subject && *c.subject == c.draft.subject;
}

// RFC 5280 section 4.1.2.4: UTF8String, and PrintableString for the country.
bool subject_strings(const LintCase& c) {
  DerReader outer(c.certificate.subject, "certificate");
  auto rdns = outer.enter(der::sequence);
  while (rdns && !rdns->at_end()) {
    auto rdn = rdns->enter(der::set);
    if (!rdn) return false;
    auto attribute = rdn->enter(der::sequence);
    if (!attribute) return false;
    const auto type = attribute->oid();
    const auto value = attribute->any();
    if (!type || !value) return false;
    const bool country = text_of(*type) == subject_attributes().front().oid;
    if (value->tag != (country ? der::printable_string : der::utf8_string)) return false;
  }
  return rdns.has_value();
}

bool subject_in_profile(const LintCase& c) {
  if (!c.subject) return false;
  const auto& attributes = subject_attributes();
  return std::all_of(attributes.begin(), attributes.end(), [&](const SubjectAttribute& attribute) {
    return (*c.subject.*attribute.member).empty() || has(c.draft.profile->subject, attribute.field);
  });
}

bool self_issued_is_root(const LintCase& c) {
  return same(c.certificate.subject, c.certificate.issuer) == c.is_root();
}

// RFC 5280 section 4.1.2.5: UTCTime through the year 2049, GeneralizedTime from 2050.
bool validity_encoding(const LintCase& c) {
  const Time turn = std::chrono::sys_days{std::chrono::year{2050} / 1 / 1};
  const auto right = [&](const DerElement& element, Time time) {
    return element.tag == (time < turn ? der::utc_time : der::generalized_time);
  };
  return right(c.certificate.not_before_element, c.certificate.not_before) &&
         right(c.certificate.not_after_element, c.certificate.not_after);
}

bool validity_is_drafts(const LintCase& c) {
  return c.certificate.not_before == std::chrono::floor<Seconds>(c.draft.not_before) &&
         c.certificate.not_after == std::chrono::floor<Seconds>(c.draft.not_after);
}

bool validity_within_issuers(const LintCase& c) {
  return c.certificate.not_before >= std::chrono::floor<Seconds>(c.issuer.not_before()) &&
         c.certificate.not_after <= c.issuer.not_after();
}

bool validity_within_profile(const LintCase& c) {
  return c.certificate.not_after - c.certificate.not_before <=
         c.draft.profile->max_validity + limits::backdate_at_most;
}

// Of the key as it stands in the certificate: the profile must allow its type.
bool key_type_in_profile(const LintCase& c) {
  return same(c.certificate.spki, c.draft.public_key->spki()) &&
         has(c.draft.profile->key_types, c.draft.public_key->type());
}

constexpr std::array kRules = {
    CheckedRule{{"version_3", "RFC 5280 section 4.1.2.1"},
                [](const LintCase& c) { return c.certificate.version == 2; }},
    CheckedRule{{"serial_positive", "RFC 5280 section 4.1.2.2"}, serial_positive},
    CheckedRule{{"serial_length", "RFC 5280 section 4.1.2.2"},
                [](const LintCase& c) { return c.certificate.serial.size() <= 20; }},
    CheckedRule{{"serial_is_drafts", "draft"}, serial_is_drafts},
    CheckedRule{{"signature_algorithms_agree", "RFC 5280 section 4.1.1.2"},
                [](const LintCase& c) {
                  return same(c.certificate.inner_algorithm, c.certificate.outer_algorithm);
                }},
    CheckedRule{{"signature_algorithm_is_issuers", "issuer"}, signature_algorithm_is_issuers},
    CheckedRule{{"signature_shape", "RFC 5280 section 4.1.1.3"}, signature_shape},
    CheckedRule{
        {"issuer_is_issuers_subject", "RFC 5280 section 4.1.2.4"},
        [](const LintCase& c) { return same(c.certificate.issuer, c.issuer.subject_name()); }},
    CheckedRule{{"issuer_not_empty", "RFC 5280 section 4.1.2.4"}, issuer_not_empty},
    CheckedRule{{"subject_is_drafts", "draft"}, subject_is_drafts},
    CheckedRule{{"subject_strings", "RFC 5280 section 4.1.2.4"}, subject_strings},
    CheckedRule{
        {"subject_values", "RFC 5280 appendix A.1"},
        [](const LintCase& c) { return c.subject && check_subject(*c.subject, "certificate"); }},
    CheckedRule{{"subject_in_profile", "profile"}, subject_in_profile},
    CheckedRule{
        {"subject_of_ca_not_empty", "RFC 5280 section 4.1.2.6"},
        [](const LintCase& c) { return !c.draft.profile->ca || c.certificate.subject.size() > 2; }},
    CheckedRule{{"self_issued_is_root", "issuer"}, self_issued_is_root},
    CheckedRule{{"validity_encoding", "RFC 5280 section 4.1.2.5"}, validity_encoding},
    CheckedRule{
        {"validity_order", "RFC 5280 section 4.1.2.5"},
        [](const LintCase& c) { return c.certificate.not_before < c.certificate.not_after; }},
    CheckedRule{{"validity_is_drafts", "draft"}, validity_is_drafts},
    CheckedRule{{"validity_within_issuers", "issuer"}, validity_within_issuers},
    CheckedRule{{"validity_within_profile", "profile"}, validity_within_profile},
    CheckedRule{
        {"public_key_is_drafts", "draft"},
        [](const LintCase& c) { return same(c.certificate.spki, c.draft.public_key->spki()); }},
    CheckedRule{{"key_type_in_profile", "profile"}, key_type_in_profile},
    CheckedRule{{"root_key_is_issuers", "issuer"},
                [](const LintCase& c) {
                  return !c.is_root() || same(c.certificate.spki, c.issuer.spki());
                }},
    CheckedRule{{"no_unique_ids", "RFC 5280 section 4.1.2.8"},
                [](const LintCase& c) { return !c.certificate.unique_ids; }},
    CheckedRule{{"size", "limits::certificate_bytes"},
                [](const LintCase& c) { return c.der.size() <= limits::certificate_bytes; }},
};

}  // namespace

std::span<const CheckedRule> field_rules() {
  return kRules;
}

}  // namespace chancery
