#include "policies/reach.h"

#include <algorithm>
#include <array>
#include <map>

#include "core/limits.h"
#include "policies/decided_search.h"
#include "policies/duty_text.h"
#include "policies/question_formula.h"
#include "policies/rule_text.h"

namespace chancery {
namespace {

std::string replaced(std::string text, std::string_view variable, const std::string& value) {
  for (std::size_t at = 0; (at = text.find(variable, at)) != text.npos; at += value.size()) {
    text.replace(at, variable.size(), value);
  }
  return text;
}

/// With the variables of a machine that is known.
std::string expanded(std::string text, const Machine* machine) {
  if (machine == nullptr) return text;
  text = replaced(std::move(text), "{machine.name}", machine->name.text());
  text = replaced(std::move(text), "{machine.spiffe_id}", machine->spiffe_id);
  for (const MachineAttribute& attribute : machine->attributes) {
    text = replaced(std::move(text), "{machine.attribute." + attribute.name + "}", attribute.value);
  }
  return text;
}

bool is_duty(const std::string& member) {
  return member == "quotas" || member == "approvals";
}

/// Whether the pattern, for some machine that the grant names, can cover `value`: false only where
/// that is certain without a search.
bool may_match(const Pattern& pattern, const std::string& value, const Rule& grant) {
  if (!pattern.has_variables()) return pattern.matches(value, Machine{});
  return std::any_of(
      grant.machines.begin(), grant.machines.end(), [&](const MachinePattern& machine) {
        if (machine.kind != IdentityKind::name) return true;
        if (machine.wildcards && pattern.source() != "{machine.name}") return true;
        if (machine.wildcards) {
          const auto names =
              Pattern::parse_without_variables(PatternKind::machine_name, machine.text);
          return !names || names->matches(value, Machine{});
        }
        const bool others = pattern.source().find("{machine.spiffe") != std::string::npos ||
                            pattern.source().find("{machine.attribute") != std::string::npos;
        Machine one;
        one.name = MachineName::literal(machine.text);
        return others || pattern.matches(value, one);
      });
}

/// Whether the grant can be about the question at all, by what needs no search: most grants of a
/// large policy are about something else.
bool may_cover(const Rule& grant, const PolicyQuestion& wanted) {
  const RuleTerms& terms = *grant.terms;
  if (!terms.operations.has(wanted.operation)) return false;
  const auto lists = [](const std::vector<std::string>& list, const std::string& value) {
    return list.empty() || value.empty() ||
           std::find(list.begin(), list.end(), value) != list.end();
  };
  const auto covers = [&](const std::vector<Pattern>& patterns, const std::string& value) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const Pattern& pattern) { return may_match(pattern, value, grant); });
  };
  if (!lists(terms.issuers, wanted.issuer) || !lists(terms.profiles, wanted.profile)) return false;
  if (kKeyOperations.has(wanted.operation) && !wanted.key.empty() &&
      !covers(terms.keys, wanted.key)) {
    return false;
  }
  if (!kCertifying.has(wanted.operation)) return true;
  return std::all_of(wanted.names.dns.begin(), wanted.names.dns.end(),
                     [&](const std::string& name) { return covers(terms.dns_names, name); });
}

/// Whether one of the machines is named by an identity of one of these kinds, itself or in a group.
bool names_by(const std::vector<MachinePattern>& machines, std::span<const MachineGroup> groups,
              std::span<const IdentityKind> kinds) {
  return std::any_of(machines.begin(), machines.end(), [&](const MachinePattern& machine) {
    if (std::find(kinds.begin(), kinds.end(), machine.kind) != kinds.end()) return true;
    return machine.kind == IdentityKind::group &&
           std::any_of(groups.begin(), groups.end(), [&](const MachineGroup& group) {
             return group.name == machine.text && names_by(group.machines, groups, kinds);
           });
  });
}
constexpr std::array kByFingerprint = {IdentityKind::fingerprint};
constexpr std::array kByNames = {IdentityKind::spiffe, IdentityKind::dns};

class Reaching {
 public:
  Reaching(const NamedRules& rules, PolicyQuestion wanted, Time at)
      : rules_(rules), wanted_(std::move(wanted)), at_(at) {}

  void set_machine(const Machine& machine) { machine_ = &machine; }

  Result<void> look_at_roles() {
    for (Role role : kRoles) {
      RequestFormula formula = role_formula(rules_.rules().roles, role, wanted_.operation);
      ReachingRule found;
      found.rule = grant_of(role);
      for (const RoleEntry* entry : rules_.rules().roles.holders(role)) {
        if (found.machines.empty()) {
          found.file = "policy.yaml";  // no other file may have roles
          found.place = entry->place;
        }
        found.machines.push_back(source_of(entry->identity));
      }
      RETURN_IF_ERROR(look(std::move(formula), std::move(found)));
    }
    return {};
  }

  Result<void> look_at_grant(const Rule& grant) {
    if (!may_cover(grant, wanted_)) return {};
    ASSIGN_OR_RETURN(RequestFormula formula,
                     rules_.formula(RuleKind::grant, grant, wanted_.operation));
    ReachingRule found;
    found.rule = "grant:" + grant.name;
    found.file = grant.file;
    found.place = grant.place;
    for (const MachinePattern& machine : grant.machines) {
      found.machines.push_back(source_of(machine));
    }
    for (const RuleMember& member : members_of(RuleKind::grant, *grant.terms)) {
      if (member.name == "operations") continue;
      std::string text = member.name + ":";
      for (std::size_t i = 0; i < member.values.size(); ++i) {
        text += (i == 0 ? " " : ", ") + expanded(member.values[i], machine_);
      }
      (is_duty(member.name) ? found.duties : found.conditions).push_back(std::move(text));
    }
    const std::size_t known = found_.size();
    RETURN_IF_ERROR(look(std::move(formula), std::move(found)));
    if (found_.size() > known) grants_.emplace(&grant, known);
    return {};
  }

  /// Machines of the inventory, for each rule that was found. Which grants name a machine is looked
  /// up: with all of them, a large policy and a large inventory would not end.
  Result<void> add_known(std::span<const Machine> inventory) {
    const PolicyRules& rules = rules_.rules();
    std::vector<std::size_t> always;  // roles, and what is not known of a machine
    for (std::size_t i = 0; i < found_.size(); ++i) {
      if (!found_[i].first.rule.starts_with("grant:")) always.push_back(i);
    }
    for (const auto& [grant, i] : grants_) {
      if (names_by(grant->machines, rules.groups, kByFingerprint)) always.push_back(i);
    }
    for (const Machine& machine : inventory) {
      std::vector<std::size_t> rows = always;
      const MachineIndex& index = rules_.policy().index();
      const auto numbers = index.identify(machine, std::pmr::get_default_resource());
      for (RuleId id : index.find(RuleKind::grant, numbers, wanted_.operation)) {
        const auto found = grants_.find(&rules.grants[id]);
        if (found != grants_.end()) rows.push_back(found->second);
      }
      std::sort(rows.begin(), rows.end());
      rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
      for (std::size_t i : rows) RETURN_IF_ERROR(add_known(machine, i));
    }
    add_inventory_doubts(inventory);
    return {};
  }

  void append_to(ReachAnswer& answer) {
    for (auto& [found, formula] : found_) answer.rules.push_back(std::move(found));
    answer.doubts.insert(answer.doubts.end(), doubts_.begin(), doubts_.end());
    std::sort(answer.doubts.begin(), answer.doubts.end());
    answer.doubts.erase(std::unique(answer.doubts.begin(), answer.doubts.end()),
                        answer.doubts.end());
  }

 private:
  Result<void> add_known(const Machine& machine, std::size_t i) {
    DecidedSearch search = search_for(found_[i].second);
    search.search().fix(machine);
    ASSIGN_OR_RETURN(const auto example, find_allowed(search));
    doubts_.insert(doubts_.end(), search.doubts().begin(), search.doubts().end());
    if (example) found_[i].first.known.push_back(machine.text());
    return {};
  }

  void add_inventory_doubts(std::span<const Machine> inventory) {
    const bool complete = std::all_of(inventory.begin(), inventory.end(),
                                      [](const Machine& one) { return !one.fingerprint.empty(); });
    if (complete) return;
    for (const auto& [grant, i] : grants_) {
      if (!names_by(grant->machines, rules_.rules().groups, kByNames)) continue;
      doubts_.push_back("grant:" + grant->name +
                        " names machines by their certificates, which the inventory does not have");
    }
  }

  [[nodiscard]] DecidedSearch search_for(const RequestFormula& formula) const {
    DecidedSearch search(wanted_.operation, at_);
    search.search().require(formula);
    search.search().require(question_formula(wanted_));
    return search;
  }

  Result<std::optional<ExampleRequest>> find_allowed(DecidedSearch& search) const {
    return search.find([&](const ExampleRequest& example) -> Result<bool> {
      const Decision decision = decide(rules_.policy(), example);
      if (decision.allowed()) return true;
      RETURN_IF_ERROR(search.exclude(rules_, decision));
      return false;
    });
  }

  Result<void> look(RequestFormula formula, ReachingRule found) {
    DecidedSearch search = search_for(formula);
    if (machine_ != nullptr) search.search().fix(*machine_);
    ASSIGN_OR_RETURN(auto example, find_allowed(search));
    doubts_.insert(doubts_.end(), search.doubts().begin(), search.doubts().end());
    if (!example) return {};
    found.operation = wanted_.operation;
    found.example = *std::move(example);
    RETURN_IF_ERROR(add_denials(formula, found));
    RETURN_IF_ERROR(add_approvals(formula, found));
    found_.emplace_back(std::move(found), std::move(formula));
    return {};
  }

  Result<void> add_denials(const RequestFormula& formula, ReachingRule& found) {
    for (const Rule& denial : rules_.rules().denials) {
      if (!denial.terms->operations.has(wanted_.operation)) continue;
      if (++pairs_ > limits::analysis_pairs) {
        doubts_.push_back("not all denials were compared with all rules: there are too many");
        return {};
      }
      ASSIGN_OR_RETURN(RequestFormula taken,
                       rules_.formula(RuleKind::denial, denial, wanted_.operation));
      DecidedSearch search = search_for(formula);
      if (machine_ != nullptr) search.search().fix(*machine_);
      search.search().require(std::move(taken));
      ASSIGN_OR_RETURN(const auto example, search.search().find());
      if (example) found.denials.push_back("denial:" + denial.name);
      const Doubts& doubts = search.search().doubts();
      doubts_.insert(doubts_.end(), doubts.begin(), doubts.end());
    }
    return {};
  }

  /// Those that the policy asks for whatever the grant.
  Result<void> add_approvals(const RequestFormula& formula, ReachingRule& found) {
    for (const Rule& approval : rules_.rules().approvals) {
      if (!approval.terms->operations.has(wanted_.operation)) continue;
      ASSIGN_OR_RETURN(RequestFormula asking,
                       rules_.formula(RuleKind::approval, approval, wanted_.operation));
      DecidedSearch search = search_for(formula);
      if (machine_ != nullptr) search.search().fix(*machine_);
      search.search().require(std::move(asking));
      ASSIGN_OR_RETURN(const auto example, find_allowed(search));
      doubts_.insert(doubts_.end(), search.doubts().begin(), search.doubts().end());
      if (!example) continue;
      found.duties.push_back(duty_text("approval:" + approval.name, *approval.terms->approval));
    }
    return {};
  }

  const NamedRules& rules_;
  PolicyQuestion wanted_;
  Time at_;
  const Machine* machine_ = nullptr;
  std::vector<std::pair<ReachingRule, RequestFormula>> found_;
  std::map<const Rule*, std::size_t> grants_;  // where they are in found_
  std::size_t pairs_ = 0;
  Doubts doubts_;
};

}  // namespace

Result<ReachAnswer> who_can(const GrantPolicy& policy, const PolicyQuestion& wanted,
                            std::span<const Machine> inventory, Time at) {
  const NamedRules rules(policy);
  Reaching reaching(rules, wanted, at);
  RETURN_IF_ERROR(reaching.look_at_roles());
  for (const Rule& grant : policy.rules().grants) {
    RETURN_IF_ERROR(reaching.look_at_grant(grant));
  }
  RETURN_IF_ERROR(reaching.add_known(inventory));
  ReachAnswer answer;
  reaching.append_to(answer);
  return answer;
}

Result<ReachAnswer> what_can(const GrantPolicy& policy, const Machine& machine, Time at) {
  const NamedRules rules(policy);
  ReachAnswer answer;
  const auto numbers = policy.index().identify(machine, std::pmr::get_default_resource());
  for (Operation operation : operations()) {
    Reaching reaching(rules, {.operation = operation}, at);
    reaching.set_machine(machine);
    RETURN_IF_ERROR(reaching.look_at_roles());
    for (RuleId id : policy.index().find(RuleKind::grant, numbers, operation)) {
      RETURN_IF_ERROR(reaching.look_at_grant(policy.rules().grants[id]));
    }
    reaching.append_to(answer);
  }
  return answer;
}

}  // namespace chancery
