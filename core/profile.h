#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/algorithm.h"
#include "core/clock.h"
#include "core/identifier.h"
#include "core/subject.h"

namespace chancery {

/// RFC 5280 section 4.2.1.3, as bit numbers.
enum class KeyUsage {
  digital_signature = 0,
  content_commitment = 1,
  key_encipherment = 2,
  key_agreement = 4,
  key_cert_sign = 5,
  crl_sign = 6,
};

/// RFC 5280 section 4.2.1.12.
enum class ExtendedKeyUsage {
  server_auth,
  client_auth,
  code_signing,
  email_protection,
  time_stamping,
  ocsp_signing
};

enum class SubjectField { country, organization, organizational_unit, common_name };
enum class AltNameType { dns, ip, uri, email };

/// What a certificate of this kind may look like. Read from config.yaml; complete and consistent
/// once loaded (load_profiles checks it).
struct Profile {
  ProfileName name;
  std::vector<KeyUsage> key_usages;
  std::vector<ExtendedKeyUsage> extended_key_usages;
  bool ca = false;
  int path_length = 0;  ///< only where ca
  Seconds default_validity{}, max_validity{};
  std::vector<KeyType> key_types;      ///< of the subject's key
  std::vector<SubjectField> subject;   ///< attributes that may appear
  std::vector<AltNameType> alt_names;  ///< types that may appear
  bool wildcard = false;               ///< DNS names may begin with "*."
  bool require_alt_name = true;        ///< at least one SAN
  bool same_key_renewal = false;       ///< renewal may keep the key
  bool hold = false;                   ///< its certificates may be put on hold and released
  bool ocsp_nocheck = false;           ///< RFC 6960 section 4.2.2.2.1
};

using Profiles = std::map<ProfileName, Profile>;

/// Names in config.yaml: "digital_signature", "server_auth", "common_name", "dns", … Reading an
/// unknown one is invalid_request and lists the known ones.
std::string_view name_of(KeyUsage usage);
std::string_view name_of(ExtendedKeyUsage usage);
std::string_view name_of(SubjectField field);
std::string_view name_of(AltNameType type);
Result<KeyUsage> parse_key_usage(std::string_view name);
Result<ExtendedKeyUsage> parse_extended_key_usage(std::string_view name);
Result<SubjectField> parse_subject_field(std::string_view name);
Result<AltNameType> parse_alt_name_type(std::string_view name);

/// Content octets of the purpose's OID.
std::string_view oid_of(ExtendedKeyUsage usage);

/// The profile's key usages that a key of this type can have: keyEncipherment is RSA's alone,
/// keyAgreement that of ECDH (RFC 3279 section 2.3, RFC 8813 section 3, RFC 8410 section 5).
std::vector<KeyUsage> key_usages_for(const Profile& profile, KeyType type);

/// Whether certificates of this profile can be right at all. invalid_request with field
/// "profiles.NAME.MEMBER": contradictions such as a CA without key_cert_sign, server_auth together
/// with code_signing, a default validity above the maximum, a key type without any usage.
Result<void> check_consistency(const Profile& profile);

}  // namespace chancery
