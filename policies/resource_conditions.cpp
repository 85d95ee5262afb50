#include <array>

#include "policies/condition_lists.h"
#include "policies/condition_themes.h"

namespace chancery {
namespace {

using enum Operation;

constexpr OperationSet kProfiled = {certificate_issue,   certificate_renew,   certificate_revoke,
                                    certificate_release, certificate_replace, certificate_read,
                                    machine_add};
constexpr OperationSet kIssued = {
    certificate_issue,   certificate_renew, certificate_revoke, certificate_release,
    certificate_replace, certificate_read,  crl_sign,           ocsp_sign};
constexpr OperationSet kOwned = {certificate_issue,   certificate_renew,   certificate_revoke,
                                 certificate_release, certificate_replace, certificate_read,
                                 machine_add,         machine_read};

template <auto List, auto Value>
bool named(const RuleTerms& terms, const Asked& asked) {
  return lists(terms.*List, asked.question.*Value);
}
template <auto List, auto Value>
std::string explain_named(const RuleTerms& terms, const Asked& asked) {
  return not_in(asked.question.*Value, listing(terms.*List));
}
template <auto List, auto Value>
std::string explain_named_met(const RuleTerms& terms, const Asked& asked) {
  return is_in(asked.question.*Value, listing(terms.*List));
}

template <auto List, auto Known>
Result<void> read_names(const YamlNode& node, const FieldPath& path,
                        const PolicyVocabulary& vocabulary, RuleTerms& terms) {
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

bool keys_hold(const RuleTerms& terms, const Asked& asked) {
  return any_matches(terms.keys, asked.question.key, asked.machine);
}
std::string explain_keys(const RuleTerms& terms, const Asked& asked) {
  return not_in(asked.question.key, listing(terms.keys, asked.machine));
}
std::string explain_keys_met(const RuleTerms& terms, const Asked& asked) {
  return is_in(asked.question.key, listing(terms.keys, asked.machine));
}

Result<void> read_owner(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                        RuleTerms& terms) {
  if (node.kind == YamlNode::Kind::list) {
    terms.owner.kind = OwnerCondition::Kind::patterns;
    ASSIGN_OR_RETURN(terms.owner.patterns,
                     read_pattern_list(node, path, PatternKind::machine_name));
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

bool owner_holds(const RuleTerms& terms, const Asked& asked) {
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
std::string explain_owner(const RuleTerms& terms, const Asked& asked) {
  if (terms.owner.kind == OwnerCondition::Kind::patterns) {
    return not_in(asked.question.owner, listing(terms.owner.patterns, asked.machine));
  }
  return quoted(asked.question.owner) + " is not the machine itself, " +
         quoted(asked.machine.name.text());
}
std::string explain_owner_met(const RuleTerms& terms, const Asked& asked) {
  switch (terms.owner.kind) {
    case OwnerCondition::Kind::any:
      return "any owner is meant";
    case OwnerCondition::Kind::patterns:
      return is_in(asked.question.owner, listing(terms.owner.patterns, asked.machine));
    case OwnerCondition::Kind::self:
      return quoted(asked.question.owner) + " is the machine itself";
  }
  return {};
}

constexpr auto kAnything = Silence::anything;

constexpr std::array kRows = {
    ConditionRow{"issuers", false, kAnything, kIssued,
                 read_names<&RuleTerms::issuers, known_issuer>,
                 named<&RuleTerms::issuers, &PolicyQuestion::issuer>,
                 explain_named<&RuleTerms::issuers, &PolicyQuestion::issuer>,
                 named<&RuleTerms::issuers, &PolicyQuestion::issuer>,
                 explain_named_met<&RuleTerms::issuers, &PolicyQuestion::issuer>},
    ConditionRow{"profiles", false, kAnything, kProfiled,
                 read_names<&RuleTerms::profiles, known_profile>,
                 named<&RuleTerms::profiles, &PolicyQuestion::profile>,
                 explain_named<&RuleTerms::profiles, &PolicyQuestion::profile>,
                 named<&RuleTerms::profiles, &PolicyQuestion::profile>,
                 explain_named_met<&RuleTerms::profiles, &PolicyQuestion::profile>},
    ConditionRow{"keys", false, kAnything, kKeyOperations,
                 read_patterns<&RuleTerms::keys, PatternKind::key>, keys_hold, explain_keys,
                 keys_hold, explain_keys_met},
    ConditionRow{"owner", true, Silence::rule, kOwned, read_owner, owner_holds, explain_owner,
                 owner_holds, explain_owner_met},
};

}  // namespace

std::span<const ConditionRow> resource_conditions() {
  return kRows;
}

}  // namespace chancery
