#include <array>

#include "core/machine_attribute.h"
#include "policies/condition_lists.h"
#include "policies/condition_themes.h"

namespace chancery {
namespace {

bool source_holds(const RuleTerms& terms, const Asked& asked) {
  return any_contains(terms.sources, asked.machine.source);
}
std::string explain_source(const RuleTerms& terms, const Asked& asked) {
  return not_in(asked.machine.source, listing(terms.sources));
}
std::string explain_source_met(const RuleTerms& terms, const Asked& asked) {
  return is_in(asked.machine.source, listing(terms.sources));
}

// --- Attributes ------------------------------------------------------------------------------

Result<void> read_attributes(const YamlNode& node, const FieldPath& path, const PolicyVocabulary&,
                             RuleTerms& terms) {
  if (node.kind != YamlNode::Kind::mapping) {
    return path.refuse(node.place, "must be a mapping from names of attributes to patterns");
  }
  if (node.children.empty()) return path.refuse(node.place, "is empty; leave it out");
  for (const YamlNode& child : node.children) {
    const FieldPath child_path = path.member(child.name);
    if (const auto good = check_attribute_name(child.name); !good) {
      return child_path.refuse(child.name_place, good.error().message);
    }
    ASSIGN_OR_RETURN(std::vector<Pattern> patterns,
                     read_pattern_list(child, child_path, PatternKind::text));
    terms.attributes.push_back({child.name, std::move(patterns)});
  }
  return {};
}

bool attribute_holds(const AttributeCondition& condition, const Machine& machine) {
  const std::string* value = find_attribute(machine, condition.name);
  return value != nullptr && any_matches(condition.patterns, *value, machine);
}
bool attributes_hold(const RuleTerms& terms, const Asked& asked) {
  return std::all_of(terms.attributes.begin(), terms.attributes.end(),
                     [&](const AttributeCondition& condition) {
                       return attribute_holds(condition, asked.machine);
                     });
}
std::string explain_attributes(const RuleTerms& terms, const Asked& asked) {
  for (const AttributeCondition& condition : terms.attributes) {
    if (attribute_holds(condition, asked.machine)) continue;
    const std::string list = listing(condition.patterns, asked.machine);
    const std::string* value = find_attribute(asked.machine, condition.name);
    if (value == nullptr) return "the machine has no " + condition.name + " that is in " + list;
    return condition.name + " " + not_in(*value, list);
  }
  return {};
}
std::string explain_attributes_met(const RuleTerms& terms, const Asked& asked) {
  std::string text;
  for (const AttributeCondition& condition : terms.attributes) {
    text += (text.empty() ? "" : ", ") + condition.name + " " +
            is_in(*find_attribute(asked.machine, condition.name),
                  listing(condition.patterns, asked.machine));
  }
  return text;
}

// --- Age of the certificate with which the machine asks ---------------------------------------

Seconds age_of(const Asked& asked) {
  return std::chrono::ceil<Seconds>(asked.at - *asked.machine.certificate_since);
}
std::string text_of_age(const Asked& asked) {
  return "the machine's certificate is " + format_duration(std::max(age_of(asked), Seconds(1))) +
         " old";
}

bool certificate_age_holds(const RuleTerms& terms, const Asked& asked) {
  return asked.machine.certificate_since && age_of(asked) <= *terms.certificate_age;
}
std::string explain_certificate_age(const RuleTerms& terms, const Asked& asked) {
  const std::string limit = format_duration(*terms.certificate_age);
  if (!asked.machine.certificate_since) {
    return "the age of the machine's certificate is not known, or it has none; at most " + limit +
           " is allowed";
  }
  return text_of_age(asked) + ", at most " + limit + " is allowed";
}

/// A machine that enrols has no certificate yet, and so none that is too old. Of another, an age
/// that is not known counts as too high.
bool older_than_holds(const RuleTerms& terms, const Asked& asked) {
  if (!asked.machine.certificate_since) return !asked.machine.fingerprint.empty();
  return age_of(asked) > *terms.older_than;
}
std::string explain_older_than(const RuleTerms& terms, const Asked& asked) {
  const std::string limit = format_duration(*terms.older_than);
  if (!asked.machine.certificate_since) {
    return "the age of the machine's certificate is not known, and may be above " + limit;
  }
  return text_of_age(asked) + ", which is more than " + limit;
}

constexpr auto kAnything = Silence::anything;
constexpr auto kEverything = OperationSet::everything();

constexpr std::array kRows = {
    ConditionRow{"source", true, kAnything, kEverything, read_networks<&RuleTerms::sources>,
                 source_holds, explain_source, source_holds, explain_source_met},
    ConditionRow{"attributes", true, kAnything, kEverything, read_attributes, attributes_hold,
                 explain_attributes, attributes_hold, explain_attributes_met},
    ConditionRow{"certificate_age", true, kAnything, kEverything,
                 read_any_duration<&RuleTerms::certificate_age>, certificate_age_holds,
                 explain_certificate_age, nullptr, nullptr},
    ConditionRow{"older_than", true, kAnything, kEverything,
                 read_any_duration<&RuleTerms::older_than>, nullptr, nullptr, older_than_holds,
                 explain_older_than},
};

}  // namespace

std::span<const ConditionRow> machine_conditions() {
  return kRows;
}

}  // namespace chancery
