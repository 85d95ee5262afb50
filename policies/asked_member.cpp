#include "policies/asked_member.h"

#include <algorithm>
#include <array>

#include "core/field_path.h"
#include "core/machine_attribute.h"
#include "core/message_fields.h"
#include "policies/condition.h"
#include "policies/listing.h"

namespace chancery {
namespace {

constexpr std::size_t kFingerprintDigits = 64;  // of SHA-256

/// Keeps what `Parse` makes of the text: an enumerator, a duration.
template <auto Member, auto Parse>
Result<void> set_parsed(PolicyQuestion& question, std::string_view text) {
  ASSIGN_OR_RETURN(question.*Member, Parse(text));
  return {};
}

/// The same of one of few names, with a guess where it is nearly one of them.
template <auto Parse, auto Names>
auto parse_named(std::string_view text) -> decltype(Parse(text)) {
  auto parsed = Parse(text);
  if (parsed) return parsed;
  const std::vector<std::string_view> names = Names();
  const std::string guess = did_you_mean(text, names);
  if (guess.empty()) return parsed;
  return invalid("", "there is no " + quoted(text) + guess);
}

std::vector<std::string_view> operation_names() {
  std::vector<std::string_view> names;
  for (Operation one : operations()) names.push_back(name_of(one));
  return names;
}
std::vector<std::string_view> key_type_names() {
  std::vector<std::string_view> names;
  for (const KeyTypeRow& one : key_types()) names.push_back(one.name);
  return names;
}
std::vector<std::string_view> algorithm_names() {
  std::vector<std::string_view> names;
  for (const SignatureAlgorithmRow& one : signature_algorithms()) names.push_back(one.name);
  return names;
}

/// A validated name, kept as its text.
template <auto Member, class Name>
Result<void> set_name(PolicyQuestion& question, std::string_view text) {
  ASSIGN_OR_RETURN(const Name name, Name::parse(text));
  question.*Member = name.text();
  return {};
}

template <auto Member>
Result<void> set_subject(PolicyQuestion& question, std::string_view text) {
  question.subject.*Member = text;
  return {};
}

Result<std::string> dns_name(std::string_view text) {
  if (is_dns_name(text, true)) return std::string(text);
  return invalid("", quoted(text) + " is not a DNS name in lower case");
}
Result<std::string> uri(std::string_view text) {
  if (is_uri(text)) return std::string(text);
  return invalid("", quoted(text) + " is not an absolute URI");
}
Result<std::string> email(std::string_view text) {
  if (is_email(text)) return std::string(text);
  return invalid("", quoted(text) + " is not an e-mail address");
}
Result<std::string> ip_address(std::string_view text) {
  auto address = normalize_ip(text);
  if (!address) return invalid("", quoted(text) + " is not an IPv4 or IPv6 address");
  return address;
}

template <auto Names, auto Parse>
Result<void> add_alt_name(PolicyQuestion& question, std::string_view text) {
  ASSIGN_OR_RETURN(std::string name, Parse(text));
  (question.names.*Names).push_back(std::move(name));
  return {};
}

Result<void> add_extended_key_usage(PolicyQuestion& question, std::string_view text) {
  ASSIGN_OR_RETURN(const ExtendedKeyUsage usage, parse_extended_key_usage(text));
  question.extended_key_usages.push_back(usage);
  return {};
}

Result<void> set_machine_name(Machine& machine, std::string_view text) {
  ASSIGN_OR_RETURN(machine.name, MachineName::parse(text));
  return {};
}

Result<void> set_spiffe_id(Machine& machine, std::string_view text) {
  if (!text.starts_with("spiffe://") || !is_uri(text)) {
    return invalid("", quoted(text) + " is not a SPIFFE ID; one begins with spiffe://");
  }
  machine.spiffe_id = text;
  return {};
}

Result<void> add_machine_dns_name(Machine& machine, std::string_view text) {
  ASSIGN_OR_RETURN(std::string name, dns_name(text));
  machine.dns_names.push_back(std::move(name));
  return {};
}

Result<void> set_fingerprint(Machine& machine, std::string_view text) {
  const bool hex = std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (text.size() != kFingerprintDigits || !hex) {
    return invalid("", "a fingerprint is 64 hexadecimal digits in lower case");
  }
  machine.fingerprint = text;
  return {};
}

Result<void> set_source(Machine& machine, std::string_view text) {
  ASSIGN_OR_RETURN(machine.source, ip_address(text));
  return {};
}

using Q = PolicyQuestion;
constexpr std::array kQuestionMembers = {
    AskedMember<Q>{"operation", "operation", false, "certificate.issue, key.sign, …",
                   set_parsed<&Q::operation, parse_named<parse_operation, operation_names>>},
    AskedMember<Q>{"issuer", "issuer", false, "the CA", set_name<&Q::issuer, CaName>},
    AskedMember<Q>{"profile", "profile", false, "of the certificate",
                   set_name<&Q::profile, ProfileName>},
    AskedMember<Q>{"key", "key", false, "by its name", set_name<&Q::key, KeyName>},
    AskedMember<Q>{"owner", "owner", false, "machine whose certificate or record is meant",
                   set_name<&Q::owner, MachineName>},
    AskedMember<Q>{"dns_names", "dns", true, "in the certificate",
                   add_alt_name<&SubjectAltNames::dns, dns_name>},
    AskedMember<Q>{"ip_addresses", "ip", true, "in the certificate",
                   add_alt_name<&SubjectAltNames::ip, ip_address>},
    AskedMember<Q>{"uris", "uri", true, "in the certificate",
                   add_alt_name<&SubjectAltNames::uri, uri>},
    AskedMember<Q>{"emails", "email", true, "in the certificate",
                   add_alt_name<&SubjectAltNames::email, email>},
    AskedMember<Q>{"common_name", "cn", false, "in the certificate's subject",
                   set_subject<&Subject::common_name>},
    AskedMember<Q>{"country", "country", false, "in the certificate's subject",
                   set_subject<&Subject::country>},
    AskedMember<Q>{"organization", "organization", false, "in the certificate's subject",
                   set_subject<&Subject::organization>},
    AskedMember<Q>{"organizational_unit", "organizational-unit", false,
                   "in the certificate's subject", set_subject<&Subject::organizational_unit>},
    AskedMember<Q>{"key_type", "key-type", false, "of the key: ec-p256, rsa-3072, …",
                   set_parsed<&Q::key_type, parse_named<parse_key_type, key_type_names>>},
    AskedMember<Q>{"validity", "validity", false, "of the certificate: 24h, 30d, …",
                   set_parsed<&Q::validity, parse_duration>},
    AskedMember<Q>{
        "algorithm", "algorithm", false, "of the signature: ecdsa-p256-sha256, …",
        set_parsed<&Q::algorithm, parse_named<parse_signature_algorithm, algorithm_names>>},
    AskedMember<Q>{"extended_key_usages", "extended-key-usage", true,
                   "of the certificate; default: the profile's", add_extended_key_usage},
};

constexpr std::array kMachineMembers = {
    AskedMember<Machine>{"name", "machine", false, "as the inventory calls it", set_machine_name},
    AskedMember<Machine>{"spiffe", "spiffe", false, "SPIFFE ID in its certificate", set_spiffe_id},
    AskedMember<Machine>{"dns", "machine-dns", true, "DNS name in its certificate",
                         add_machine_dns_name},
    AskedMember<Machine>{"fingerprint", "fingerprint", false,
                         "SHA-256 of its certificate, in hexadecimal", set_fingerprint},
    AskedMember<Machine>{"source", "source", false, "IP address that it asks from", set_source},
};

}  // namespace

std::span<const AskedMember<PolicyQuestion>> question_members() {
  return kQuestionMembers;
}
std::span<const AskedMember<Machine>> machine_members() {
  return kMachineMembers;
}

Result<void> add_attribute(Machine& machine, std::string_view name, std::string_view value) {
  const auto place =
      std::ranges::lower_bound(machine.attributes, name, {}, &MachineAttribute::name);
  if (place != machine.attributes.end() && place->name == name) {
    return invalid("", "the attribute " + quoted(name) + " is given twice");
  }
  ASSIGN_OR_RETURN(MachineAttribute attribute, parse_machine_attribute(name, value));
  machine.attributes.insert(place, std::move(attribute));
  return {};
}

Result<void> add_field(MessageContent& message, std::string_view field, std::string_view value) {
  if (!has_field(message.message_class, field)) {
    std::vector<std::string_view> names;
    for (const MessageFieldRow& row : message_fields()) {
      if (row.message_class == message.message_class) names.push_back(row.name);
    }
    const std::string guess = did_you_mean(field, names);
    return invalid("", "messages of the class " + std::string(name_of(message.message_class)) +
                           " have no field " + quoted(field) +
                           (guess.empty() ? "; they have " + joined(names) : guess));
  }
  const auto found = std::ranges::find(message.fields, field, &MessageField::name);
  if (found != message.fields.end()) {
    found->values.emplace_back(value);
  } else {
    message.fields.push_back({std::string(field), {std::string(value)}});
  }
  return {};
}

void complete(PolicyQuestion& question, const Machine& machine, const Profiles& profiles) {
  if (!kCertifying.has(question.operation)) return;
  if (question.owner.empty()) question.owner = machine.name.text();
  const auto profile =
      std::ranges::find(profiles, question.profile, [](const auto& p) { return p.first.text(); });
  if (profile == profiles.end()) return;
  if (!question.validity) question.validity = profile->second.default_validity;
  if (question.extended_key_usages.empty()) {
    question.extended_key_usages = profile->second.extended_key_usages;
  }
}

}  // namespace chancery
