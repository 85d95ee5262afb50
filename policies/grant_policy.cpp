#include "policies/grant_policy.h"

#include <algorithm>
#include <array>
#include <memory_resource>
#include <set>
#include <utility>

#include "policies/listing.h"

namespace chancery {
namespace {

constexpr std::string_view kSelf = "builtin:self";
constexpr std::string_view kRolesGuard = "builtin:roles";

Policy::Verdict allow(std::string_view grant) {
  return {true, std::string(grant), {}, {}};
}

Policy::Verdict deny(std::string_view grant, const std::string& reason) {
  return {false, std::string(grant), std::string(grant) + ": " + reason, {}};
}

/// How a machine is called in a reason: by the first identity it has.
std::string label(const Machine& machine) {
  if (!machine.name.empty()) return quoted(machine.name.text());
  if (!machine.spiffe_id.empty()) return quoted(machine.spiffe_id);
  if (!machine.dns_names.empty()) return quoted("dns:" + machine.dns_names.front());
  return quoted("sha256:" + machine.fingerprint);
}

std::string role_list(const RoleEntry& entry) {
  std::string names;
  for (Role role : kRoles) {
    if (entry.holds(role)) names += (names.empty() ? "" : ", ") + std::string(name_of(role));
  }
  return names;
}

/// The service's own requests come without certificate and without network.
bool is_service(const Machine& machine) {
  return machine.is_self() && machine.source.empty() && machine.spiffe_id.empty() &&
         machine.dns_names.empty() && !machine.serial;
}

Policy::Verdict ask_service(Operation operation) {
  if (role_row(operation).self) return allow(kSelf);
  return deny(kSelf,
              std::string(name_of(operation)) + " is not one of the service's own operations");
}

/// An auditor reads, and keeps its own certificate: the first one (asked for with an enrolment
/// token, so without a certificate) and its renewal.
bool fits_auditor(const Asked& asked) {
  switch (auditor_may(asked.question.operation)) {
    case AuditorMay::always:
      return true;
    case AuditorMay::never:
      return false;
    case AuditorMay::own_certificate:
      break;
  }
  const std::string& name = asked.machine.name.text();
  const bool own = !name.empty() && asked.question.owner == name;
  return own && (asked.question.operation == Operation::certificate_renew ||
                 asked.machine.fingerprint.empty());
}

struct Failures {
  std::size_t count = 0;
  const ConditionRow* first = nullptr;
};

/// The conditions of a grant that do not hold; `at_most` ends the search.
Failures failures(const RuleTerms& terms, const Asked& asked, std::size_t at_most) {
  Failures failures;
  const auto rows = conditions();
  ConditionSet set = asked_conditions(RuleKind::grant, terms, asked.question.operation);
  for (; set != 0 && failures.count < at_most; set &= set - 1) {
    const ConditionRow& row = rows[static_cast<std::size_t>(std::countr_zero(set))];
    if (row.holds(terms, asked)) continue;
    if (failures.count++ == 0) failures.first = &row;
  }
  return failures;
}

std::string approval_name(RuleKind kind, const std::string& name) {
  return std::string(name_of(kind)) + ":" + name;
}

ApprovalNeed need_of(RuleKind kind, const Rule& rule) {
  const ApprovalTerms& terms = *rule.terms->approval;
  return {approval_name(kind, rule.name), terms.needed, terms.life, terms.opens_for};
}

/// Quotas are called after their grant and their place in its list, from 1.
std::vector<QuotaUse> uses_of(const Rule& grant, const Machine& machine) {
  std::vector<QuotaUse> uses;
  for (const Quota& quota : grant.terms->quotas) {
    uses.push_back({grant.name + "/" + std::to_string(uses.size() + 1),
                    quota.per_machine ? machine.identity() : std::string(), quota.limit,
                    quota.window});
  }
  return uses;
}

/// The numbers come from here; beyond it a decision allocates.
constexpr std::size_t kStackBytes = 2048;

}  // namespace

GrantPolicy::GrantPolicy(std::string version, CompiledRules rules)
    : version_(std::move(version)), rules_(std::move(rules)) {
  for (RuleKind kind : {RuleKind::grant, RuleKind::approval}) {
    for (const Rule& rule : rules_.of(kind)) {
      if (rule.terms->approval) {
        approvals_.emplace(approval_name(kind, rule.name), &*rule.terms->approval);
        for (const MachinePattern& pattern : rule.terms->approval->machines) {
          if (pattern.kind == IdentityKind::name && is_one(pattern))
            rules_.roles.add_approver(pattern.text);
        }
      }
    }
  }
}

Policy::Verdict GrantPolicy::evaluate(const Machine& machine, const PolicyQuestion& question,
                                      Time at) const {
  const Asked asked{machine, question, at};
  if (is_service(machine)) return ask_service(question.operation);

  const HeldRoles held = rules_.roles.of(machine);
  if (auto refused = refuse_reserved(held, asked)) return *std::move(refused);

  std::array<std::byte, kStackBytes> stack;
  std::pmr::monotonic_buffer_resource memory(stack.data(), stack.size());
  const Numbers numbers = rules_.index.identify(machine, &memory);
  if (auto refused = ask_denials(asked, numbers)) return *std::move(refused);

  std::optional<Verdict> nearest;
  if (auto allowed = ask_roles(held, asked, nearest)) {
    allowed->duties = duties(nullptr, asked, numbers);
    return *std::move(allowed);
  }
  return ask_grants(asked, numbers, std::move(nearest));
}

bool GrantPolicy::may_approve(std::string_view rule, const Machine& approver) const {
  const auto found = approvals_.find(rule);
  if (found == approvals_.end() || is_service(approver)) return false;
  const ApprovalTerms& terms = *found->second;
  const HeldRoles held = rules_.roles.of(approver);
  if (held.holds(Role::auditor)) return false;
  const Numbers numbers = rules_.index.identify(approver, std::pmr::get_default_resource());
  const PolicyQuestion question{.operation = Operation::approval_give};
  if (ask_denials({approver, question, now()}, numbers)) return false;
  if (std::any_of(kRoles.begin(), kRoles.end(),
                  [&](Role role) { return terms.has(role) && held.holds(role); })) {
    return true;
  }
  return std::any_of(numbers.begin(), numbers.end(), [&](MachineNumber number) {
    return std::binary_search(terms.numbers.begin(), terms.numbers.end(), number);
  });
}

/// Of `from`, each identity once. A pattern or a group may be anybody.
bool GrantPolicy::could_be_agreed(const ApprovalNeed& need, const Machine& requester) const {
  const auto found = approvals_.find(need.rule);
  if (found == approvals_.end()) return false;
  const ApprovalTerms& terms = *found->second;
  std::set<std::pair<IdentityKind, std::string>> named;
  for (const MachinePattern& pattern : terms.machines) {
    if (!is_one(pattern)) return true;
    named.emplace(pattern.kind, pattern.text);
  }
  for (Role role : kRoles) {
    if (!terms.has(role)) continue;
    for (const RoleEntry* entry : rules_.roles.holders(role)) {
      named.emplace(entry->identity.kind, entry->identity.text);
    }
  }
  for (const auto& [kind, text] : {std::pair{IdentityKind::name, requester.name.text()},
                                   std::pair{IdentityKind::spiffe, requester.spiffe_id},
                                   std::pair{IdentityKind::fingerprint, requester.fingerprint}}) {
    named.erase({kind, text});
  }
  return named.size() >= need.needed;
}

/// What no role or grant can allow.
std::optional<Policy::Verdict> GrantPolicy::refuse_reserved(const HeldRoles& held,
                                                            const Asked& asked) const {
  const Machine& machine = asked.machine;
  const PolicyQuestion& question = asked.question;
  if (machine.name.text() == "self") return deny(kSelf, "the name \"self\" is the service's own");

  if (held.holds(Role::auditor) && !fits_auditor(asked)) {
    return deny(grant_of(Role::auditor), std::string(name_of(question.operation)) +
                                             " is refused to auditors, who change nothing");
  }

  const bool revokes = question.operation == Operation::certificate_revoke ||
                       question.operation == Operation::certificate_release;
  if (revokes && question.owner == "self" && !held.holds(Role::administrator)) {
    return deny(
        kRolesGuard,
        "the certificate is a CA's or the service's own; only an administrator may revoke it");
  }
  if (question.operation == Operation::machine_add) {
    if (question.owner == "self") return deny(kSelf, "the name \"self\" is the service's own");
    // Whoever adds a machine gets the token to enrol as it, and so its roles.
    const RoleEntry* entry = rules_.roles.find(IdentityKind::name, question.owner);
    if (entry != nullptr && !held.holds(Role::administrator)) {
      return deny(kRolesGuard, quoted(question.owner) + " holds the role " + role_list(*entry) +
                                   "; only an administrator may add it");
    }
    if (entry == nullptr && rules_.roles.is_guarded(question.owner) &&
        !held.holds(Role::administrator)) {
      return deny(kRolesGuard, quoted(question.owner) +
                                   " approves what others ask for; only an administrator may add "
                                   "it");
    }
  }
  if (kCertifying.has(question.operation)) {
    // A SPIFFE ID in a certificate is an identity, and so are the roles it holds.
    for (const std::string& uri : question.names.uri) {
      const RoleEntry* entry = rules_.roles.find(IdentityKind::spiffe, uri);
      if (entry == nullptr || held.include(*entry)) continue;
      return deny(kRolesGuard, quoted(uri) + " holds the role " + role_list(*entry) +
                                   ", and machine " + label(machine) + " does not");
    }
  }
  return std::nullopt;
}

std::optional<Policy::Verdict> GrantPolicy::ask_denials(const Asked& asked,
                                                        const Numbers& numbers) const {
  const Operation operation = asked.question.operation;
  for (RuleId id : rules_.index.find(RuleKind::denial, numbers, operation)) {
    const Rule& denial = rules_.of(RuleKind::denial)[id];
    if (!meets(*denial.terms, asked)) continue;
    std::string why;
    for_each_condition(asked_conditions(RuleKind::denial, *denial.terms, operation),
                       [&](const ConditionRow& row) {
                         why += (why.empty() ? "" : "; ") + std::string(row.name) + ": " +
                                row.explain_met(*denial.terms, asked);
                       });
    if (why.empty())
      why = "refuses " + std::string(name_of(operation)) + " to " + label(asked.machine);
    return Verdict{
        false, "denial:" + denial.name, "denial " + quoted(denial.name) + ": " + why, {}};
  }
  return std::nullopt;
}

/// Sets `nearest` where a role has the operation, but not for this owner.
std::optional<Policy::Verdict> GrantPolicy::ask_roles(const HeldRoles& held, const Asked& asked,
                                                      std::optional<Verdict>& nearest) const {
  const std::string& owner = asked.question.owner;
  const RoleRow& row = role_row(asked.question.operation);
  const auto may = [&](Role role) { return row.reach(role) != Reach::none; };
  if (held.is_torn() && (may(Role::administrator) || may(Role::operator_))) {
    nearest = deny(kRolesGuard, label(asked.machine) +
                                    " holds the roles administrator and operator by different "
                                    "identities, and so neither");
  }
  for (Role role : kRoles) {
    if (!held.holds(role)) continue;
    switch (row.reach(role)) {
      case Reach::none:
        break;
      case Reach::all:
        return allow(grant_of(role));
      case Reach::role_holders:
        if (rules_.roles.is_guarded(owner)) return allow(grant_of(role));
        nearest = deny(grant_of(role), "owner: " + quoted(owner) +
                                           " holds no role; an operator adds such machines");
        break;
      case Reach::service:
        if (owner == "self") return allow(grant_of(role));
        nearest = deny(grant_of(role), "owner: " + quoted(owner) +
                                           " is not the service; an operator revokes those");
        break;
      case Reach::others_in_scope:  // refuse_reserved() has seen to the others
      case Reach::in_scope:
        if (held.in_scope(owner)) return allow(grant_of(role));
        nearest = deny(grant_of(role),
                       "machines: " + not_in(owner, listing(*held.scope(), asked.machine)));
        break;
    }
  }
  return std::nullopt;
}

Policy::Verdict GrantPolicy::ask_grants(const Asked& asked, const Numbers& numbers,
                                        std::optional<Verdict> nearest) const {
  const std::vector<Rule>& grants = rules_.of(RuleKind::grant);
  const auto candidates = rules_.index.find(RuleKind::grant, numbers, asked.question.operation);
  for (RuleId id : candidates) {
    if (failures(*grants[id].terms, asked, 1).count != 0) continue;
    Verdict allowed = allow(grants[id].name);
    allowed.duties = duties(&grants[id], asked, numbers);
    return allowed;
  }

  // Denied: the nearest grant is the one with the fewest conditions that fail.
  if (nearest) return *std::move(nearest);
  if (candidates.empty()) return unnamed(asked, numbers);
  const Rule* best = nullptr;
  Failures fewest{.count = conditions().size() + 1};
  for (RuleId id : candidates) {
    const Failures failed = failures(*grants[id].terms, asked, fewest.count);
    if (failed.count >= fewest.count) continue;
    best = &grants[id];
    fewest = failed;
  }
  return {false,
          best->name,
          "grant " + quoted(best->name) + ": " + std::string(fewest.first->name) + ": " +
              fewest.first->explain(*best->terms, asked),
          {}};
}

Policy::Verdict GrantPolicy::unnamed(const Asked& asked, const Numbers& numbers) const {
  std::string reason = "no grant names machine " + label(asked.machine) + " for " +
                       std::string(name_of(asked.question.operation));
  if (const auto other = rules_.index.first(numbers)) {
    const Rule& grant = rules_.of(RuleKind::grant)[*other];
    reason += "; grant " + quoted(grant.name) + " names it for " + grant.terms->operations.text();
  }
  return {false, {}, std::move(reason), {}};
}

/// Of several approvals the one that needs the most; the grant's own is the first.
std::shared_ptr<const Duties> GrantPolicy::duties(const Rule* grant, const Asked& asked,
                                                  const Numbers& numbers) const {
  RuleKind kind = RuleKind::grant;
  const Rule* most = grant != nullptr && grant->terms->approval ? grant : nullptr;
  if (!rules_.of(RuleKind::approval).empty()) {
    for (RuleId id : rules_.index.find(RuleKind::approval, numbers, asked.question.operation)) {
      const Rule& rule = rules_.of(RuleKind::approval)[id];
      const unsigned needed = rule.terms->approval->needed;
      if (most != nullptr && needed <= most->terms->approval->needed) continue;
      if (!meets(*rule.terms, asked)) continue;
      most = &rule;
      kind = RuleKind::approval;
    }
  }
  const bool counted = grant != nullptr && !grant->terms->quotas.empty();
  if (!counted && most == nullptr) return nullptr;

  auto duties = std::make_shared<Duties>();
  if (counted) duties->quotas = uses_of(*grant, asked.machine);
  if (most != nullptr) duties->approval = need_of(kind, *most);
  return duties;
}

}  // namespace chancery
