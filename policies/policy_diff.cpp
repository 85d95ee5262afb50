#include "policies/policy_diff.h"

#include <algorithm>
#include <unordered_set>

#include "policies/decided_search.h"
#include "policies/duty_text.h"
#include "policies/rule_text.h"

namespace chancery {
namespace {

/// Pairs of rules that one comparison looks at before it says that it did not look at all.
constexpr std::size_t kPairs = 20'000;

class Comparison {
 public:
  Comparison(const GrantPolicy& before, const GrantPolicy& after, Time at)
      : before_(before), after_(after), at_(at) {}

  Result<PolicyDiff> run() {
    RETURN_IF_ERROR(one_way(before_, after_, DiffRegion::Kind::allowed));
    RETURN_IF_ERROR(one_way(after_, before_, DiffRegion::Kind::refused));
    RETURN_IF_ERROR(compare_duties());
    std::sort(diff_.doubts.begin(), diff_.doubts.end());
    diff_.doubts.erase(std::unique(diff_.doubts.begin(), diff_.doubts.end()), diff_.doubts.end());
    return std::move(diff_);
  }

 private:
  static std::vector<const Rule*> only_in(RuleKind kind, std::span<const Rule> rules,
                                          std::span<const MachineGroup> groups,
                                          std::span<const Rule> others,
                                          std::span<const MachineGroup> other_groups) {
    std::unordered_set<std::string> known;
    for (const Rule& rule : others) known.insert(content_of(kind, rule, other_groups));
    std::vector<const Rule*> found;
    for (const Rule& rule : rules) {
      if (!known.contains(content_of(kind, rule, groups))) found.push_back(&rule);
    }
    return found;
  }

  /// What `to` allows and `from` refuses.
  Result<void> one_way(const NamedRules& from, const NamedRules& to, DiffRegion::Kind kind) {
    const PolicyRules &old = from.rules(), &now = to.rules();
    for (const Rule* grant :
         only_in(RuleKind::grant, now.grants, now.groups, old.grants, old.groups)) {
      for (Operation operation : operations()) {
        if (!grant->terms->operations.has(operation)) continue;
        ASSIGN_OR_RETURN(RequestFormula formula, to.formula(RuleKind::grant, *grant, operation));
        RETURN_IF_ERROR(look(from, to, kind, operation, {std::move(formula)},
                             Cause{"grant:" + grant->name, grant, RuleKind::grant, &to}));
      }
    }
    for (const Rule* denial :
         only_in(RuleKind::denial, old.denials, old.groups, now.denials, now.groups)) {
      for (Operation operation : operations()) {
        if (!denial->terms->operations.has(operation)) continue;
        ASSIGN_OR_RETURN(RequestFormula formula,
                         from.formula(RuleKind::denial, *denial, operation));
        RETURN_IF_ERROR(
            look_at_all(from, to, kind, operation, formula,
                        Cause{"denial:" + denial->name, denial, RuleKind::denial, &from}));
      }
    }
    if (content_of(old.roles) == content_of(now.roles)) return {};
    for (Operation operation : operations()) {
      for (Role role : kRoles) {
        RequestFormula formula = role_formula(now.roles, role, operation);
        RETURN_IF_ERROR(look(from, to, kind, operation, {std::move(formula)},
                             Cause{std::string(grant_of(role)), nullptr, RuleKind::grant, &to}));
      }
      const RequestFormula freed =
          RequestFormula::all({reserved_formula(old.roles, operation),
                               negation(reserved_formula(now.roles, operation))});
      RETURN_IF_ERROR(look_at_all(from, to, kind, operation, freed,
                                  Cause{"roles", nullptr, RuleKind::grant, &from}));
    }
    return {};
  }

  /// The rule by which requests differ.
  struct Cause {
    std::string name;
    const Rule* rule;  ///< null for roles
    RuleKind kind;
    const NamedRules* in;
  };

  /// The same with everything that allows something in `to`, until one example is found.
  Result<void> look_at_all(const NamedRules& from, const NamedRules& to, DiffRegion::Kind kind,
                           Operation operation, const RequestFormula& formula, const Cause& cause) {
    const std::size_t before = diff_.regions.size();
    RETURN_IF_ERROR(look(from, to, kind, operation,
                         {formula, roles_formula(to.rules().roles, operation)}, cause));
    for (const Rule& grant : to.rules().grants) {
      if (diff_.regions.size() > before) return {};
      if (!grant.terms->operations.has(operation)) continue;
      if (++pairs_ > kPairs) {
        diff_.doubts.push_back("not all grants were compared with " + cause.name +
                               ": there are too many");
        return {};
      }
      ASSIGN_OR_RETURN(RequestFormula allowing, to.formula(RuleKind::grant, grant, operation));
      RETURN_IF_ERROR(look(from, to, kind, operation, {formula, std::move(allowing)}, cause));
    }
    return {};
  }

  Result<void> look(const NamedRules& from, const NamedRules& to, DiffRegion::Kind kind,
                    Operation operation, std::vector<RequestFormula> formulas, const Cause& cause) {
    DecidedSearch search(operation, at_);
    for (RequestFormula& formula : formulas) search.search().require(std::move(formula));
    const auto judge = [&](const ExampleRequest& example) -> Result<bool> {
      const Decision now = decide(to.policy(), example);
      if (!now.allowed()) {
        RETURN_IF_ERROR(search.exclude(to, now));
        return false;
      }
      const Decision old = decide(from.policy(), example);
      if (!old.allowed()) return true;
      RETURN_IF_ERROR(search.exclude(from, old));
      return false;
    };
    auto example = search.find(judge);
    if (!example) {
      Error error = example.error();
      error.message = "comparing " + cause.name + ": " + error.message;
      return Failure(std::move(error));
    }
    diff_.doubts.insert(diff_.doubts.end(), search.doubts().begin(), search.doubts().end());
    if (*example) add(kind, operation, cause, **example);
    return {};
  }

  static std::string answer_text(const NamedRules& rules, const ExampleRequest& example) {
    const Decision decision = decide(rules.policy(), example);
    std::string text = text_of(decision);
    for (const std::string& duty : duty_texts(rules.rules(), decision)) {
      text += "; and then: " + duty;
    }
    return text;
  }

  void add(DiffRegion::Kind kind, Operation operation, const Cause& cause,
           const ExampleRequest& example) {
    DiffRegion region;
    region.kind = kind;
    region.operation = operation;
    region.rule = cause.name;
    region.rule_is_new = cause.in == &after_;
    region.example = example;
    region.before = answer_text(before_, example);
    region.after = answer_text(after_, example);
    if (cause.rule != nullptr) {
      region.file = cause.rule->file;
      region.place = cause.rule->place;
      for (const MachinePattern& machine : cause.rule->machines) {
        region.machines.push_back(source_of(machine));
      }
      const NamedRules& other = region.rule_is_new ? before_ : after_;
      const Rule* same = other.find(cause.kind, cause.rule->name);
      if (same != nullptr) region.differs = differences(cause.kind, *cause.rule, *same);
    }
    diff_.regions.push_back(std::move(region));
  }

  static std::vector<std::string> differences(RuleKind kind, const Rule& a, const Rule& b) {
    const auto here = members_of(kind, a), there = members_of(kind, b);
    std::vector<std::string> names;
    const auto add_missing = [&](const auto& list, const auto& other) {
      for (const RuleMember& member : list) {
        const bool same = std::find(other.begin(), other.end(), member) != other.end();
        const bool known = std::find(names.begin(), names.end(), member.name) != names.end();
        if (!same && !known) names.push_back(member.name);
      }
    };
    add_missing(here, there);
    add_missing(there, here);
    return names;
  }

  // --- Duties ----------------------------------------------------------------------------------

  static bool has_duties(const PolicyRules& rules) {
    return !rules.approvals.empty() ||
           std::any_of(rules.grants.begin(), rules.grants.end(), [](const Rule& grant) {
             return !grant.terms->quotas.empty() || grant.terms->approval.has_value();
           });
  }

  /// Quotas count by the name of their grant; what is asked for is the same under another one.
  static std::string duties_text(const Decision& decision) {
    std::string text;
    if (decision.duties() == nullptr) return text;
    for (const QuotaUse& use : decision.duties()->quotas) {
      text += std::to_string(use.limit) + "/" + std::to_string(use.window.count()) +
              (use.machine.empty() ? " of all;" : " each;");
    }
    if (const auto& approval = decision.duties()->approval) {
      text += " " + approval->rule + " " + std::to_string(approval->needed) + " " +
              std::to_string(approval->life.count()) + " " +
              std::to_string(approval->opens_for.count());
    }
    return text;
  }

  /// Grants and approvals of either policy that ask for something, or that the other lacks.
  Result<void> compare_duties() {
    if (!has_duties(before_.rules()) && !has_duties(after_.rules())) return {};
    RETURN_IF_ERROR(compare_duties(after_, before_));
    return compare_duties(before_, after_);
  }

  Result<void> compare_duties(const NamedRules& in, const NamedRules& other) {
    const PolicyRules &here = in.rules(), &there = other.rules();
    for (const Rule* grant :
         only_in(RuleKind::grant, here.grants, here.groups, there.grants, there.groups)) {
      RETURN_IF_ERROR(compare_duties(Cause{"grant:" + grant->name, grant, RuleKind::grant, &in},
                                     RequestFormula::always()));
    }
    for (const Rule* approval :
         only_in(RuleKind::approval, here.approvals, here.groups, there.approvals, there.groups)) {
      RETURN_IF_ERROR(compare_duties_of_approval(
          Cause{"approval:" + approval->name, approval, RuleKind::approval, &in}));
    }
    return {};
  }

  /// What the approval asks for counts where something allows.
  Result<void> compare_duties_of_approval(const Cause& cause) {
    const std::size_t before = diff_.regions.size();
    for (Operation operation : operations()) {
      if (!cause.rule->terms->operations.has(operation)) continue;
      RETURN_IF_ERROR(
          look_at_duties(cause, operation, roles_formula(after_.rules().roles, operation)));
      for (const Rule& grant : after_.rules().grants) {
        if (diff_.regions.size() > before) break;
        if (!grant.terms->operations.has(operation)) continue;
        if (++pairs_ > kPairs) {
          diff_.doubts.push_back("not all grants were compared with " + cause.name +
                                 ": there are too many");
          return {};
        }
        ASSIGN_OR_RETURN(RequestFormula formula, after_.formula(RuleKind::grant, grant, operation));
        RETURN_IF_ERROR(look_at_duties(cause, operation, std::move(formula)));
      }
    }
    return {};
  }

  Result<void> compare_duties(const Cause& cause, const RequestFormula& formula) {
    for (Operation operation : operations()) {
      if (!cause.rule->terms->operations.has(operation)) continue;
      RETURN_IF_ERROR(look_at_duties(cause, operation, formula));
    }
    return {};
  }

  Result<void> look_at_duties(const Cause& cause, Operation operation, RequestFormula allowing) {
    ASSIGN_OR_RETURN(RequestFormula formula, cause.in->formula(cause.kind, *cause.rule, operation));
    DecidedSearch search(operation, at_);
    search.search().require(std::move(formula));
    search.search().require(std::move(allowing));
    bool is_partial = false;
    const auto judge = [&](const ExampleRequest& example) -> Result<bool> {
      const Decision old = decide(before_.policy(), example),
                     now = decide(after_.policy(), example);
      if (old.allowed() && now.allowed()) {
        if (duties_text(old) != duties_text(now)) return true;
        is_partial = true;
        RETURN_IF_ERROR(search.exclude(after_, now));
        return false;
      }
      if (!old.allowed()) {
        if (old.grant().starts_with("denial:")) {
          RETURN_IF_ERROR(search.exclude(before_, old));
        } else {
          // Refused by what is missing there: known from what is allowed anew.
          is_partial = true;
          RETURN_IF_ERROR(now.allowed() ? search.exclude(after_, now)
                                        : search.exclude(before_, old));
        }
        return false;
      }
      RETURN_IF_ERROR(search.exclude(after_, now));
      return false;
    };
    auto example = search.find(judge);
    if (!example) return Failure(example.error());
    if (*example) {
      add(DiffRegion::Kind::duties, operation, cause, **example);
    } else if (is_partial && !search.doubts().empty()) {
      diff_.doubts.push_back("what " + cause.name +
                             " asks for may differ in cases that were not looked at");
    }
    return {};
  }

  NamedRules before_, after_;
  Time at_;
  PolicyDiff diff_;
  std::size_t pairs_ = 0;
};

}  // namespace

std::string_view name_of(DiffRegion::Kind kind) {
  switch (kind) {
    case DiffRegion::Kind::allowed:
      return "allowed";
    case DiffRegion::Kind::refused:
      return "refused";
    case DiffRegion::Kind::duties:
      return "duties";
  }
  CHECK(!"every kind has a name");
  return {};
}

Result<PolicyDiff> diff(const GrantPolicy& before, const GrantPolicy& after, Time at) {
  return Comparison(before, after, at).run();
}

}  // namespace chancery
