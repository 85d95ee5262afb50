#include "policies/policy_diff.h"

#include <algorithm>
#include <unordered_set>

#include "core/limits.h"
#include "policies/decided_search.h"
#include "policies/duty_text.h"
#include "policies/rule_text.h"

namespace chancery {
namespace {

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
      if (++pairs_ > limits::analysis_pairs) {
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

  static std::string content_of_approval(const NamedRules& rules, const ApprovalTerms& terms) {
    return content_of(terms, rules.rules().groups, rules.rules().roles);
  }
  /// With all who may agree.
  static std::string content_with_duties(const NamedRules& rules, RuleKind kind, const Rule& rule) {
    const auto& approval = rule.terms->approval;
    return content_of(kind, rule, rules.rules().groups) +
           (approval ? content_of_approval(rules, *approval) : "");
  }
  static std::vector<const Rule*> duties_only_in(RuleKind kind, const NamedRules& here,
                                                 const NamedRules& there) {
    const auto list = [&](const NamedRules& rules) {
      return kind == RuleKind::grant ? rules.rules().grants : rules.rules().approvals;
    };
    std::unordered_set<std::string> known;
    for (const Rule& rule : list(there)) known.insert(content_with_duties(there, kind, rule));
    std::vector<const Rule*> found;
    for (const Rule& rule : list(here)) {
      if (!known.contains(content_with_duties(here, kind, rule))) found.push_back(&rule);
    }
    return found;
  }

  /// Quotas count by the name of their grant; what is asked for is the same under another one.
  static std::string duties_text(const NamedRules& rules, const Decision& decision) {
    std::string text;
    if (decision.duties() == nullptr) return text;
    for (const QuotaUse& use : decision.duties()->quotas) {
      text += std::to_string(use.limit) + "/" + std::to_string(use.window.count()) +
              (use.machine.empty() ? " of all;" : " each;");
    }
    const auto& approval = decision.duties()->approval;
    if (!approval) return text;
    const std::size_t colon = approval->rule.find(':');
    const RuleKind kind =
        approval->rule.starts_with("approval:") ? RuleKind::approval : RuleKind::grant;
    const Rule* rule = rules.find(kind, std::string_view(approval->rule).substr(colon + 1));
    CHECK(rule != nullptr && rule->terms->approval);
    return text + " " + approval->rule + " " + content_of_approval(rules, *rule->terms->approval);
  }

  /// What the grant asks for itself; nothing of a role, which is null.
  static std::string own_duties(const NamedRules& rules, const Rule* grant) {
    std::string text;
    if (grant == nullptr) return text;
    for (const RuleMember& member : members_of(RuleKind::grant, *grant->terms)) {
      if (member.name != "quotas") continue;
      for (const std::string& value : member.values) text += value + ";";
    }
    const auto& approval = grant->terms->approval;
    return approval ? text + grant->name + content_of_approval(rules, *approval) : text;
  }

  /// That the policy asks of a request for what it asks for of the example: it is of the same rule,
  /// of none before that asks for something else, and of the same approvals.
  static Result<void> append_alike(const NamedRules& rules, const Decision& decision,
                                   const ExampleRequest& example,
                                   std::vector<RequestFormula>& all) {
    const Operation operation = example.question.operation;
    ASSIGN_OR_RETURN(RequestFormula deciding,
                     rules.formula_of_answer(decision.grant(), true, operation));
    all.push_back(std::move(deciding));
    for (const Rule& approval : rules.rules().approvals) {
      if (!approval.terms->operations.has(operation)) continue;
      ASSIGN_OR_RETURN(RequestFormula meets,
                       rules.formula(RuleKind::approval, approval, operation));
      all.push_back(is_true(meets, example) ? std::move(meets) : negation(std::move(meets)));
    }
    const Rule* grant = rules.find(RuleKind::grant, decision.grant());
    if (grant == nullptr) return {};
    const std::string own = own_duties(rules, grant);
    if (!own.empty()) all.push_back(negation(roles_formula(rules.rules().roles, operation)));
    for (const Rule& earlier : rules.rules().grants) {
      if (&earlier == grant) break;
      if (!earlier.terms->operations.has(operation) || own_duties(rules, &earlier) == own) continue;
      ASSIGN_OR_RETURN(RequestFormula before, rules.formula(RuleKind::grant, earlier, operation));
      all.push_back(negation(std::move(before)));
      if (all.size() > limits::analysis_exclusions) {
        return fail(ErrorCode::too_large, "too many grants stand before it");
      }
    }
    return {};
  }

  /// Grants and approvals of either policy that ask for something, or that the other lacks.
  Result<void> compare_duties() {
    if (!has_duties(before_.rules()) && !has_duties(after_.rules())) return {};
    RETURN_IF_ERROR(compare_duties(after_, before_));
    return compare_duties(before_, after_);
  }

  Result<void> compare_duties(const NamedRules& in, const NamedRules& other) {
    for (const Rule* grant : duties_only_in(RuleKind::grant, in, other)) {
      RETURN_IF_ERROR(
          compare_duties_of(Cause{"grant:" + grant->name, grant, RuleKind::grant, &in}));
    }
    for (const Rule* approval : duties_only_in(RuleKind::approval, in, other)) {
      RETURN_IF_ERROR(compare_duties_of(
          Cause{"approval:" + approval->name, approval, RuleKind::approval, &in}));
    }
    return {};
  }

  Result<void> compare_duties_of(const Cause& cause) {
    for (Operation operation : operations()) {
      if (!cause.rule->terms->operations.has(operation)) continue;
      ASSIGN_OR_RETURN(RequestFormula formula,
                       cause.in->formula(cause.kind, *cause.rule, operation));
      const auto done = allowed_in(cause, operation, {std::move(formula)}, {&before_, &after_});
      if (done) continue;
      if (done.error().code != ErrorCode::too_large) return Failure(done.error());
      diff_.doubts.push_back("what " + cause.name +
                             " asks for may differ in more cases: " + done.error().message);
    }
    return {};
  }

  /// Looks among what `formulas` describe. Where a policy of `open` allows a part only, for want of
  /// a grant, it looks at what each of its rules allows.
  Result<bool> allowed_in(const Cause& cause, Operation operation,
                          const std::vector<RequestFormula>& formulas,
                          std::vector<const NamedRules*> open) {
    const NamedRules* lacking = nullptr;
    ASSIGN_OR_RETURN(const bool found, look_at_duties(cause, operation, formulas, lacking));
    if (found || lacking == nullptr) return found;
    if (std::erase(open, lacking) == 0) {
      return fail(ErrorCode::internal, "a rule allows nothing of what it describes");
    }
    std::vector<RequestFormula> all = formulas;
    all.push_back(roles_formula(lacking->rules().roles, operation));
    ASSIGN_OR_RETURN(const bool by_role, allowed_in(cause, operation, all, open));
    if (by_role) return true;
    for (const Rule& grant : lacking->rules().grants) {
      if (!grant.terms->operations.has(operation)) continue;
      if (++pairs_ > limits::analysis_pairs) {
        return fail(ErrorCode::too_large, "there are too many grants to compare");
      }
      ASSIGN_OR_RETURN(all.back(), lacking->formula(RuleKind::grant, grant, operation));
      ASSIGN_OR_RETURN(const bool by_grant, allowed_in(cause, operation, all, open));
      if (by_grant) return true;
    }
    return false;
  }

  /// Sets `lacking` to a policy that has no rule for some of it, where it found nothing till then.
  Result<bool> look_at_duties(const Cause& cause, Operation operation,
                              const std::vector<RequestFormula>& formulas,
                              const NamedRules*& lacking) {
    DecidedSearch search(operation, at_);
    for (const RequestFormula& formula : formulas) search.search().require(formula);
    std::size_t alike = 0;
    const auto judge = [&](const ExampleRequest& example) -> Result<bool> {
      const Decision old = decide(before_.policy(), example),
                     now = decide(after_.policy(), example);
      for (const auto& [rules, decision] : {std::pair(&before_, &old), std::pair(&after_, &now)}) {
        if (decision->allowed()) continue;
        const bool is_refused = decision->grant().starts_with("denial:") ||
                                is_true(reserved_formula(rules->rules().roles, operation), example);
        if (!is_refused) {
          lacking = rules;
          return true;  // no more of this search
        }
        RETURN_IF_ERROR(search.exclude(*rules, *decision));
        return false;
      }
      if (duties_text(before_, old) != duties_text(after_, now)) return true;
      if (++alike > limits::analysis_exclusions) {
        return fail(ErrorCode::too_large, "there are too many rules that allow a part of it");
      }
      std::vector<RequestFormula> all;
      RETURN_IF_ERROR(append_alike(before_, old, example, all));
      RETURN_IF_ERROR(append_alike(after_, now, example, all));
      search.search().require(negation(RequestFormula::all(std::move(all))));
      return false;
    };
    ASSIGN_OR_RETURN(const auto example, search.find(judge));
    if (!example) {
      if (!search.doubts().empty()) return fail(ErrorCode::too_large, search.doubts().front());
      return false;
    }
    if (lacking != nullptr) return false;
    add(DiffRegion::Kind::duties, operation, cause, *example);
    return true;
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
