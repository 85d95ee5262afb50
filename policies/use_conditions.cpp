#include <array>

#include "policies/condition_lists.h"
#include "policies/condition_themes.h"

namespace chancery {
namespace {

constexpr OperationSet kNewKeys = {Operation::certificate_issue, Operation::certificate_renew,
                                   Operation::key_create};

Result<void> read_key_types(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                            RuleTerms& terms) {
  const auto parse = [](std::string_view text) -> Result<KeyType> {
    ASSIGN_OR_RETURN(
        const KeyTypeRow found,
        parse_enumerator(text, key_types(), [](const KeyTypeRow& row) { return row.name; }));
    return found.type;
  };
  ASSIGN_OR_RETURN(terms.key_types, read_list(node, path, parse));
  return {};
}

std::string listing_of(const std::vector<KeyType>& types) {
  std::vector<std::string> names;
  for (KeyType type : types) names.emplace_back(row(type).name);
  return listing(names);
}
std::string_view key_type_of(const Asked& asked) {
  return asked.question.key_type ? row(*asked.question.key_type).name : std::string_view();
}
bool key_types_hold(const RuleTerms& terms, const Asked& asked) {
  return lists(terms.key_types, asked.question.key_type);
}
std::string explain_key_types(const RuleTerms& terms, const Asked& asked) {
  return not_in(key_type_of(asked), listing_of(terms.key_types));
}
std::string explain_key_types_met(const RuleTerms& terms, const Asked& asked) {
  return is_in(key_type_of(asked), listing_of(terms.key_types));
}

Result<void> refuse_attestation(const YamlNode& node, const FieldPath& path,
                                const PolicyVocabulary&, RuleTerms&) {
  return path.refuse(node.name_place,
                     "no attestation of keys is known yet, so that this could never hold");
}
bool key_attested_holds(const RuleTerms&, const Asked&) {
  return false;
}
std::string explain_key_attested(const RuleTerms&, const Asked&) {
  return "no attestation of keys is known yet";
}

// --- Extended key usages: those of the profile. A certificate without any is good for all of them
// (RFC 5280 section 4.2.1.12), so that no list covers it and every list meets it.

constexpr std::array kUsages = {ExtendedKeyUsage::server_auth,   ExtendedKeyUsage::client_auth,
                                ExtendedKeyUsage::code_signing,  ExtendedKeyUsage::email_protection,
                                ExtendedKeyUsage::time_stamping, ExtendedKeyUsage::ocsp_signing};

Result<void> read_usages(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                         RuleTerms& terms) {
  const auto parse = [](std::string_view text) {
    return parse_enumerator(text, kUsages, [](ExtendedKeyUsage usage) { return name_of(usage); });
  };
  ASSIGN_OR_RETURN(terms.extended_key_usages, read_list(node, path, parse));
  return {};
}

std::string listing_of(const std::vector<ExtendedKeyUsage>& usages) {
  std::vector<std::string> names;
  for (ExtendedKeyUsage usage : usages) names.emplace_back(name_of(usage));
  return listing(names);
}
auto listed_in(const RuleTerms& terms) {
  return [&](ExtendedKeyUsage usage) { return lists(terms.extended_key_usages, usage); };
}
bool usages_hold(const RuleTerms& terms, const Asked& asked) {
  const auto& usages = asked.question.extended_key_usages;
  return !usages.empty() && std::all_of(usages.begin(), usages.end(), listed_in(terms));
}
std::string explain_usages(const RuleTerms& terms, const Asked& asked) {
  const auto& usages = asked.question.extended_key_usages;
  const std::string list = listing_of(terms.extended_key_usages);
  const auto other = std::find_if_not(usages.begin(), usages.end(), listed_in(terms));
  if (other != usages.end()) return not_in(name_of(*other), list);
  return "the profile has none, which is good for all of them, also outside " + list;
}
bool usages_meet(const RuleTerms& terms, const Asked& asked) {
  const auto& usages = asked.question.extended_key_usages;
  return usages.empty() || std::any_of(usages.begin(), usages.end(), listed_in(terms));
}
std::string explain_usages_met(const RuleTerms& terms, const Asked& asked) {
  const auto& usages = asked.question.extended_key_usages;
  const std::string list = listing_of(terms.extended_key_usages);
  const auto listed = std::find_if(usages.begin(), usages.end(), listed_in(terms));
  if (listed != usages.end()) return is_in(name_of(*listed), list);
  return "the profile has none, which is good for all of them, also for " + list;
}

// --- Validity ----------------------------------------------------------------------------------

bool max_validity_holds(const RuleTerms& terms, const Asked& asked) {
  return asked.question.validity && *asked.question.validity <= *terms.max_validity;
}
std::string explain_max_validity(const RuleTerms& terms, const Asked& asked) {
  const std::string limit = format_duration(*terms.max_validity);
  if (!asked.question.validity)
    return "no validity was asked for, at most " + limit + " is allowed";
  return format_duration(*asked.question.validity) + " is longer than " + limit;
}
bool longer_than_meets(const RuleTerms& terms, const Asked& asked) {
  return !asked.question.validity || *asked.question.validity > *terms.longer_than;
}
std::string explain_longer_than(const RuleTerms& terms, const Asked& asked) {
  const std::string limit = format_duration(*terms.longer_than);
  if (!asked.question.validity) return "no validity was asked for, and it may be above " + limit;
  return format_duration(*asked.question.validity) + " is longer than " + limit;
}

constexpr auto kAnything = Silence::anything;

constexpr std::array kRows = {
    ConditionRow{"key_types", true, kAnything, kNewKeys, read_key_types, key_types_hold,
                 explain_key_types, key_types_hold, explain_key_types_met},
    ConditionRow{"key_attested", true, kAnything, kNewKeys, refuse_attestation, key_attested_holds,
                 explain_key_attested, nullptr, nullptr},
    ConditionRow{"extended_key_usages", true, kAnything, kCertifying, read_usages, usages_hold,
                 explain_usages, usages_meet, explain_usages_met},
    ConditionRow{"max_validity", true, kAnything, kCertifying,
                 read_any_duration<&RuleTerms::max_validity>, max_validity_holds,
                 explain_max_validity, nullptr, nullptr},
    ConditionRow{"longer_than", true, kAnything, kCertifying,
                 read_any_duration<&RuleTerms::longer_than>, nullptr, nullptr, longer_than_meets,
                 explain_longer_than},
};

}  // namespace

std::span<const ConditionRow> use_conditions() {
  return kRows;
}

}  // namespace chancery
