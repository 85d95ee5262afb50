#include "policies/condition.h"

#include <algorithm>
#include <array>

#include "core/field_path.h"
#include "policies/listing.h"

namespace chancery {
namespace {

using enum Operation;

constexpr OperationSet kProfiled = {certificate_issue,   certificate_renew,   certificate_revoke,
                                    certificate_release, certificate_replace, certificate_read,
                                    machine_add};
constexpr OperationSet kIssued = {
    certificate_issue,   certificate_renew, certificate_revoke, certificate_release,
    certificate_replace, certificate_read,  crl_sign,           ocsp_sign};
constexpr OperationSet kNewKeys = {certificate_issue, certificate_renew, key_create};
constexpr OperationSet kSigning = {key_sign, key_sign_digest};
constexpr OperationSet kOwned = {certificate_issue,   certificate_renew,   certificate_revoke,
                                 certificate_release, certificate_replace, certificate_read,
                                 machine_add,         machine_read};

bool contains(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool any_matches(const std::vector<Pattern>& patterns, const std::string& value,
                 const Machine& machine) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const Pattern& pattern) { return pattern.matches(value, machine); });
}

bool any_contains(const std::vector<Network>& networks, const std::string& text) {
  const auto address = Address::parse(text);
  return address && std::any_of(networks.begin(), networks.end(),
                                [&](const Network& network) { return network.contains(*address); });
}

// --- Resources: not saying means any ---------------------------------------------------------

template <auto List, auto Value>
bool named(const GrantTerms& terms, const Asked& asked) {
  return contains(terms.*List, asked.question.*Value);
}

template <auto List, auto Value>
std::string explain_named(const GrantTerms& terms, const Asked& asked) {
  return not_in(asked.question.*Value, listing(terms.*List));
}

template <auto List, auto Known>
Result<void> read_names(const YamlNode& node, const FieldPath& path,
                        const PolicyVocabulary& vocabulary, GrantTerms& terms) {
  ASSIGN_OR_RETURN(terms.*List, read_list(node, path, [&](std::string_view text) {
                     return Known(vocabulary, text);
                   }));
  return {};
}

Result<std::string> known_name(const char* noun, const std::vector<std::string_view>& names,
                               std::string_view text) {
  if (std::find(names.begin(), names.end(), text) != names.end()) return std::string(text);
  return invalid("", "there is no " + std::string(noun) + " \"" + std::string(text) + "\"" +
                         did_you_mean(text, names));
}

Result<std::string> known_profile(const PolicyVocabulary& vocabulary, std::string_view text) {
  if (!vocabulary.checked) {
    ASSIGN_OR_RETURN(const ProfileName name, ProfileName::parse(text));
    return name.text();
  }
  std::vector<std::string_view> names;
  for (const auto& [name, profile] : vocabulary.profiles) names.push_back(name.text());
  return known_name("profile", names, text);
}

Result<std::string> known_issuer(const PolicyVocabulary& vocabulary, std::string_view text) {
  if (vocabulary.issuers) {
    return known_name("issuer", {vocabulary.issuers->begin(), vocabulary.issuers->end()}, text);
  }
  ASSIGN_OR_RETURN(const CaName name, CaName::parse(text));
  return name.text();
}

template <auto List, PatternKind kind>
Result<void> read_patterns(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                           GrantTerms& terms) {
  ASSIGN_OR_RETURN(terms.*List, read_list(node, path, [](std::string_view text) {
                     return Pattern::parse(kind, text);
                   }));
  return {};
}

bool keys_hold(const GrantTerms& terms, const Asked& asked) {
  return any_matches(terms.keys, asked.question.key, asked.machine);
}
std::string explain_keys(const GrantTerms& terms, const Asked& asked) {
  return not_in(asked.question.key, listing(terms.keys, asked.machine));
}

// --- Names in a certificate: not saying means none -------------------------------------------

template <auto List, auto Names>
bool names_hold(const GrantTerms& terms, const Asked& asked) {
  const std::vector<std::string>& names = asked.question.names.*Names;
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    return any_matches(terms.*List, name, asked.machine);
  });
}

template <auto List, auto Names>
std::string explain_names(const GrantTerms& terms, const Asked& asked) {
  for (const std::string& name : asked.question.names.*Names) {
    if (any_matches(terms.*List, name, asked.machine)) continue;
    return not_in(name, listing(terms.*List, asked.machine));
  }
  return {};
}

/// By its place: a person's address stays out of the log, where this goes (audit-format.md), and so
/// do patterns, which may be addresses.
std::string explain_emails(const GrantTerms& terms, const Asked& asked) {
  const std::vector<std::string>& names = asked.question.names.email;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (any_matches(terms.emails, names[i], asked.machine)) continue;
    return "e-mail address " + std::to_string(i + 1) + " matches no pattern of the grant";
  }
  return {};
}

bool ip_addresses_hold(const GrantTerms& terms, const Asked& asked) {
  const auto& addresses = asked.question.names.ip;
  return std::all_of(addresses.begin(), addresses.end(), [&](const std::string& address) {
    return any_contains(terms.ip_addresses, address);
  });
}
std::string explain_ip_addresses(const GrantTerms& terms, const Asked& asked) {
  for (const std::string& address : asked.question.names.ip) {
    if (!any_contains(terms.ip_addresses, address)) {
      return not_in(address, listing(terms.ip_addresses));
    }
  }
  return {};
}

/// Not saying means: only a name that the certificate carries anyway, or the machine's own.
bool common_names_hold(const GrantTerms& terms, const Asked& asked) {
  const std::string& name = asked.question.subject.common_name;
  if (name.empty()) return true;
  if (!terms.common_names.empty()) return any_matches(terms.common_names, name, asked.machine);
  return contains(asked.question.names.dns, name) || name == asked.machine.name.text();
}
std::string explain_common_names(const GrantTerms& terms, const Asked& asked) {
  const std::string& name = asked.question.subject.common_name;
  if (!terms.common_names.empty()) return not_in(name, listing(terms.common_names, asked.machine));
  return quoted(name) + " is neither the machine's name nor one of the DNS names asked for";
}

struct SubjectRow {
  std::string_view name;
  std::string Subject::*asked;
  std::vector<std::string> GrantTerms::*allowed;
};
constexpr std::array kSubject = {
    SubjectRow{"country", &Subject::country, &GrantTerms::countries},
    SubjectRow{"organization", &Subject::organization, &GrantTerms::organizations},
    SubjectRow{"organizational_unit", &Subject::organizational_unit,
               &GrantTerms::organizational_units},
};

bool subject_part_holds(const SubjectRow& row, const GrantTerms& terms, const Asked& asked) {
  const std::string& value = asked.question.subject.*row.asked;
  return value.empty() || contains(terms.*row.allowed, value);
}
bool subject_holds(const GrantTerms& terms, const Asked& asked) {
  return std::all_of(kSubject.begin(), kSubject.end(),
                     [&](const SubjectRow& row) { return subject_part_holds(row, terms, asked); });
}
std::string explain_subject(const GrantTerms& terms, const Asked& asked) {
  for (const SubjectRow& row : kSubject) {
    if (subject_part_holds(row, terms, asked)) continue;
    return std::string(row.name) + " " +
           not_in(asked.question.subject.*row.asked, listing(terms.*row.allowed));
  }
  return {};
}

Result<void> read_subject(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                          GrantTerms& terms) {
  constexpr std::array names = {kSubject[0].name, kSubject[1].name, kSubject[2].name};
  RETURN_IF_ERROR(expect_members(node, path, names));
  if (node.children.empty()) return path.refuse(node.place, "is empty; leave it out");
  for (const SubjectRow& row : kSubject) {
    const YamlNode* list = find_member(node, row.name);
    if (list == nullptr) continue;
    const bool country = row.asked == &Subject::country;
    const auto parse = [&](std::string_view text) -> Result<std::string> {
      if (country &&
          (text.size() != 2 || text[0] < 'A' || text[0] > 'Z' || text[1] < 'A' || text[1] > 'Z')) {
        return invalid("", "a country is two capital letters (ISO 3166)");
      }
      return std::string(text);
    };
    ASSIGN_OR_RETURN(terms.*row.allowed, read_list(*list, path.member(row.name), parse));
  }
  return {};
}

// --- Everything else: not saying means any -----------------------------------------------------

template <auto List>
Result<void> read_networks(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                           GrantTerms& terms) {
  ASSIGN_OR_RETURN(terms.*List, read_list(node, path, [](std::string_view text) {
                     return Network::parse(text);
                   }));
  return {};
}

/// A closed enumeration of core/algorithm.h, by the names in its table.
template <auto List, auto Rows, auto Member>
Result<void> read_enumerators(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                              GrantTerms& terms) {
  using Row = typename decltype(Rows())::value_type;
  using Enum = std::remove_cvref_t<decltype(std::declval<Row>().*Member)>;
  const auto parse = [](std::string_view text) -> Result<Enum> {
    std::vector<std::string_view> names;
    for (const auto& row : Rows()) {
      if (row.name == text) return row.*Member;
      names.push_back(row.name);
    }
    const std::string guess = did_you_mean(text, names);
    return invalid("", quoted(text) + " is unknown" +
                           (guess.empty() ? "; it must be one of " + joined(names) : guess));
  };
  ASSIGN_OR_RETURN(terms.*List, read_list(node, path, parse));
  return {};
}

template <class Enum>
std::vector<std::string> names_of(const std::vector<Enum>& values) {
  std::vector<std::string> names;
  for (Enum value : values) names.emplace_back(row(value).name);
  return names;
}

template <class Enum>
bool lists(const std::vector<Enum>& list, const std::optional<Enum>& value) {
  return value && std::find(list.begin(), list.end(), *value) != list.end();
}

bool key_types_hold(const GrantTerms& terms, const Asked& asked) {
  return lists(terms.key_types, asked.question.key_type);
}
std::string explain_key_types(const GrantTerms& terms, const Asked& asked) {
  const auto& type = asked.question.key_type;
  return not_in(type ? row(*type).name : "", listing(names_of(terms.key_types)));
}

bool algorithms_hold(const GrantTerms& terms, const Asked& asked) {
  return lists(terms.algorithms, asked.question.algorithm);
}
std::string explain_algorithms(const GrantTerms& terms, const Asked& asked) {
  const auto& algorithm = asked.question.algorithm;
  return not_in(algorithm ? row(*algorithm).name : "", listing(names_of(terms.algorithms)));
}

std::optional<DigestAlgorithm> digest_of(const Asked& asked) {
  return asked.question.algorithm ? row(*asked.question.algorithm).digest : std::nullopt;
}
bool digests_hold(const GrantTerms& terms, const Asked& asked) {
  return lists(terms.digests, digest_of(asked));
}
std::string explain_digests(const GrantTerms& terms, const Asked& asked) {
  const auto digest = digest_of(asked);
  if (digest) return not_in(row(*digest).name, listing(names_of(terms.digests)));
  return "the algorithm signs the message itself, without a digest out of " +
         listing(names_of(terms.digests));
}

Result<void> read_max_validity(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                               GrantTerms& terms) {
  ASSIGN_OR_RETURN(const std::string text, read_text(node, path));
  auto duration = parse_duration(text);
  if (!duration) return path.refuse(node.place, duration.error().message);
  terms.max_validity = *duration;
  return {};
}
bool max_validity_holds(const GrantTerms& terms, const Asked& asked) {
  return asked.question.validity && *asked.question.validity <= *terms.max_validity;
}
std::string explain_max_validity(const GrantTerms& terms, const Asked& asked) {
  const std::string limit = format_duration(*terms.max_validity);
  if (!asked.question.validity)
    return "no validity was asked for, at most " + limit + " is allowed";
  return format_duration(*asked.question.validity) + " is longer than " + limit;
}

bool source_holds(const GrantTerms& terms, const Asked& asked) {
  return any_contains(terms.sources, asked.machine.source);
}
std::string explain_source(const GrantTerms& terms, const Asked& asked) {
  return not_in(asked.machine.source, listing(terms.sources));
}

Result<void> read_owner(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                        GrantTerms& terms) {
  if (node.kind == YamlNode::Kind::list) {
    terms.owner.kind = OwnerCondition::Kind::patterns;
    ASSIGN_OR_RETURN(terms.owner.patterns, read_list(node, path, [](std::string_view text) {
                       return Pattern::parse(PatternKind::machine_name, text);
                     }));
    return {};
  }
  const bool self = node.kind == YamlNode::Kind::text && node.text == "self";
  const bool any = node.kind == YamlNode::Kind::text && node.text == "any";
  if (!self && !any) {
    return path.refuse(node.place, "must be self, any, or a list of machine names");
  }
  terms.owner.kind = self ? OwnerCondition::Kind::self : OwnerCondition::Kind::any;
  return {};
}

bool owner_holds(const GrantTerms& terms, const Asked& asked) {
  const std::string& owner = asked.question.owner;
  const std::string& name = asked.machine.name.text();
  switch (terms.owner.kind) {
    case OwnerCondition::Kind::any:
      return true;
    case OwnerCondition::Kind::patterns:
      return any_matches(terms.owner.patterns, owner, asked.machine);
    case OwnerCondition::Kind::self:
      // A machine of a foreign trust anchor may have no name: then what has no owner is not its
      // own, but a certificate that is being made is.
      if (asked.question.operation == certificate_issue && owner.empty()) return true;
      return !name.empty() && owner == name;
  }
  return false;
}
std::string explain_owner(const GrantTerms& terms, const Asked& asked) {
  if (terms.owner.kind == OwnerCondition::Kind::patterns) {
    return not_in(asked.question.owner, listing(terms.owner.patterns, asked.machine));
  }
  return quoted(asked.question.owner) + " is not the machine itself, " +
         quoted(asked.machine.name.text());
}

constexpr auto kAnything = Silence::anything;
constexpr auto kRule = Silence::rule;

// The order is that of the checks, and so of the reasons.
constexpr std::array kConditions = {
    ConditionRow{"issuers", false, kAnything, kIssued,
                 read_names<&GrantTerms::issuers, known_issuer>,
                 named<&GrantTerms::issuers, &PolicyQuestion::issuer>,
                 explain_named<&GrantTerms::issuers, &PolicyQuestion::issuer>},
    ConditionRow{"profiles", false, kAnything, kProfiled,
                 read_names<&GrantTerms::profiles, known_profile>,
                 named<&GrantTerms::profiles, &PolicyQuestion::profile>,
                 explain_named<&GrantTerms::profiles, &PolicyQuestion::profile>},
    ConditionRow{"keys", false, kAnything, kKeyOperations,
                 read_patterns<&GrantTerms::keys, PatternKind::key>, keys_hold, explain_keys},
    ConditionRow{"owner", true, kRule, kOwned, read_owner, owner_holds, explain_owner},
    ConditionRow{"source", true, kAnything, OperationSet::everything(),
                 read_networks<&GrantTerms::sources>, source_holds, explain_source},
    ConditionRow{"dns_names", true, kRule, kCertifying,
                 read_patterns<&GrantTerms::dns_names, PatternKind::dns_name>,
                 names_hold<&GrantTerms::dns_names, &SubjectAltNames::dns>,
                 explain_names<&GrantTerms::dns_names, &SubjectAltNames::dns>},
    ConditionRow{"ip_addresses", true, kRule, kCertifying, read_networks<&GrantTerms::ip_addresses>,
                 ip_addresses_hold, explain_ip_addresses},
    ConditionRow{"uris", true, kRule, kCertifying,
                 read_patterns<&GrantTerms::uris, PatternKind::uri>,
                 names_hold<&GrantTerms::uris, &SubjectAltNames::uri>,
                 explain_names<&GrantTerms::uris, &SubjectAltNames::uri>},
    ConditionRow{"emails", true, kRule, kCertifying,
                 read_patterns<&GrantTerms::emails, PatternKind::email>,
                 names_hold<&GrantTerms::emails, &SubjectAltNames::email>, explain_emails},
    ConditionRow{"common_names", true, kRule, kCertifying,
                 read_patterns<&GrantTerms::common_names, PatternKind::common_name>,
                 common_names_hold, explain_common_names},
    ConditionRow{"subject", true, kRule, kCertifying, read_subject, subject_holds, explain_subject},
    ConditionRow{"key_types", true, kAnything, kNewKeys,
                 read_enumerators<&GrantTerms::key_types, key_types, &KeyTypeRow::type>,
                 key_types_hold, explain_key_types},
    ConditionRow{"max_validity", true, kAnything, kCertifying, read_max_validity,
                 max_validity_holds, explain_max_validity},
    ConditionRow{"algorithms", true, kAnything, kSigning,
                 read_enumerators<&GrantTerms::algorithms, signature_algorithms,
                                  &SignatureAlgorithmRow::algorithm>,
                 algorithms_hold, explain_algorithms},
    ConditionRow{"digests", true, kAnything, kSigning,
                 read_enumerators<&GrantTerms::digests, digests, &DigestRow::algorithm>,
                 digests_hold, explain_digests},
};

}  // namespace

std::span<const ConditionRow> conditions() {
  return kConditions;
}

}  // namespace chancery
