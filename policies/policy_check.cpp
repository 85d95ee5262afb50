#include "policies/policy_check.h"

#include <algorithm>

#include "core/field_path.h"
#include "policies/condition.h"
#include "policies/listing.h"

namespace chancery {
namespace {

Failure refuse(RuleKind kind, const Rule& rule, const std::string& problem) {
  return refuse_at(rule.file, rule.place, std::string(list_of(kind)),
                   std::string(name_of(kind)) + " " + quoted(rule.name) + ": " + problem);
}

std::string role_line(const RoleEntry& entry, Role role) {
  return quoted(source_of(entry.identity)) + " holds the role " + std::string(name_of(role)) +
         " (line " + std::to_string(entry.place.line) + ")";
}

Result<void> check_auditors(const CompiledRules& rules) {
  for (const RoleEntry* auditor : rules.roles.holders(Role::auditor)) {
    const auto id = rules.index.first_exact(auditor->identity, denied_to_auditors());
    if (!id) continue;
    const Rule& grant = rules.of(RuleKind::grant)[*id];
    return refuse(RuleKind::grant, grant,
                  role_line(*auditor, Role::auditor) + ", which changes nothing; it gives it " +
                      grant.terms->operations.only(denied_to_auditors()).text());
  }
  return {};
}

using Holders = std::array<std::size_t, kRoles.size()>;

Result<void> check_approvers(const CompiledRules& rules, const Holders& holders, RuleKind kind,
                             const Rule& rule) {
  const ApprovalTerms& approval = *rule.terms->approval;
  std::size_t reachable = 0;
  bool listed = true;
  for (const MachinePattern& pattern : approval.machines) {
    if (!is_one(pattern)) {
      listed = false;
      continue;
    }
    ++reachable;
    const RoleEntry* entry = rules.roles.find(pattern.kind, pattern.text);
    if (entry == nullptr || !entry->holds(Role::auditor)) continue;
    return refuse(
        kind, rule,
        role_line(*entry, Role::auditor) + ", which changes nothing and so approves nothing");
  }
  for (Role role : kRoles) {
    if (approval.has(role)) reachable += holders[static_cast<std::size_t>(role)];
  }
  if (!listed || reachable >= approval.needed) return {};
  return refuse(kind, rule,
                "needs " + std::to_string(approval.needed) +
                    " to approve, and those it names are " + std::to_string(reachable));
}

Result<void> check_approvals(const CompiledRules& rules) {
  Holders holders{};
  for (Role role : kRoles) {
    holders[static_cast<std::size_t>(role)] = rules.roles.holders(role).size();
  }
  for (RuleKind kind : {RuleKind::grant, RuleKind::approval}) {
    for (const Rule& rule : rules.of(kind)) {
      if (rule.terms->approval) RETURN_IF_ERROR(check_approvers(rules, holders, kind, rule));
    }
  }
  return {};
}

/// What is known when loading of the machine that holds a role.
Machine machine_of(const MachinePattern& identity) {
  Machine machine;
  if (identity.kind == IdentityKind::name) machine.name = MachineName::literal(identity.text);
  if (identity.kind == IdentityKind::spiffe) machine.spiffe_id = identity.text;
  if (identity.kind == IdentityKind::fingerprint) machine.fingerprint = identity.text;
  return machine;
}

/// The first denial of policy.change that does not depend on anything but who asks, or null.
const Rule* find_unconditional(const CompiledRules& rules, const Machine& machine) {
  const auto numbers = rules.index.identify(machine, std::pmr::get_default_resource());
  for (RuleId id : rules.index.find(RuleKind::denial, numbers, Operation::policy_change)) {
    const Rule& denial = rules.of(RuleKind::denial)[id];
    if (asked_conditions(RuleKind::denial, *denial.terms, Operation::policy_change) == 0) {
      return &denial;
    }
  }
  return nullptr;
}

Result<void> check_lock_out(const CompiledRules& rules) {
  const Rule* denial = nullptr;
  for (const RoleEntry* entry : rules.roles.holders(Role::administrator)) {
    denial = find_unconditional(rules, machine_of(entry->identity));
    if (denial == nullptr) return {};
  }
  if (denial == nullptr) return {};
  return refuse(RuleKind::denial, *denial,
                "refuses policy.change, so that no administrator could change the policy again; "
                "give it conditions, or machines that are not all administrators");
}

}  // namespace

Result<void> check_policy(const CompiledRules& rules) {
  RETURN_IF_ERROR(check_auditors(rules));
  RETURN_IF_ERROR(check_approvals(rules));
  return check_lock_out(rules);
}

}  // namespace chancery
