#include "policies/grant_policy.h"

#include <algorithm>
#include <array>
#include <memory_resource>

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

/// The conditions that do not hold; `at_most` ends the search.
Failures failures(const GrantTerms& terms, const Asked& asked, std::size_t at_most) {
  Failures failures;
  const auto rows = conditions();
  for (std::size_t i = 0; i < rows.size() && failures.count < at_most; ++i) {
    if (!is_asked(rows[i], i, terms, asked.question.operation)) continue;
    if (rows[i].holds(terms, asked)) continue;
    if (failures.count++ == 0) failures.first = &rows[i];
  }
  return failures;
}

}  // namespace

Policy::Verdict GrantPolicy::evaluate(const Machine& machine, const PolicyQuestion& question,
                                      Time at) const {
  const Asked asked{machine, question, at};
  if (is_service(machine)) return ask_service(question.operation);

  const HeldRoles held = roles_.of(machine);
  if (auto refused = refuse_reserved(held, asked)) return *std::move(refused);

  std::optional<Verdict> nearest;
  if (auto allowed = ask_roles(held, asked, nearest)) return *std::move(allowed);
  return ask_grants(asked, std::move(nearest));
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
    const RoleEntry* entry = roles_.find(IdentityKind::name, question.owner);
    if (entry != nullptr && !held.holds(Role::administrator)) {
      return deny(kRolesGuard, quoted(question.owner) + " holds the role " + role_list(*entry) +
                                   "; only an administrator may add it");
    }
  }
  if (kCertifying.has(question.operation)) {
    // A SPIFFE ID in a certificate is an identity, and so are the roles it holds.
    for (const std::string& uri : question.names.uri) {
      const RoleEntry* entry = roles_.find(IdentityKind::spiffe, uri);
      if (entry == nullptr || held.include(*entry)) continue;
      return deny(kRolesGuard, quoted(uri) + " holds the role " + role_list(*entry) +
                                   ", and machine " + label(machine) + " does not");
    }
  }
  return std::nullopt;
}

/// Sets `nearest` where a role has the operation, but not for this owner.
std::optional<Policy::Verdict> GrantPolicy::ask_roles(const HeldRoles& held, const Asked& asked,
                                                      std::optional<Verdict>& nearest) const {
  const std::string& owner = asked.question.owner;
  const RoleRow& row = role_row(asked.question.operation);
  for (Role role : kRoles) {
    if (!held.holds(role)) continue;
    switch (row.reach(role)) {
      case Reach::none:
        break;
      case Reach::all:
        return allow(grant_of(role));
      case Reach::role_holders:
        if (roles_.find(IdentityKind::name, owner) != nullptr) return allow(grant_of(role));
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

Policy::Verdict GrantPolicy::ask_grants(const Asked& asked, std::optional<Verdict> nearest) const {
  std::array<std::byte, 1024> stack;  // beyond it the decision allocates
  std::pmr::monotonic_buffer_resource memory(stack.data(), stack.size());
  const auto candidates = index_.find(asked.machine, asked.question.operation, &memory);
  for (GrantId id : candidates) {
    if (failures(*grants_[id].terms, asked, 1).count == 0) return allow(grants_[id].name);
  }

  // Denied: the nearest grant is the one with the fewest conditions that fail.
  if (nearest) return *std::move(nearest);
  if (candidates.empty()) return unnamed(asked);
  const Grant* best = nullptr;
  Failures fewest{.count = conditions().size() + 1};
  for (GrantId id : candidates) {
    const Failures failed = failures(*grants_[id].terms, asked, fewest.count);
    if (failed.count >= fewest.count) continue;
    best = &grants_[id];
    fewest = failed;
  }
  return {false,
          best->name,
          "grant " + quoted(best->name) + ": " + std::string(fewest.first->name) + ": " +
              fewest.first->explain(*best->terms, asked),
          {}};
}

Policy::Verdict GrantPolicy::unnamed(const Asked& asked) const {
  std::string reason = "no grant names machine " + label(asked.machine) + " for " +
                       std::string(name_of(asked.question.operation));
  if (const auto other = index_.first(asked.machine)) {
    const Grant& grant = grants_[*other];
    reason += "; grant " + quoted(grant.name) + " names it for " + grant.terms->operations.text();
  }
  return {false, {}, std::move(reason), {}};
}

}  // namespace chancery
