#include "policies/decided_search.h"

#include "core/limits.h"
#include "policies/listing.h"

namespace chancery {

NamedRules::NamedRules(const GrantPolicy& policy) : policy_(policy), rules_(policy.rules()) {
  const auto add = [&](RuleKind kind, std::span<const Rule> rules) {
    auto& names = names_[static_cast<std::size_t>(kind)];
    names.reserve(rules.size());
    for (const Rule& rule : rules) names.emplace(rule.name, &rule);
  };
  add(RuleKind::grant, rules_.grants);
  add(RuleKind::denial, rules_.denials);
  add(RuleKind::approval, rules_.approvals);
}

const Rule* NamedRules::find(RuleKind kind, std::string_view name) const {
  const auto& names = names_[static_cast<std::size_t>(kind)];
  const auto found = names.find(name);
  return found == names.end() ? nullptr : found->second;
}

Result<RequestFormula> NamedRules::formula_of_answer(const std::string& grant, bool is_allowed,
                                                     Operation operation) const {
  if (grant.starts_with("denial:")) {
    const Rule* denial = find(RuleKind::denial, std::string_view(grant).substr(7));
    if (denial != nullptr) return formula(RuleKind::denial, *denial, operation);
  } else if (!is_allowed) {
    return reserved_formula(rules_.roles, operation);
  } else if (grant.starts_with("role:")) {
    return roles_formula(rules_.roles, operation);
  } else if (const Rule* rule = find(RuleKind::grant, grant)) {
    return formula(RuleKind::grant, *rule, operation);
  }
  return fail(ErrorCode::internal, "no rule is called " + quoted(grant));
}

std::string rule_of(const std::string& grant) {
  if (grant.starts_with("denial:") || grant.starts_with("role:")) return grant;
  if (grant.starts_with("builtin:")) return "roles";
  return "grant:" + grant;
}

std::string text_of(const Decision& decision) {
  if (!decision.allowed()) return "refused: " + decision.reason();
  return "allowed by " + decision.grant();
}

Result<bool> DecidedSearch::exclude(const NamedRules& rules, const Decision& decision) {
  const bool is_rule = decision.allowed() || decision.grant().starts_with("denial:");
  const std::string name = is_rule ? rule_of(decision.grant()) : "roles";
  if (!known_.emplace(&rules, name).second) {
    doubts_.push_back("what " + name + " decides could not be taken out: " + text_of(decision));
    is_stuck_ = true;
    return false;
  }
  // Each makes the search larger: with all rules of a large policy it would not end.
  if (known_.size() > limits::analysis_exclusions) {
    doubts_.push_back("more than " + std::to_string(limits::analysis_exclusions) +
                      " rules decide a part of it; what is left by these was not looked at");
    is_stuck_ = true;
    return false;
  }
  excluded_.insert(name);
  ASSIGN_OR_RETURN(RequestFormula formula,
                   rules.formula_of_answer(decision.grant(), decision.allowed(), operation_));
  search_.require(negation(std::move(formula)));
  return true;
}

}  // namespace chancery
