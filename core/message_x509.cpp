#include "core/message_x509.h"

#include <algorithm>
#include <array>

#include "core/alt_name.h"
#include "core/certificate_view.h"
#include "core/crl.h"
#include "core/limits.h"
#include "core/message_values.h"
#include "core/name_text.h"
#include "core/oid.h"
#include "core/profile.h"
#include "core/public_key.h"

namespace chancery {
namespace {

constexpr std::string_view kField = "data";
constexpr std::string_view kIssuer = "data.issuer";
constexpr std::string_view kSubject = "data.subject";
constexpr std::string_view kAltName = "data.subject_alt_name";
constexpr std::size_t kNumberOctets = 20;  // of a serial or CRLNumber: sections 4.1.2.2, 5.2.3

Result<void> add_all(MessageContent& content, std::string_view field,
                     const std::vector<std::string>& values, std::string_view part) {
  for (const std::string& value : values) {
    RETURN_IF_ERROR(add_value(content, field, value, std::string(part)));
  }
  return {};
}

Result<void> add_issuer(MessageContent& content, ByteView name) {
  ASSIGN_OR_RETURN(NameText issuer, read_name_text(name, kIssuer));
  if (issuer.text.empty()) return invalid("data.issuer", "data.issuer is empty");
  return add_value(content, "issuer", std::move(issuer.text), std::string(kIssuer));
}

Result<void> add_subject(MessageContent& content, ByteView name) {
  ASSIGN_OR_RETURN(NameText subject, read_name_text(name, kSubject));
  if (subject.text.empty()) return {};
  RETURN_IF_ERROR(add_all(content, "common_name", subject.common_names, kSubject));
  return add_value(content, "subject", std::move(subject.text), std::string(kSubject));
}

Result<void> add_alt_names(MessageContent& content, const CertificateView& view) {
  const ExtensionView* extension = view.extension(oid::subject_alt_name);
  if (!extension) return {};
  ASSIGN_OR_RETURN(const SubjectAltNames names,
                   decode_alt_names(extension->value, kAltName, OtherNames::refuse));
  RETURN_IF_ERROR(check_alt_names(names, kAltName));
  RETURN_IF_ERROR(add_all(content, "dns_name", names.dns, kAltName));
  RETURN_IF_ERROR(add_all(content, "ip_address", names.ip, kAltName));
  RETURN_IF_ERROR(add_all(content, "uri", names.uri, kAltName));
  return add_all(content, "email", names.email, kAltName);
}

/// RFC 5280 section 4.2.1.3, also those that no profile has.
std::string key_usage_name(unsigned bit) {
  constexpr std::array<std::pair<unsigned, std::string_view>, 3> kOthers = {
      {{3, "data_encipherment"}, {7, "encipher_only"}, {8, "decipher_only"}}};
  for (const auto& [other, name] : kOthers) {
    if (other == bit) return std::string(name);
  }
  return std::string(name_of(static_cast<KeyUsage>(bit)));
}

std::string purpose_name(ByteView purpose) {
  for (ExtendedKeyUsage usage : {ExtendedKeyUsage::server_auth, ExtendedKeyUsage::client_auth,
                                 ExtendedKeyUsage::code_signing, ExtendedKeyUsage::email_protection,
                                 ExtendedKeyUsage::time_stamping, ExtendedKeyUsage::ocsp_signing}) {
    if (oid_of(usage) == text_of(purpose)) return std::string(name_of(usage));
  }
  return oid_text(purpose);
}

Result<void> add_uses(MessageContent& content, const CertificateView& view) {
  constexpr std::string_view kConstraints = "data.basic_constraints";
  constexpr std::string_view kUsage = "data.key_usage";
  constexpr std::string_view kPurposes = "data.extended_key_usage";
  bool ca = false;
  if (const ExtensionView* extension = view.extension(oid::basic_constraints)) {
    ASSIGN_OR_RETURN(const BasicConstraints constraints,
                     decode_basic_constraints(extension->value, kConstraints));
    ca = constraints.ca;
    // An empty SEQUENCE: FALSE is the default, and a path length is a CA's (section 4.2.1.9).
    if (!ca && extension->value.size() != 2) {
      return invalid(std::string(kConstraints),
                     std::string(kConstraints) + " says more than that this is no CA");
    }
  }
  RETURN_IF_ERROR(add_value(content, "ca", ca ? "true" : "false", std::string(kConstraints)));
  if (const ExtensionView* extension = view.extension(oid::key_usage)) {
    ASSIGN_OR_RETURN(const unsigned bits, decode_key_usage(extension->value, kUsage));
    for (unsigned bit = 0; bit <= 8; ++bit) {
      if (!(bits & (1U << bit))) continue;
      RETURN_IF_ERROR(add_value(content, "key_usage", key_usage_name(bit), std::string(kUsage)));
    }
  }
  if (const ExtensionView* extension = view.extension(oid::extended_key_usage)) {
    ASSIGN_OR_RETURN(const auto purposes, decode_extended_key_usage(extension->value, kPurposes));
    for (ByteView purpose : purposes) {
      RETURN_IF_ERROR(
          add_value(content, "extended_key_usage", purpose_name(purpose), std::string(kPurposes)));
    }
  }
  return {};
}

Result<void> check_number(ByteView number, const std::string& part) {
  if (number[0] < 0x80 && number.size() <= kNumberOctets) return {};
  return invalid(
      part, part + " is negative or has more than " + std::to_string(kNumberOctets) + " octets");
}

Result<void> check_extensions(const ExtensionViews& extensions) {
  const std::string part = "data.extensions";
  if (extensions.empty()) return invalid(part, part + " has none");  // SIZE (1..MAX)
  if (extensions.size() > limits::message_members) {
    return invalid(part, part + " has more than " + std::to_string(limits::message_members));
  }
  if (has_repeated(extensions)) return invalid(part, part + " has one extension twice");
  return {};
}

/// Times through 2049 are UTCTime, later ones GeneralizedTime (sections 4.1.2.5 and 5.1.2.4).
Result<void> check_form(const DerElement& element, Time time, const std::string& part) {
  constexpr std::int64_t kBeginOf2050 = 2'524'608'000;
  if ((element.tag == der::generalized_time) == (to_unix_seconds(time) >= kBeginOf2050)) return {};
  return invalid(part, part + " is not UTCTime through 2049, or GeneralizedTime from 2050");
}

Result<Time> read_time(DerReader& in, const std::string& part) {
  ASSIGN_OR_RETURN(const DerElement element, in.any());
  ASSIGN_OR_RETURN(const Time time, DerReader(element.whole, kField).time());
  RETURN_IF_ERROR(check_form(element, time, part));
  return time;
}

Result<void> check_head(const CertificateView& view) {
  if (view.version != 2) return invalid("data.version", "data.version is not 2, which means v3");
  RETURN_IF_ERROR(check_number(view.serial, "data.serial"));
  if (view.serial.size() == 1 && view.serial[0] == 0) {
    return invalid("data.serial", "data.serial is zero (RFC 5280 section 4.1.2.2)");
  }
  if (view.unique_ids) return invalid("data", "data has a unique identifier, which v3 does not");
  RETURN_IF_ERROR(check_extensions(view.extensions));
  RETURN_IF_ERROR(check_form(view.not_before_element, view.not_before, "data.not_before"));
  RETURN_IF_ERROR(check_form(view.not_after_element, view.not_after, "data.not_after"));
  if (view.not_after <= view.not_before) {
    return invalid("data.not_after", "data.not_after is not later than notBefore");
  }
  const auto key = PublicKey::from_spki(view.spki);
  if (!key) return invalid("data.public_key", "data.public_key: " + key.error().message);
  return {};
}

Result<std::optional<Seconds>> lifetime(Time end, Time at, const std::string& part) {
  const std::int64_t seconds = to_unix_seconds(end);
  ASSIGN_OR_RETURN(const Seconds left,
                   time_left(seconds < 0 ? 0 : static_cast<std::uint64_t>(seconds), at, part));
  return std::optional(left);
}

/// revokedCertificates, each entry as section 5.1 has it.
Result<void> skip_revoked(DerReader list) {
  if (list.at_end()) return invalid("data", "data has an empty revokedCertificates");
  while (!list.at_end()) {
    ASSIGN_OR_RETURN(DerReader entry, list.enter(der::sequence));
    RETURN_IF_ERROR(entry.integer());
    RETURN_IF_ERROR(read_time(entry, "data.revocation_date"));
    if (!entry.at_end()) {
      ASSIGN_OR_RETURN(DerReader extensions, entry.enter(der::sequence));
      ASSIGN_OR_RETURN(const ExtensionViews views, read_extensions(extensions));
      RETURN_IF_ERROR(check_extensions(views));
    }
    RETURN_IF_ERROR(entry.end());
  }
  return {};
}

Result<void> add_crl_number(DerReader& list, MessageContent& content) {
  if (list.at_end()) return {};
  ASSIGN_OR_RETURN(DerReader tagged, list.enter(der::constructed(0)));
  ASSIGN_OR_RETURN(DerReader sequence, tagged.enter(der::sequence));
  RETURN_IF_ERROR(tagged.end());
  ASSIGN_OR_RETURN(const ExtensionViews extensions, read_extensions(sequence));
  RETURN_IF_ERROR(check_extensions(extensions));
  const ExtensionView* extension = find_extension(extensions, oid::crl_number);
  if (!extension) return {};
  DerReader value(extension->value, "data.crl_number");
  ASSIGN_OR_RETURN(const ByteView number, value.integer());
  RETURN_IF_ERROR(value.end());
  RETURN_IF_ERROR(check_number(number, "data.crl_number"));
  return add_value(content, "number", crl_number_text(number), "data.crl_number");
}

}  // namespace

Result<X509Message> parse_tbs_certificate(ByteView message, Time at) {
  ASSIGN_OR_RETURN(const CertificateView view, read_tbs_certificate(message, kField));
  RETURN_IF_ERROR(check_head(view));
  X509Message read{view.inner_algorithm,
                   {.message_class = MessageClass::certificate, .fields = {}}};
  RETURN_IF_ERROR(add_issuer(read.content, view.issuer));
  RETURN_IF_ERROR(add_subject(read.content, view.subject));
  RETURN_IF_ERROR(add_alt_names(read.content, view));
  RETURN_IF_ERROR(add_uses(read.content, view));
  ASSIGN_OR_RETURN(read.content.lifetime, lifetime(view.not_after, at, "data.not_after"));
  return read;
}

Result<X509Message> parse_tbs_crl(ByteView message, Time at) {
  DerReader outer(message, kField);
  ASSIGN_OR_RETURN(DerReader list, outer.enter(der::sequence));
  RETURN_IF_ERROR(outer.end());
  ASSIGN_OR_RETURN(const int version, list.small_integer());
  if (version != 1) return invalid("data.version", "data.version is not 1, which means v2");
  ASSIGN_OR_RETURN(const DerElement algorithm, list.element(der::sequence));
  X509Message read{algorithm.whole, {.message_class = MessageClass::crl, .fields = {}}};
  ASSIGN_OR_RETURN(const DerElement issuer, list.element(der::sequence));
  RETURN_IF_ERROR(add_issuer(read.content, issuer.whole));
  ASSIGN_OR_RETURN(const Time this_update, read_time(list, "data.this_update"));
  if (list.next_is(der::utc_time) || list.next_is(der::generalized_time)) {
    ASSIGN_OR_RETURN(const Time next_update, read_time(list, "data.next_update"));
    if (next_update <= this_update) {
      return invalid("data.next_update", "data.next_update is not later than thisUpdate");
    }
    ASSIGN_OR_RETURN(read.content.lifetime, lifetime(next_update, at, "data.next_update"));
  }
  if (list.next_is(der::sequence)) {
    ASSIGN_OR_RETURN(const DerReader revoked, list.enter(der::sequence));
    RETURN_IF_ERROR(skip_revoked(revoked));
  }
  RETURN_IF_ERROR(add_crl_number(list, read.content));
  RETURN_IF_ERROR(list.end());
  return read;
}

}  // namespace chancery
