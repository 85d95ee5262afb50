#include "core/certificate.h"

#include <algorithm>

#include "core/alt_name.h"
#include "core/certificate_view.h"
#include "core/distinguished_name.h"
#include "core/oid.h"
#include "core/signature_identifier.h"

namespace chancery {
namespace {

constexpr std::string_view kField = "certificate";

Result<void> read_key_ids(const CertificateView& view, CertificateInfo& info) {
  if (const ExtensionView* extension = view.extension(oid::subject_key_id)) {
    ASSIGN_OR_RETURN(const ByteView key_id, decode_subject_key_id(extension->value, kField));
    info.subject_key_id = copy_of(key_id);
  }
  if (const ExtensionView* extension = view.extension(oid::authority_key_id)) {
    ASSIGN_OR_RETURN(const ByteView key_id, decode_authority_key_id(extension->value, kField));
    info.authority_key_id = copy_of(key_id);
  }
  return {};
}

Result<void> read_constraints(const CertificateView& view, CertificateInfo& info) {
  if (const ExtensionView* extension = view.extension(oid::basic_constraints)) {
    ASSIGN_OR_RETURN(const BasicConstraints constraints,
                     decode_basic_constraints(extension->value, kField));
    info.ca = constraints.ca;
    info.path_length = constraints.path_length;
  }
  if (const ExtensionView* extension = view.extension(oid::key_usage)) {
    ASSIGN_OR_RETURN(info.key_usage_bits, decode_key_usage(extension->value, kField));
  }
  return {};
}

template <class T>
bool has(const std::vector<T>& list, T value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

Result<void> check_subject_fields(const Profile& profile, const Subject& subject) {
  for (const SubjectAttribute& attribute : subject_attributes()) {
    if ((subject.*attribute.member).empty() || has(profile.subject, attribute.field)) continue;
    const std::string field = "subject." + std::string(name_of(attribute.field));
    return invalid(field, field + " may not appear in profile " + profile.name.text());
  }
  return check_subject(subject, "subject");
}

Result<void> check_alt_name_types(const Profile& profile, const SubjectAltNames& names) {
  const std::pair<AltNameType, const std::vector<std::string>*> types[] = {
      {AltNameType::dns, &names.dns},
      {AltNameType::ip, &names.ip},
      {AltNameType::uri, &names.uri},
      {AltNameType::email, &names.email}};
  for (const auto& [type, list] : types) {
    if (list->empty() || has(profile.alt_names, type)) continue;
    return invalid("subject_alt_name", "subject_alt_name has \"" + list->front() +
                                           "\": names of type " + std::string(name_of(type)) +
                                           " may not appear in profile " + profile.name.text());
  }
  for (const std::string& name : names.dns) {
    if (profile.wildcard || !name.starts_with("*.")) continue;
    return invalid("subject_alt_name", "subject_alt_name has \"" + name + "\": profile " +
                                           profile.name.text() + " allows no wildcards");
  }
  if (profile.require_alt_name && names.size() == 0) {
    return invalid("subject_alt_name", "subject_alt_name is empty; profile " + profile.name.text() +
                                           " needs at least one name");
  }
  return check_alt_names(names, "subject_alt_name");
}

std::string key_type_names(const std::vector<KeyType>& types) {
  std::string names;
  for (KeyType type : types) names += (names.empty() ? "" : ", ") + std::string(row(type).name);
  return names;
}

}  // namespace

Result<CertificateInfo> parse_certificate(ByteView der) {
  if (der.size() > limits::certificate_bytes) {
    return invalid(std::string(kField), "certificate is longer than " +
                                            std::to_string(limits::certificate_bytes) + " bytes");
  }
  ASSIGN_OR_RETURN(const CertificateView view, read_certificate(der));
  if (has_repeated(view.extensions)) {
    return invalid(std::string(kField), "certificate has an extension twice");
  }
  CertificateInfo info;
  info.serial = copy_of(view.serial);
  ASSIGN_OR_RETURN(info.subject, decode_name(view.subject, kField, OtherAttributes::pass_over));
  info.subject_name = copy_of(view.subject);
  info.issuer_name = copy_of(view.issuer);
  if (const ExtensionView* extension = view.extension(oid::subject_alt_name)) {
    ASSIGN_OR_RETURN(info.names, decode_alt_names(extension->value, kField, OtherNames::pass_over));
  }
  info.not_before = view.not_before;
  info.not_after = view.not_after;
  info.spki = copy_of(view.spki);
  RETURN_IF_ERROR(read_key_ids(view, info));
  RETURN_IF_ERROR(read_constraints(view, info));
  return info;
}

std::string certificate_fingerprint(ByteView der) {
  return to_hex(sha256(der));
}

Bytes assemble_signed(Bytes tbs, SignatureAlgorithm algorithm, ByteView signature) {
  DerWriter head, tail;
  tail.raw(signature_identifier(algorithm));
  tail.bit_string(signature);
  head.header(der::sequence, tbs.size() + tail.bytes().size());
  tbs.insert(tbs.begin(), head.bytes().begin(), head.bytes().end());
  tbs.insert(tbs.end(), tail.bytes().begin(), tail.bytes().end());
  return tbs;
}

Result<void> check_profile(const Profile& profile, const Subject& subject,
                           const SubjectAltNames& names, KeyType key_type, Seconds validity) {
  RETURN_IF_ERROR(check_subject_fields(profile, subject));
  RETURN_IF_ERROR(check_alt_name_types(profile, names));
  if (subject == Subject{} && (profile.ca || names.size() == 0)) {
    return invalid("subject", profile.ca ? "subject of a CA is empty (RFC 5280 section 4.1.2.6)"
                                         : "subject and subject_alt_name are both empty");
  }
  if (!has(profile.key_types, key_type)) {
    return invalid("public_key", "public_key is of type " + std::string(row(key_type).name) +
                                     "; profile " + profile.name.text() + " allows " +
                                     key_type_names(profile.key_types));
  }
  if (validity <= Seconds{0}) return invalid("validity", "validity must be above zero");
  if (validity > profile.max_validity) {
    return invalid("validity", "validity of " + format_duration(validity) + " is beyond the " +
                                   format_duration(profile.max_validity) + " of profile " +
                                   profile.name.text());
  }
  return {};
}

}  // namespace chancery
