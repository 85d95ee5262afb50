#include "policies/policy_conflicts.h"

#include <algorithm>
#include <set>

#include "core/limits.h"
#include "policies/decided_search.h"
#include "policies/listing.h"
#include "policies/rule_text.h"

namespace chancery {
namespace {

using Kind = PolicyConflict::Kind;

std::string joined_text(const std::vector<std::string>& texts) {
  std::string text;
  for (const std::string& one : texts) text += (text.empty() ? "" : ", ") + one;
  return text;
}

/// Members by which a grant asks for something.
std::vector<RuleMember> duties_of(const Rule& rule) {
  std::vector<RuleMember> duties;
  for (RuleMember& member : members_of(RuleKind::grant, *rule.terms)) {
    if (member.name == "quotas" || member.name == "approvals") duties.push_back(std::move(member));
  }
  return duties;
}

class Conflicts {
 public:
  Conflicts(const GrantPolicy& policy, Time at) : rules_(policy), at_(at) {}

  PolicyConflicts run() {
    for (const Rule& grant : rules_.rules().grants) {
      const auto done = look_at_grant(grant);
      if (!done) doubt("grant:" + grant.name, done.error());
    }
    for (const Rule& denial : rules_.rules().denials) {
      const auto done = look_at_denial(denial);
      if (!done) doubt("denial:" + denial.name, done.error());
    }
    look_at_groups();
    return std::move(found_);
  }

 private:
  void doubt(const std::string& rule, const Error& error) {
    found_.doubts.push_back(rule + ": " + error.message);
  }

  /// What becomes of everything that a grant is about.
  struct Fate {
    bool decides = false;            ///< something is allowed by it
    bool is_empty = true;            ///< no request meets its conditions
    std::set<std::string> allowing;  ///< what allows before it does
    std::set<std::string> refusing;
    Doubts doubts;
  };

  Result<void> look_at_grant(const Rule& grant) {
    Fate fate;
    for (Operation operation : operations()) {
      if (!grant.terms->operations.has(operation) || fate.decides) continue;
      ASSIGN_OR_RETURN(RequestFormula formula, rules_.formula(RuleKind::grant, grant, operation));
      DecidedSearch search(operation, at_);
      search.search().require(std::move(formula));
      const auto judge = [&](const ExampleRequest& example) -> Result<bool> {
        fate.is_empty = false;
        const Decision decision = decide(rules_.policy(), example);
        if (decision.allowed() && decision.grant() == grant.name) return true;
        (decision.allowed() ? fate.allowing : fate.refusing).insert(rule_of(decision.grant()));
        RETURN_IF_ERROR(search.exclude(rules_, decision));
        return false;
      };
      ASSIGN_OR_RETURN(const auto example, search.find(judge));
      fate.decides = example.has_value();
      fate.doubts.insert(fate.doubts.end(), search.doubts().begin(), search.doubts().end());
    }
    if (fate.decides) return {};
    if (!fate.doubts.empty()) {
      found_.doubts.push_back("grant:" + grant.name + ": " + fate.doubts.front());
      return {};
    }
    add_fate(grant, fate);
    return {};
  }

  void add_fate(const Rule& grant, const Fate& fate) {
    PolicyConflict conflict;
    conflict.rule = "grant:" + grant.name;
    conflict.file = grant.file;
    conflict.place = grant.place;
    const std::set<std::string>& by = fate.allowing.empty() ? fate.refusing : fate.allowing;
    for (const std::string& rule : by) conflict.others.push_back(with_line(rule));
    const std::string others = joined_text(conflict.others);
    if (fate.is_empty) {
      conflict.kind = Kind::contradictory;
      conflict.text = "no request can meet all conditions of " + conflict.rule;
    } else if (fate.allowing.empty()) {
      conflict.kind = Kind::unreachable;
      conflict.text = "all that " + conflict.rule + " allows is refused by " + others;
    } else if (have_same_duties(grant, fate.allowing)) {
      conflict.kind = Kind::redundant;
      conflict.text = "all that " + conflict.rule + " allows is allowed before by " + others;
    } else {
      conflict.kind = Kind::shadowed;
      conflict.text = "all that " + conflict.rule + " allows is allowed before by " + others +
                      ", with other quotas or approvals than its own";
    }
    found_.conflicts.push_back(std::move(conflict));
  }

  [[nodiscard]] bool have_same_duties(const Rule& grant,
                                      const std::set<std::string>& allowing) const {
    return std::all_of(allowing.begin(), allowing.end(), [&](const std::string& name) {
      const Rule* other = find(name);
      return other == nullptr ? duties_of(grant).empty() : duties_of(*other) == duties_of(grant);
    });
  }

  [[nodiscard]] const Rule* find(const std::string& rule) const {
    const std::string_view name = rule;
    if (name.starts_with("grant:")) return rules_.find(RuleKind::grant, name.substr(6));
    if (name.starts_with("denial:")) return rules_.find(RuleKind::denial, name.substr(7));
    return nullptr;
  }
  [[nodiscard]] std::string with_line(const std::string& rule) const {
    const Rule* found = find(rule);
    if (found == nullptr) return rule;
    return rule + " (" + line_text(found->file, found->place) + ")";
  }

  /// Looks for something that only this denial keeps from being allowed, grant by grant: together
  /// they would be too many cases.
  Result<void> look_at_denial(const Rule& denial) {
    // Whom the rule of an approval asks, it keeps from agreeing: no grant gives that.
    if (denial.terms->operations.has(Operation::approval_give)) return {};
    std::set<std::string> others;
    bool is_empty = true;
    for (Operation operation : operations()) {
      if (!denial.terms->operations.has(operation)) continue;
      ASSIGN_OR_RETURN(const RequestFormula formula,
                       rules_.formula(RuleKind::denial, denial, operation));
      RequestSearch search(operation, at_);
      search.require(formula);
      ASSIGN_OR_RETURN(const auto any, search.find());
      if (!any && search.doubts().empty()) continue;
      is_empty = false;
      ASSIGN_OR_RETURN(const bool takes,
                       takes_away(denial, formula, roles_formula(rules_.rules().roles, operation),
                                  operation, others));
      if (takes) return {};
      for (const Rule& grant : rules_.rules().grants) {
        if (!grant.terms->operations.has(operation)) continue;
        if (++pairs_ > limits::analysis_pairs) {
          return fail(ErrorCode::too_large, "there are too many grants to compare it with");
        }
        ASSIGN_OR_RETURN(RequestFormula one, rules_.formula(RuleKind::grant, grant, operation));
        ASSIGN_OR_RETURN(const bool here,
                         takes_away(denial, formula, std::move(one), operation, others));
        if (here) return {};
      }
    }
    add_ineffective(denial, others, is_empty);
    return {};
  }

  /// Whether the denial decides something that `allowing` describes. Adds to `others` what decides
  /// before it does.
  Result<bool> takes_away(const Rule& denial, const RequestFormula& formula,
                          RequestFormula allowing, Operation operation,
                          std::set<std::string>& others) const {
    DecidedSearch search(operation, at_);
    search.search().require(formula);
    search.search().require(std::move(allowing));
    const auto judge = [&](const ExampleRequest& example) -> Result<bool> {
      const Decision decision = decide(rules_.policy(), example);
      if (decision.grant() == "denial:" + denial.name) return true;
      others.insert(rule_of(decision.grant()));
      RETURN_IF_ERROR(search.exclude(rules_, decision));
      return false;
    };
    ASSIGN_OR_RETURN(const auto example, search.find(judge));
    if (!example && !search.doubts().empty()) {
      return fail(ErrorCode::too_large, search.doubts().front());
    }
    return example.has_value();
  }

  void add_ineffective(const Rule& denial, const std::set<std::string>& others, bool is_empty) {
    PolicyConflict conflict;
    conflict.kind = is_empty ? Kind::contradictory : Kind::ineffective;
    conflict.rule = "denial:" + denial.name;
    conflict.file = denial.file;
    conflict.place = denial.place;
    for (const std::string& rule : others) conflict.others.push_back(with_line(rule));
    if (is_empty) {
      conflict.text = "no request can meet all conditions of " + conflict.rule;
    } else if (others.empty()) {
      conflict.text = "nothing allows what " + conflict.rule + " refuses";
    } else {
      conflict.text = "all that " + conflict.rule +
                      " refuses of what is allowed is refused before by " +
                      joined_text(conflict.others);
    }
    found_.conflicts.push_back(std::move(conflict));
  }

  void look_at_groups() {
    const PolicyRules& rules = rules_.rules();
    std::set<std::string_view> used;
    const auto use = [&](const std::vector<MachinePattern>& machines) {
      for (const MachinePattern& machine : machines) {
        if (machine.kind == IdentityKind::group) used.insert(machine.text);
      }
    };
    for (std::span<const Rule> list : {rules.grants, rules.denials, rules.approvals}) {
      for (const Rule& rule : list) {
        use(rule.machines);
        if (rule.terms->approval) use(rule.terms->approval->machines);
      }
    }
    for (const MachineGroup& group : rules.groups) {
      if (used.contains(group.name)) continue;
      PolicyConflict conflict;
      conflict.kind = Kind::unused_group;
      conflict.rule = "group:" + group.name;
      conflict.file = group.file;
      conflict.place = group.place;
      conflict.text = "no rule names " + conflict.rule;
      found_.conflicts.push_back(std::move(conflict));
    }
  }

  NamedRules rules_;
  Time at_;
  PolicyConflicts found_;
  std::size_t pairs_ = 0;
};

}  // namespace

std::string_view name_of(PolicyConflict::Kind kind) {
  switch (kind) {
    case Kind::redundant:
      return "redundant";
    case Kind::shadowed:
      return "shadowed";
    case Kind::unreachable:
      return "unreachable";
    case Kind::ineffective:
      return "ineffective";
    case Kind::contradictory:
      return "contradictory";
    case Kind::unused_group:
      return "unused-group";
  }
  CHECK(!"every kind has a name");
  return {};
}

PolicyConflicts conflicts(const GrantPolicy& policy, Time at) {
  return Conflicts(policy, at).run();
}

}  // namespace chancery
