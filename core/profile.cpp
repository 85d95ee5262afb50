#include "core/profile.h"

#include <algorithm>
#include <array>

#include "core/name_table.h"
#include "core/oid.h"

namespace chancery {
namespace {

constexpr std::array kKeyUsages = {
    Named{KeyUsage::digital_signature, "digital_signature"},
    Named{KeyUsage::content_commitment, "content_commitment"},
    Named{KeyUsage::key_encipherment, "key_encipherment"},
    Named{KeyUsage::key_agreement, "key_agreement"},
    Named{KeyUsage::key_cert_sign, "key_cert_sign"},
    Named{KeyUsage::crl_sign, "crl_sign"},
};
constexpr std::span<const Named<KeyUsage>> kKeyUsageNames(kKeyUsages);

constexpr std::array kExtendedKeyUsages = {
    Named{ExtendedKeyUsage::server_auth, "server_auth"},
    Named{ExtendedKeyUsage::client_auth, "client_auth"},
    Named{ExtendedKeyUsage::code_signing, "code_signing"},
    Named{ExtendedKeyUsage::email_protection, "email_protection"},
    Named{ExtendedKeyUsage::time_stamping, "time_stamping"},
    Named{ExtendedKeyUsage::ocsp_signing, "ocsp_signing"},
};
constexpr std::span<const Named<ExtendedKeyUsage>> kExtendedKeyUsageNames(kExtendedKeyUsages);

constexpr std::array kSubjectFields = {
    Named{SubjectField::country, "country"},
    Named{SubjectField::organization, "organization"},
    Named{SubjectField::organizational_unit, "organizational_unit"},
    Named{SubjectField::common_name, "common_name"},
};
constexpr std::span<const Named<SubjectField>> kSubjectFieldNames(kSubjectFields);

constexpr std::array kAltNameTypes = {
    Named{AltNameType::dns, "dns"},
    Named{AltNameType::ip, "ip"},
    Named{AltNameType::uri, "uri"},
    Named{AltNameType::email, "email"},
};
constexpr std::span<const Named<AltNameType>> kAltNameTypeNames(kAltNameTypes);

template <class T>
bool has(const std::vector<T>& list, T value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

template <class T>
bool has_repeats(const std::vector<T>& list) {
  return std::any_of(list.begin(), list.end(),
                     [&](T value) { return std::count(list.begin(), list.end(), value) > 1; });
}

bool can(KeyFamily family, KeyUsage usage) {
  switch (usage) {
    case KeyUsage::key_encipherment:
      return family == KeyFamily::rsa;
    case KeyUsage::key_agreement:
      return family == KeyFamily::ec;
    case KeyUsage::digital_signature:
    case KeyUsage::content_commitment:
    case KeyUsage::key_cert_sign:
    case KeyUsage::crl_sign:
      return true;
  }
  return false;
}

// One thing that must hold for a profile; `broken` says whether it does not.
struct Requirement {
  std::string_view member;
  std::string_view what;
  bool (*broken)(const Profile&);
};

using enum KeyUsage;
using enum ExtendedKeyUsage;

constexpr std::array kRequirements = {
    Requirement{"key_usages", "must not be empty",
                [](const Profile& p) { return p.key_usages.empty(); }},
    Requirement{"key_usages", "names one twice",
                [](const Profile& p) { return has_repeats(p.key_usages); }},
    Requirement{"key_usages", "of a CA must have key_cert_sign and crl_sign",
                [](const Profile& p) {
                  return p.ca && !(has(p.key_usages, key_cert_sign) && has(p.key_usages, crl_sign));
                }},
    Requirement{"key_usages", "may have key_cert_sign and crl_sign only in a CA",
                [](const Profile& p) {
                  return !p.ca && (has(p.key_usages, key_cert_sign) || has(p.key_usages, crl_sign));
                }},
    Requirement{"path_length", "must be 0 to 16",
                [](const Profile& p) { return p.path_length < 0 || p.path_length > 16; }},
    Requirement{"path_length", "is for a CA only",
                [](const Profile& p) { return !p.ca && p.path_length != 0; }},
    Requirement{"extended_key_usages", "names one twice",
                [](const Profile& p) { return has_repeats(p.extended_key_usages); }},
    Requirement{"extended_key_usages",
                "must not be empty unless ca: without any, every use is open",
                [](const Profile& p) { return !p.ca && p.extended_key_usages.empty(); }},
    Requirement{"extended_key_usages", "must not join code_signing with server_auth",
                [](const Profile& p) {
                  return has(p.extended_key_usages, code_signing) &&
                         has(p.extended_key_usages, server_auth);
                }},
    Requirement{"extended_key_usages", "must have time_stamping alone (RFC 3161 section 2.3)",
                [](const Profile& p) {
                  return has(p.extended_key_usages, time_stamping) &&
                         p.extended_key_usages.size() > 1;
                }},
    Requirement{"extended_key_usages", "must have ocsp_signing alone",
                [](const Profile& p) {
                  return has(p.extended_key_usages, ocsp_signing) &&
                         p.extended_key_usages.size() > 1;
                }},
    Requirement{"ocsp_nocheck", "is for ocsp_signing only (RFC 6960 section 4.2.2.2.1)",
                [](const Profile& p) {
                  return p.ocsp_nocheck && (p.ca || !has(p.extended_key_usages, ocsp_signing));
                }},
    Requirement{"max_validity", "must be above zero and at most 100 years",
                [](const Profile& p) {
                  return p.max_validity <= Seconds{0} ||
                         p.max_validity > std::chrono::days{100 * 366};
                }},
    Requirement{"default_validity", "must be above zero and at most max_validity",
                [](const Profile& p) {
                  return p.default_validity <= Seconds{0} || p.default_validity > p.max_validity;
                }},
    Requirement{"key_types", "must not be empty",
                [](const Profile& p) { return p.key_types.empty(); }},
    Requirement{"key_types", "names one twice",
                [](const Profile& p) { return has_repeats(p.key_types); }},
    Requirement{"key_types", "has one that can have none of the key_usages",
                [](const Profile& p) {
                  return std::any_of(p.key_types.begin(), p.key_types.end(),
                                     [&](KeyType type) { return key_usages_for(p, type).empty(); });
                }},
    Requirement{"subject", "names one twice",
                [](const Profile& p) { return has_repeats(p.subject); }},
    Requirement{"subject", "of a CA must not be empty (RFC 5280 section 4.1.2.6)",
                [](const Profile& p) { return p.ca && p.subject.empty(); }},
    Requirement{"subject", "and alt_names are both empty: certificates would name nobody",
                [](const Profile& p) { return p.subject.empty() && p.alt_names.empty(); }},
    Requirement{"alt_names", "names one twice",
                [](const Profile& p) { return has_repeats(p.alt_names); }},
    Requirement{"require_alt_name", "needs at least one type in alt_names",
                [](const Profile& p) { return p.require_alt_name && p.alt_names.empty(); }},
    Requirement{"wildcard", "needs dns in alt_names",
                [](const Profile& p) { return p.wildcard && !has(p.alt_names, AltNameType::dns); }},
};

}  // namespace

std::string_view name_of(KeyUsage usage) {
  return name_in(kKeyUsageNames, usage);
}
std::string_view name_of(ExtendedKeyUsage usage) {
  return name_in(kExtendedKeyUsageNames, usage);
}
std::string_view name_of(SubjectField field) {
  return name_in(kSubjectFieldNames, field);
}
std::string_view name_of(AltNameType type) {
  return name_in(kAltNameTypeNames, type);
}

Result<KeyUsage> parse_key_usage(std::string_view name) {
  return value_in(kKeyUsageNames, name, "key_usages");
}
Result<ExtendedKeyUsage> parse_extended_key_usage(std::string_view name) {
  return value_in(kExtendedKeyUsageNames, name, "extended_key_usages");
}
Result<SubjectField> parse_subject_field(std::string_view name) {
  return value_in(kSubjectFieldNames, name, "subject");
}
Result<AltNameType> parse_alt_name_type(std::string_view name) {
  return value_in(kAltNameTypeNames, name, "alt_names");
}

std::string_view oid_of(ExtendedKeyUsage usage) {
  switch (usage) {
    case server_auth:
      return oid::server_auth;
    case client_auth:
      return oid::client_auth;
    case code_signing:
      return oid::code_signing;
    case email_protection:
      return oid::email_protection;
    case time_stamping:
      return oid::time_stamping;
    case ocsp_signing:
      return oid::ocsp_signing;
  }
  return {};
}

std::vector<KeyUsage> key_usages_for(const Profile& profile, KeyType type) {
  std::vector<KeyUsage> usages;
  for (KeyUsage usage : profile.key_usages) {
    if (can(row(type).family, usage)) usages.push_back(usage);
  }
  return usages;
}

Result<void> check_consistency(const Profile& profile) {
  for (const Requirement& requirement : kRequirements) {
    if (!requirement.broken(profile)) continue;
    const std::string field =
        "profiles." + profile.name.text() + '.' + std::string(requirement.member);
    return invalid(field, field + ' ' + std::string(requirement.what));
  }
  return {};
}

}  // namespace chancery
