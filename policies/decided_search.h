#pragma once

#include <array>
#include <set>
#include <string>
#include <vector>

#include "policies/grant_policy.h"
#include "policies/request_search.h"
#include "policies/text_map.h"

namespace chancery {

/// A policy with its rules by their names.
class NamedRules {
 public:
  explicit NamedRules(const GrantPolicy& policy);

  [[nodiscard]] const GrantPolicy& policy() const { return policy_; }
  [[nodiscard]] const PolicyRules& rules() const { return rules_; }
  /// Null where there is none.
  [[nodiscard]] const Rule* find(RuleKind kind, std::string_view name) const;

  /// The rule that decided, as formula_of() its operation: `grant` is that of a Decision. Internal
  /// for anything that no policy answers.
  [[nodiscard]] Result<RequestFormula> formula_of_answer(const std::string& grant, bool is_allowed,
                                                         Operation operation) const;
  [[nodiscard]] Result<RequestFormula> formula(RuleKind kind, const Rule& rule,
                                               Operation operation) const {
    return formula_of(kind, rule, rules_.groups, operation);
  }

 private:
  const GrantPolicy& policy_;
  PolicyRules rules_;
  std::array<TextMap<const Rule*>, kRuleKinds> names_;
};

/// "grant:NAME", "denial:NAME" or "role:NAME" of a Decision's grant; "roles" of what is reserved.
std::string rule_of(const std::string& grant);
/// "allowed by web-tls", "refused: …".
std::string text_of(const Decision& decision);

/// Looks for a request that formulas describe and that policies answer as wanted: what a policy
/// decides otherwise is taken out by the rule that decided it, until something is found or nothing
/// is left. So it looks at few of a policy's rules, and everything it finds was decided.
class DecidedSearch {
 public:
  DecidedSearch(Operation operation, Time at) : operation_(operation), search_(operation, at) {}
  RequestSearch& search() { return search_; }

  /// Of which rules requests were taken out: "grant:NAME", …
  [[nodiscard]] const std::set<std::string>& excluded() const { return excluded_; }
  [[nodiscard]] const Doubts& doubts() const { return doubts_; }

  /// Takes out what the rule that decided in `rules` decides. False, which is said in doubts(),
  /// where it was taken out before, as then the formula and the decision do not agree, and after
  /// limits::analysis_exclusions rules.
  Result<bool> exclude(const NamedRules& rules, const Decision& decision);

  /// Calls `judge(example)`, a Result<bool>, for requests until it is true, which is the answer, or
  /// nothing is left. It takes out what it does not want.
  template <class Judge>
  Result<std::optional<ExampleRequest>> find(Judge judge) {
    for (;;) {
      ASSIGN_OR_RETURN(auto example, search_.find());
      if (!example) {
        doubts_.insert(doubts_.end(), search_.doubts().begin(), search_.doubts().end());
        return example;
      }
      ASSIGN_OR_RETURN(const bool found, judge(*example));
      if (found) return example;
      if (is_stuck_) return std::optional<ExampleRequest>();
    }
  }

 private:
  Operation operation_;
  RequestSearch search_;
  std::set<std::string> excluded_;
  std::set<std::pair<const NamedRules*, std::string>> known_;
  Doubts doubts_;
  bool is_stuck_ = false;
};

/// The answer of a policy to an example.
inline Decision decide(const GrantPolicy& policy, const ExampleRequest& example) {
  return policy.decide(example.machine, example.question, example.at);
}

}  // namespace chancery
