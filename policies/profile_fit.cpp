#include "policies/profile_fit.h"

#include <algorithm>
#include <array>

#include "core/field_path.h"
#include "policies/condition.h"
#include "policies/listing.h"

namespace chancery {
namespace {

template <class T>
struct Need {
  std::string_view member;  ///< of the grant's `when`, or of `when.subject`
  T value;                  ///< what a profile must have for it
  std::string_view what;
};
template <class T>  // clang 14 deduces no aggregates
Need(const char*, T, const char*)->Need<T>;
constexpr std::array kAltNames = {
    Need{"dns_names", AltNameType::dns, "DNS names"},
    Need{"ip_addresses", AltNameType::ip, "IP addresses"},
    Need{"uris", AltNameType::uri, "URIs"},
    Need{"emails", AltNameType::email, "e-mail addresses"},
};
constexpr std::array kCommonName = {
    Need{"common_names", SubjectField::common_name, "a common name"},
};
constexpr std::array kSubject = {
    Need{"country", SubjectField::country, "a country"},
    Need{"organization", SubjectField::organization, "an organization"},
    Need{"organizational_unit", SubjectField::organizational_unit, "an organizational unit"},
};

/// The profiles of one grant.
class GrantedProfiles {
 public:
  GrantedProfiles(const PolicyVocabulary& vocabulary, const std::vector<std::string>& names)
      : names_(listing(names)) {
    for (const auto& [name, profile] : vocabulary.profiles) {
      if (std::find(names.begin(), names.end(), name.text()) != names.end()) {
        profiles_.push_back(&profile);
      }
    }
  }

  template <class T>
  [[nodiscard]] bool any_allows(std::vector<T> Profile::*list, T value) const {
    return std::any_of(profiles_.begin(), profiles_.end(), [&](const Profile* profile) {
      const std::vector<T>& values = profile->*list;
      return std::find(values.begin(), values.end(), value) != values.end();
    });
  }

  /// Refuses the first member of `mapping` that asks for what no profile allows.
  template <class T, std::size_t Count>
  [[nodiscard]] Result<void> expect(const YamlNode& mapping, const FieldPath& path,
                                    const std::array<Need<T>, Count>& needs,
                                    std::vector<T> Profile::*list) const {
    for (const Need<T>& need : needs) {
      const YamlNode* member = find_member(mapping, need.member);
      if (member == nullptr || any_allows(list, need.value)) continue;
      return refuse(path.member(need.member), member->name_place, need.what);
    }
    return {};
  }

  [[nodiscard]] Failure refuse(const FieldPath& path, Place place, std::string_view what) const {
    return path.refuse(place, "none of the profiles " + names_ + " allows " + std::string(what));
  }

 private:
  std::string names_;
  std::vector<const Profile*> profiles_;
};

Result<void> check_key_types(const YamlNode& when, const FieldPath& path,
                             const GrantedProfiles& profiles, const RuleTerms& terms) {
  const YamlNode* list = find_member(when, "key_types");
  // Keys in the token have no profile.
  if (list == nullptr || terms.operations.has(Operation::key_create)) return {};
  const FieldPath list_path = path.member("key_types");
  for (std::size_t i = 0; i < terms.key_types.size(); ++i) {
    if (profiles.any_allows(&Profile::key_types, terms.key_types[i])) continue;
    return profiles.refuse(list_path.item(i), list->children[i].place,
                           "keys of type " + list->children[i].text);
  }
  return {};
}

}  // namespace

Result<void> check_profile_fit(const YamlNode& node, const FieldPath& path,
                               const PolicyVocabulary& vocabulary, const RuleTerms& terms) {
  const YamlNode* when = find_member(node, "when");
  if (!vocabulary.checked || when == nullptr || !terms.operations.meets(kCertifying)) return {};
  const FieldPath when_path = path.member("when");
  const GrantedProfiles profiles(vocabulary, terms.profiles);
  RETURN_IF_ERROR(profiles.expect(*when, when_path, kAltNames, &Profile::alt_names));
  RETURN_IF_ERROR(profiles.expect(*when, when_path, kCommonName, &Profile::subject));
  if (const YamlNode* subject = find_member(*when, "subject")) {
    RETURN_IF_ERROR(
        profiles.expect(*subject, when_path.member("subject"), kSubject, &Profile::subject));
  }
  return check_key_types(*when, when_path, profiles, terms);
}

}  // namespace chancery
