#include <algorithm>
#include <set>

#include "core/alt_name.h"
#include "core/limits.h"
#include "core/lint_rule.h"
#include "core/oid.h"

namespace chancery {
namespace {

constexpr std::string_view kField = "certificate";
constexpr auto kAnyExtendedKeyUsage = std::string_view("\x55\x1d\x25\x00", 4);

template <class T>
bool has(const std::vector<T>& list, T value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

unsigned bit(KeyUsage usage) {
  return 1U << static_cast<unsigned>(usage);
}

unsigned expected_key_usage(const LintCase& c) {
  unsigned bits = 0;
  for (KeyUsage usage : key_usages_for(*c.draft.profile, c.draft.public_key->type())) {
    bits |= bit(usage);
  }
  return bits;
}

// Every extension that this certificate has a reason for, and no other.
bool extensions_expected(const LintCase& c) {
  const Profile& profile = *c.draft.profile;
  std::set<std::string_view> expected = {oid::authority_key_id, oid::subject_key_id,
                                         oid::key_usage};
  if (profile.ca) expected.insert(oid::basic_constraints);
  if (!profile.extended_key_usages.empty()) expected.insert(oid::extended_key_usage);
  if (c.draft.names.size() > 0) expected.insert(oid::subject_alt_name);
  if (!c.is_root()) {
    expected.insert(oid::authority_info_access);
    expected.insert(profile.ocsp_nocheck ? oid::ocsp_no_check : oid::crl_distribution_points);
  }
  std::set<std::string_view> found;
  for (const ExtensionView& extension : c.certificate.extensions) {
    found.insert(text_of(extension.oid));
  }
  return found == expected;
}

// RFC 5280 says of each extension whether it is critical; SAN and EKU have rules of their own.
bool extensions_critical(const LintCase& c) {
  const std::set<std::string_view> critical = {oid::basic_constraints, oid::key_usage};
  const std::set<std::string_view> either = {oid::subject_alt_name, oid::extended_key_usage};
  return std::all_of(c.certificate.extensions.begin(), c.certificate.extensions.end(),
                     [&](const ExtensionView& extension) {
                       const std::string_view type = text_of(extension.oid);
                       return either.contains(type) ||
                              extension.critical == critical.contains(type);
                     });
}

bool authority_key_id_is_issuers(const LintCase& c) {
  const ExtensionView* extension = c.extension(oid::authority_key_id);
  if (!extension) return false;
  const auto key_id = decode_authority_key_id(extension->value, kField);
  if (!key_id || copy_of(*key_id) != c.issuer.subject_key_id()) return false;
  return extension->value.size() == key_id->size() + 4;  // keyIdentifier alone
}

bool subject_key_id_is_keys(const LintCase& c) {
  const ExtensionView* extension = c.extension(oid::subject_key_id);
  if (!extension) return false;
  const auto key_id = decode_subject_key_id(extension->value, kField);
  return key_id && copy_of(*key_id) == key_id_of(c.draft.public_key->spki());
}

bool basic_constraints_in_ca_only(const LintCase& c) {
  if (!c.draft.profile->ca) return !c.extension(oid::basic_constraints);
  return c.basic_constraints && c.basic_constraints->ca;
}

bool path_length_is_profiles(const LintCase& c) {
  if (!c.draft.profile->ca) return !c.basic_constraints || !c.basic_constraints->path_length;
  return c.basic_constraints && c.basic_constraints->path_length == c.draft.profile->path_length;
}

// RFC 5280 section 6.1.4 (l), (m): below a CA with length n there is room for n - 1.
bool path_length_below_issuers(const LintCase& c) {
  if (!c.draft.profile->ca || !c.issuer.path_length()) return true;
  return c.basic_constraints && c.basic_constraints->path_length &&
         *c.basic_constraints->path_length < *c.issuer.path_length();
}

bool key_usage_is_profiles(const LintCase& c) {
  return c.key_usage && *c.key_usage == expected_key_usage(c);
}

bool key_usage_fits_key(const LintCase& c) {
  if (!c.key_usage) return false;
  const KeyFamily family = row(c.draft.public_key->type()).family;
  const bool encipherment = (*c.key_usage & bit(KeyUsage::key_encipherment)) != 0;
  const bool agreement = (*c.key_usage & bit(KeyUsage::key_agreement)) != 0;
  return (!encipherment || family == KeyFamily::rsa) && (!agreement || family == KeyFamily::ec);
}

bool cert_sign_in_ca_only(const LintCase& c) {
  if (!c.key_usage) return false;
  const bool cert_sign = (*c.key_usage & bit(KeyUsage::key_cert_sign)) != 0;
  return cert_sign == (c.basic_constraints && c.basic_constraints->ca);
}

bool extended_key_usage_is_profiles(const LintCase& c) {
  std::vector<std::string_view> expected, found;
  for (ExtendedKeyUsage purpose : c.draft.profile->extended_key_usages) {
    expected.push_back(oid_of(purpose));
  }
  if (!c.extended_key_usage) {
    return expected.empty() && !c.extension(oid::extended_key_usage);
  }
  for (ByteView purpose : *c.extended_key_usage) found.push_back(text_of(purpose));
  return found == expected;
}

bool extended_key_usage_critical(const LintCase& c) {
  const ExtensionView* extension = c.extension(oid::extended_key_usage);
  return !extension || extension->critical == has(c.draft.profile->extended_key_usages,
                                                  ExtendedKeyUsage::time_stamping);
}

bool extended_key_usage_not_any(const LintCase& c) {
  if (!c.extended_key_usage) return !c.extension(oid::extended_key_usage);
  return std::none_of(c.extended_key_usage->begin(), c.extended_key_usage->end(),
                      [](ByteView purpose) { return text_of(purpose) == kAnyExtendedKeyUsage; });
}

// Decoding folds the case of host names, so the octets are compared as well.
bool alt_name_is_drafts(const LintCase& c) {
  if (!c.names || *c.names != c.draft.names) return false;
  const ExtensionView* extension = c.extension(oid::subject_alt_name);
  if (!extension) return true;
  DerWriter expected;
  write_alt_names(expected, c.draft.names);
  return text_of(extension->value) == text_of(expected.bytes());
}

bool alt_name_critical_without_subject(const LintCase& c) {
  const ExtensionView* extension = c.extension(oid::subject_alt_name);
  const bool empty_subject = c.certificate.subject.size() == 2;
  return extension ? extension->critical == empty_subject : !empty_subject;
}

bool alt_name_types_in_profile(const LintCase& c) {
  if (!c.names) return false;
  const auto allowed = [&](const std::vector<std::string>& names, AltNameType type) {
    return names.empty() || has(c.draft.profile->alt_names, type);
  };
  return allowed(c.names->dns, AltNameType::dns) && allowed(c.names->ip, AltNameType::ip) &&
         allowed(c.names->uri, AltNameType::uri) && allowed(c.names->email, AltNameType::email);
}

bool alt_name_wildcard_in_profile(const LintCase& c) {
  if (!c.names) return false;
  return c.draft.profile->wildcard ||
         std::none_of(c.names->dns.begin(), c.names->dns.end(),
                      [](const std::string& name) { return name.find('*') != name.npos; });
}

bool crl_distribution_point_is_shards(const LintCase& c) {
  const ExtensionView* extension = c.extension(oid::crl_distribution_points);
  if (c.is_root() || c.draft.profile->ocsp_nocheck) return !extension;
  if (!extension) return false;
  const auto uri = read_distribution_points(extension->value, kField);
  return uri && *uri == c.issuer.crl_url(crl_scope_of(c.draft));
}

// AuthorityInfoAccessSyntax (RFC 5280 section 4.2.2.1), each access with a URI.
using Access = std::pair<std::string, std::string>;  // method and URI
Result<std::vector<Access>> read_access(ByteView value) {
  DerReader outer(value, kField);
  ASSIGN_OR_RETURN(DerReader list, outer.enter(der::sequence));
  RETURN_IF_ERROR(outer.end());
  std::vector<Access> all;
  while (!list.at_end()) {
    ASSIGN_OR_RETURN(DerReader access, list.enter(der::sequence));
    ASSIGN_OR_RETURN(const ByteView method, access.oid());
    ASSIGN_OR_RETURN(const DerElement location, access.element(general_name::uri));
    RETURN_IF_ERROR(access.end());
    all.emplace_back(text_of(method), text_of(location.content));
  }
  return all;
}

bool authority_info_access_is_issuers(const LintCase& c) {
  const ExtensionView* extension = c.extension(oid::authority_info_access);
  if (c.is_root()) return !extension;
  if (!extension) return false;
  std::vector<Access> expected;
  if (!c.issuer.ocsp_url().empty() && !c.draft.profile->ocsp_nocheck) {
    expected.emplace_back(oid::ocsp, c.issuer.ocsp_url());
  }
  expected.emplace_back(oid::ca_issuers, c.issuer.certificate_url());
  const auto access = read_access(extension->value);
  return access && *access == expected;
}

bool ocsp_nocheck_is_profiles(const LintCase& c) {
  const ExtensionView* extension = c.extension(oid::ocsp_no_check);
  if (!c.draft.profile->ocsp_nocheck || c.is_root()) return !extension;
  return extension && text_of(extension->value) == std::string_view("\x05\x00", 2);
}

constexpr std::array kRules = {
    CheckedRule{{"extensions_unique", "RFC 5280 section 4.2"},
                [](const LintCase& c) { return !has_repeated(c.certificate.extensions); }},
    CheckedRule{{"extensions_expected", "profile"}, extensions_expected},
    CheckedRule{{"extensions_critical", "RFC 5280 section 4.2.1"}, extensions_critical},
    CheckedRule{{"authority_key_id_is_issuers", "RFC 5280 section 4.2.1.1"},
                authority_key_id_is_issuers},
    CheckedRule{{"subject_key_id_is_keys", "RFC 7093 section 2"}, subject_key_id_is_keys},
    CheckedRule{{"basic_constraints_in_ca_only", "RFC 5280 section 4.2.1.9"},
                basic_constraints_in_ca_only},
    CheckedRule{{"path_length_is_profiles", "profile"}, path_length_is_profiles},
    CheckedRule{{"path_length_below_issuers", "RFC 5280 section 6.1.4"}, path_length_below_issuers},
    CheckedRule{{"key_usage_is_profiles", "profile"}, key_usage_is_profiles},
    CheckedRule{{"key_usage_fits_key", "RFC 8813 section 3, RFC 8410 section 5"},
                key_usage_fits_key},
    CheckedRule{{"cert_sign_in_ca_only", "RFC 5280 section 4.2.1.3"}, cert_sign_in_ca_only},
    CheckedRule{{"extended_key_usage_is_profiles", "profile"}, extended_key_usage_is_profiles},
    CheckedRule{{"extended_key_usage_critical", "RFC 3161 section 2.3"},
                extended_key_usage_critical},
    CheckedRule{{"extended_key_usage_not_any", "RFC 5280 section 4.2.1.12"},
                extended_key_usage_not_any},
    CheckedRule{{"alt_name_is_drafts", "draft"}, alt_name_is_drafts},
    CheckedRule{{"alt_name_values", "RFC 5280 section 4.2.1.6"},
                [](const LintCase& c) { return c.names && check_alt_names(*c.names, kField); }},
    CheckedRule{{"alt_name_critical_without_subject", "RFC 5280 section 4.2.1.6"},
                alt_name_critical_without_subject},
    CheckedRule{{"alt_name_required", "profile"},
                [](const LintCase& c) {
                  return !c.draft.profile->require_alt_name || (c.names && c.names->size() > 0);
                }},
    CheckedRule{{"alt_name_types_in_profile", "profile"}, alt_name_types_in_profile},
    CheckedRule{{"alt_name_wildcard_in_profile", "profile"}, alt_name_wildcard_in_profile},
    CheckedRule{{"crl_distribution_point_is_shards", "RFC 5280 section 4.2.1.13"},
                crl_distribution_point_is_shards},
    CheckedRule{{"authority_info_access_is_issuers", "RFC 5280 section 4.2.2.1"},
                authority_info_access_is_issuers},
    CheckedRule{{"ocsp_nocheck_is_profiles", "RFC 6960 section 4.2.2.2.1"},
                ocsp_nocheck_is_profiles},
};

}  // namespace

std::span<const CheckedRule> extension_rules() {
  return kRules;
}

}  // namespace chancery
