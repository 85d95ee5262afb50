#include "policies/explanation.h"

#include <algorithm>

#include "policies/duty_text.h"
#include "policies/grant_edit.h"
#include "policies/listing.h"
#include "policies/request_values.h"
#include "policies/rule_text.h"

namespace chancery {
namespace {

constexpr std::size_t kNear = 16;    // grants shown
constexpr std::size_t kChanges = 5;  // changes suggested
constexpr std::size_t kUnnamed = 3;  // of these at most, grants that do not name the machine

class Explainer {
 public:
  Explainer(const GrantPolicy& policy, const Asked& asked)
      : policy_(policy),
        rules_(policy.rules()),
        asked_(asked),
        numbers_(policy.index().identify(asked.machine, std::pmr::get_default_resource())) {}

  Explanation run() {
    const Decision decision = policy_.decide(asked_.machine, asked_.question, asked_.at);
    found_.allowed = decision.allowed();
    found_.grant = decision.grant();
    found_.reason = decision.reason();
    found_.duties = duty_texts(rules_, decision);
    const HeldRoles held = rules_.roles.of(asked_.machine);
    for (Role role : kRoles) {
      if (held.holds(role)) found_.roles.emplace_back(name_of(role));
    }
    look_at_denials();
    look_at_grants();
    if (!found_.allowed && can_be_granted()) suggest();
    if (!found_.allowed && found_.changes.empty()) found_.hint = hint();
    return std::move(found_);
  }

 private:
  /// What would do where no change of a grant does.
  [[nodiscard]] std::string hint() const {
    if (!found_.denials.empty()) {
      std::string names;
      for (const AppliedDenial& denial : found_.denials) {
        names += (names.empty() ? "" : " and ") + quoted(denial.denial);
      }
      return "it would do to narrow denial " + names + ", if a grant allows it then";
    }
    for (const NearGrant& grant : found_.near) {
      if (grant.failed.size() != 1) continue;
      const FailedCondition& failed = grant.failed.front();
      if (failed.condition == "when.hours") {
        return "it would do to ask at a time that grant " + quoted(grant.grant) + " allows";
      }
      if (failed.condition == "when.source") {
        return "it would do to ask from an address that grant " + quoted(grant.grant) + " allows";
      }
      if (failed.condition == "when.max_lifetime") {
        return "it would do to sign a message that says how long it is valid, as grant " +
               quoted(grant.grant) + " wants";
      }
    }
    return "no small change of one grant would allow it";
  }

  void look_at_denials() {
    for (RuleId id : policy_.index().find(RuleKind::denial, numbers_, asked_.question.operation)) {
      const Rule& denial = rules_.denials[id];
      if (!meets(*denial.terms, asked_)) continue;
      found_.denials.push_back({denial.name, std::string(denial.file), denial.place});
    }
  }

  /// What no grant could allow is not worth a suggestion.
  [[nodiscard]] bool can_be_granted() const {
    return found_.denials.empty() &&
           !is_true(reserved_formula(rules_.roles, asked_.question.operation),
                    {asked_.machine, asked_.question, asked_.at});
  }

  std::vector<FailedCondition> failures(const Rule& grant) const {
    std::vector<FailedCondition> failed;
    const ConditionSet set =
        asked_conditions(RuleKind::grant, *grant.terms, asked_.question.operation);
    for_each_condition(set, [&](const ConditionRow& row) {
      if (row.holds(*grant.terms, asked_)) return;
      const std::string name = (row.in_when ? "when." : "") + std::string(row.name);
      failed.push_back({name, asked_of(row.name, asked_), allowed_by(grant, name),
                        row.explain(*grant.terms, asked_)});
    });
    return failed;
  }

  /// People's addresses, and patterns of them, are not shown.
  static std::string allowed_by(const Rule& grant, const std::string& member) {
    if (member == "when.emails") return {};
    for (const RuleMember& one : members_of(RuleKind::grant, *grant.terms)) {
      if (one.name == member) return listing(one.values);
    }
    return {};
  }

  void look_at_grants() {
    for (RuleId id : policy_.index().find(RuleKind::grant, numbers_, asked_.question.operation)) {
      const Rule& grant = rules_.grants[id];
      auto failed = failures(grant);
      if (failed.empty()) {
        found_.allowing.push_back(grant.name);
      } else {
        near_.push_back({grant.name, std::string(grant.file), grant.place, std::move(failed)});
        near_ids_.push_back(id);
      }
    }
    // Their order within equals is that of the policy.
    std::vector<std::size_t> order(near_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return near_[a].failed.size() < near_[b].failed.size();
    });
    found_.more_near = order.size() > kNear ? order.size() - kNear : 0;
    order.resize(std::min(order.size(), kNear));
    for (std::size_t i : order) {
      nearest_.push_back(&rules_.grants[near_ids_[i]]);
      found_.near.push_back(std::move(near_[i]));
    }
  }

  /// Tries each change: its conditions must all hold then.
  void suggest() {
    for (const Rule* grant : nearest_) {
      if (auto edits = widened(*grant)) add_change(*grant, *std::move(edits));
    }
    add_machine();
    // Of the near ones some need more than one edit.
    std::stable_sort(found_.changes.begin(), found_.changes.end(),
                     [](const SuggestedChange& a, const SuggestedChange& b) {
                       return a.edits.size() < b.edits.size();
                     });
    if (found_.changes.size() > kChanges) found_.changes.resize(kChanges);
  }

  /// Grants that would allow it if they named the machine.
  void add_machine() {
    const std::string who = identity();
    if (who.empty()) return;
    const Operation operation = asked_.question.operation;
    const auto named = policy_.index().find(RuleKind::grant, numbers_, operation);
    std::size_t unnamed = 0;
    for (RuleId id = 0; id < rules_.grants.size() && unnamed < kUnnamed; ++id) {
      const Rule& grant = rules_.grants[id];
      if (!grant.terms->operations.has(operation)) continue;
      if (std::binary_search(named.begin(), named.end(), id)) continue;
      if (!holds(*grant.terms)) continue;
      add_change(grant, {"add " + quoted(who) + " to machines"});
      ++unnamed;
    }
  }

  [[nodiscard]] std::optional<std::vector<std::string>> widened(const Rule& grant) const {
    RuleTerms terms = *grant.terms;
    std::vector<std::string> edits;
    bool possible = true;
    const Operation operation = asked_.question.operation;
    for_each_condition(asked_conditions(RuleKind::grant, terms, operation),
                       [&](const ConditionRow& row) {
                         if (!possible || row.holds(*grant.terms, asked_)) return;
                         const auto edit = widen(row, asked_, terms);
                         possible = edit && row.holds(terms, asked_);
                         if (possible) edits.push_back(*edit);
                       });
    if (!possible) return std::nullopt;
    if (!holds(terms)) return std::nullopt;
    return edits;
  }

  [[nodiscard]] bool holds(const RuleTerms& terms) const {
    bool all = true;
    for_each_condition(asked_conditions(RuleKind::grant, terms, asked_.question.operation),
                       [&](const ConditionRow& row) { all = all && row.holds(terms, asked_); });
    return all;
  }

  /// As `machines` would name it.
  [[nodiscard]] std::string identity() const {
    if (!asked_.machine.name.empty()) return asked_.machine.name.text();
    if (!asked_.machine.spiffe_id.empty()) return asked_.machine.spiffe_id;
    return asked_.machine.fingerprint.empty() ? "" : "sha256:" + asked_.machine.fingerprint;
  }

  void add_change(const Rule& grant, std::vector<std::string> edits) {
    found_.changes.push_back({grant.name, std::string(grant.file), grant.place, std::move(edits)});
  }

  const GrantPolicy& policy_;
  PolicyRules rules_;
  const Asked& asked_;
  MachineIndex::Numbers numbers_;
  Explanation found_;
  std::vector<NearGrant> near_;
  std::vector<RuleId> near_ids_;
  std::vector<const Rule*> nearest_;
};

}  // namespace

std::string SuggestedChange::text() const {
  std::string text;
  for (std::size_t i = 0; i < edits.size(); ++i) {
    if (i > 0) text += i + 1 == edits.size() ? " and " : ", ";
    text += edits[i];
  }
  return text + " of grant " + quoted(grant);
}

Explanation explain(const GrantPolicy& policy, const Machine& machine,
                    const PolicyQuestion& question, Time at) {
  const Asked asked{machine, question, at};
  return Explainer(policy, asked).run();
}

}  // namespace chancery
