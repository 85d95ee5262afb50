#include <array>

#include "policies/condition_lists.h"
#include "policies/condition_themes.h"

namespace chancery {
namespace {

// --- Names: a grant without such a list allows none -------------------------------------------

template <auto List>
auto match_by(const RuleTerms& terms, const Asked& asked) {
  return [&](const std::string& name) { return any_matches(terms.*List, name, asked.machine); };
}

template <auto List, auto Names>
bool names_hold(const RuleTerms& terms, const Asked& asked) {
  const std::vector<std::string>& names = asked.question.names.*Names;
  return std::all_of(names.begin(), names.end(), match_by<List>(terms, asked));
}
template <auto List, auto Names>
std::string explain_names(const RuleTerms& terms, const Asked& asked) {
  const std::vector<std::string>& names = asked.question.names.*Names;
  const auto name = std::find_if_not(names.begin(), names.end(), match_by<List>(terms, asked));
  return not_in(*name, listing(terms.*List, asked.machine));
}

template <auto List, auto Names>
bool names_meet(const RuleTerms& terms, const Asked& asked) {
  const std::vector<std::string>& names = asked.question.names.*Names;
  return std::any_of(names.begin(), names.end(), match_by<List>(terms, asked));
}
template <auto List, auto Names>
std::string explain_names_met(const RuleTerms& terms, const Asked& asked) {
  const std::vector<std::string>& names = asked.question.names.*Names;
  const auto name = std::find_if(names.begin(), names.end(), match_by<List>(terms, asked));
  return is_in(*name, listing(terms.*List, asked.machine));
}

/// By their places: a person's address stays out of the log, where this goes (audit-format.md), and
/// so do patterns, which may be addresses.
std::string explain_email(const RuleTerms& terms, const Asked& asked, bool matched,
                          const char* what) {
  const std::vector<std::string>& names = asked.question.names.email;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (any_matches(terms.emails, names[i], asked.machine) != matched) continue;
    return "e-mail address " + std::to_string(i + 1) + what;
  }
  return {};
}
std::string explain_emails(const RuleTerms& terms, const Asked& asked) {
  return explain_email(terms, asked, false, " matches no pattern of the grant");
}
std::string explain_emails_met(const RuleTerms& terms, const Asked& asked) {
  return explain_email(terms, asked, true, " matches a pattern of the rule");
}

auto in_ranges_of(const RuleTerms& terms) {
  return [&](const std::string& address) { return any_contains(terms.ip_addresses, address); };
}
bool ip_addresses_hold(const RuleTerms& terms, const Asked& asked) {
  const auto& addresses = asked.question.names.ip;
  return std::all_of(addresses.begin(), addresses.end(), in_ranges_of(terms));
}
std::string explain_ip_addresses(const RuleTerms& terms, const Asked& asked) {
  const auto& addresses = asked.question.names.ip;
  return not_in(*std::find_if_not(addresses.begin(), addresses.end(), in_ranges_of(terms)),
                listing(terms.ip_addresses));
}
bool ip_addresses_meet(const RuleTerms& terms, const Asked& asked) {
  const auto& addresses = asked.question.names.ip;
  return std::any_of(addresses.begin(), addresses.end(), in_ranges_of(terms));
}
std::string explain_ip_addresses_met(const RuleTerms& terms, const Asked& asked) {
  const auto& addresses = asked.question.names.ip;
  return is_in(*std::find_if(addresses.begin(), addresses.end(), in_ranges_of(terms)),
               listing(terms.ip_addresses));
}

/// Not saying means: only a name that the certificate carries anyway, or the machine's own.
bool common_names_hold(const RuleTerms& terms, const Asked& asked) {
  const std::string& name = asked.question.subject.common_name;
  if (name.empty()) return true;
  if (!terms.common_names.empty()) return any_matches(terms.common_names, name, asked.machine);
  return lists(asked.question.names.dns, name) || name == asked.machine.name.text();
}
std::string explain_common_names(const RuleTerms& terms, const Asked& asked) {
  const std::string& name = asked.question.subject.common_name;
  if (!terms.common_names.empty()) return not_in(name, listing(terms.common_names, asked.machine));
  return quoted(name) + " is neither the machine's name nor one of the DNS names asked for";
}
bool common_names_meet(const RuleTerms& terms, const Asked& asked) {
  const std::string& name = asked.question.subject.common_name;
  return !name.empty() && any_matches(terms.common_names, name, asked.machine);
}
std::string explain_common_names_met(const RuleTerms& terms, const Asked& asked) {
  return is_in(asked.question.subject.common_name, listing(terms.common_names, asked.machine));
}

// --- Their number ------------------------------------------------------------------------------

template <auto Member>
Result<void> read_number_of_names(const YamlNode& node, const FieldPath& path,
                                  const PolicyVocabulary&, RuleTerms& terms) {
  ASSIGN_OR_RETURN(terms.*Member, read_number(node, path, 1, limits::subject_alt_names));
  return {};
}

std::size_t names_asked(const Asked& asked) {
  const SubjectAltNames& names = asked.question.names;
  return names.dns.size() + names.ip.size() + names.uri.size() + names.email.size();
}
template <auto Member>
std::string explain_number(const RuleTerms& terms, const Asked& asked) {
  return std::to_string(names_asked(asked)) + " are asked for, more than " +
         std::to_string(*(terms.*Member));
}
bool max_names_holds(const RuleTerms& terms, const Asked& asked) {
  return names_asked(asked) <= *terms.max_names;
}
bool more_names_than_meets(const RuleTerms& terms, const Asked& asked) {
  return names_asked(asked) > *terms.more_names_than;
}

// --- The subject -------------------------------------------------------------------------------

struct SubjectRow {
  std::string_view name;
  std::string Subject::*asked;
  std::vector<std::string> RuleTerms::*allowed;
};
constexpr std::array kSubject = {
    SubjectRow{"country", &Subject::country, &RuleTerms::countries},
    SubjectRow{"organization", &Subject::organization, &RuleTerms::organizations},
    SubjectRow{"organizational_unit", &Subject::organizational_unit,
               &RuleTerms::organizational_units},
};

bool subject_part_holds(const SubjectRow& row, const RuleTerms& terms, const Asked& asked) {
  const std::string& value = asked.question.subject.*row.asked;
  return value.empty() || lists(terms.*row.allowed, value);
}
bool subject_holds(const RuleTerms& terms, const Asked& asked) {
  return std::all_of(kSubject.begin(), kSubject.end(),
                     [&](const SubjectRow& row) { return subject_part_holds(row, terms, asked); });
}
std::string explain_subject(const RuleTerms& terms, const Asked& asked) {
  for (const SubjectRow& row : kSubject) {
    if (subject_part_holds(row, terms, asked)) continue;
    return std::string(row.name) + " " +
           not_in(asked.question.subject.*row.asked, listing(terms.*row.allowed));
  }
  return {};
}

/// Each part that the rule names.
bool subject_meets(const RuleTerms& terms, const Asked& asked) {
  return std::all_of(kSubject.begin(), kSubject.end(), [&](const SubjectRow& row) {
    return (terms.*row.allowed).empty() ||
           lists(terms.*row.allowed, asked.question.subject.*row.asked);
  });
}
std::string explain_subject_met(const RuleTerms& terms, const Asked& asked) {
  std::string text;
  for (const SubjectRow& row : kSubject) {
    if ((terms.*row.allowed).empty()) continue;
    text += (text.empty() ? "" : ", ") + std::string(row.name) + " " +
            is_in(asked.question.subject.*row.asked, listing(terms.*row.allowed));
  }
  return text;
}

Result<void> read_subject(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                          RuleTerms& terms) {
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

constexpr auto kAnything = Silence::anything;
constexpr auto kRule = Silence::rule;

constexpr std::array kRows = {
    ConditionRow{"dns_names", true, kRule, kCertifying,
                 read_patterns<&RuleTerms::dns_names, PatternKind::dns_name>,
                 names_hold<&RuleTerms::dns_names, &SubjectAltNames::dns>,
                 explain_names<&RuleTerms::dns_names, &SubjectAltNames::dns>,
                 names_meet<&RuleTerms::dns_names, &SubjectAltNames::dns>,
                 explain_names_met<&RuleTerms::dns_names, &SubjectAltNames::dns>},
    ConditionRow{"ip_addresses", true, kRule, kCertifying, read_networks<&RuleTerms::ip_addresses>,
                 ip_addresses_hold, explain_ip_addresses, ip_addresses_meet,
                 explain_ip_addresses_met},
    ConditionRow{"uris", true, kRule, kCertifying,
                 read_patterns<&RuleTerms::uris, PatternKind::uri>,
                 names_hold<&RuleTerms::uris, &SubjectAltNames::uri>,
                 explain_names<&RuleTerms::uris, &SubjectAltNames::uri>,
                 names_meet<&RuleTerms::uris, &SubjectAltNames::uri>,
                 explain_names_met<&RuleTerms::uris, &SubjectAltNames::uri>},
    ConditionRow{"emails", true, kRule, kCertifying,
                 read_patterns<&RuleTerms::emails, PatternKind::email>,
                 names_hold<&RuleTerms::emails, &SubjectAltNames::email>, explain_emails,
                 names_meet<&RuleTerms::emails, &SubjectAltNames::email>, explain_emails_met},
    ConditionRow{"max_names", true, kAnything, kCertifying,
                 read_number_of_names<&RuleTerms::max_names>, max_names_holds,
                 explain_number<&RuleTerms::max_names>, nullptr, nullptr},
    ConditionRow{"more_names_than", true, kAnything, kCertifying,
                 read_number_of_names<&RuleTerms::more_names_than>, nullptr, nullptr,
                 more_names_than_meets, explain_number<&RuleTerms::more_names_than>},
    ConditionRow{"common_names", true, kRule, kCertifying,
                 read_patterns<&RuleTerms::common_names, PatternKind::common_name>,
                 common_names_hold, explain_common_names, common_names_meet,
                 explain_common_names_met},
    ConditionRow{"subject", true, kRule, kCertifying, read_subject, subject_holds, explain_subject,
                 subject_meets, explain_subject_met},
};

}  // namespace

std::span<const ConditionRow> name_conditions() {
  return kRows;
}

}  // namespace chancery
