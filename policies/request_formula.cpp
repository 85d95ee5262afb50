#include "policies/request_formula.h"

#include <algorithm>
#include <array>

#include "core/machine_attribute.h"

namespace chancery {
namespace {

using Quantifier = RequestPredicate::Quantifier;
using Formulas = std::vector<RequestFormula>;

// --- Machines ----------------------------------------------------------------------------------

PatternKind pattern_kind(IdentityKind kind) {
  switch (kind) {
    case IdentityKind::name:
      return PatternKind::machine_name;
    case IdentityKind::dns:
      return PatternKind::dns_name;
    case IdentityKind::spiffe:
      return PatternKind::uri;
    case IdentityKind::fingerprint:
    case IdentityKind::attribute:
    case IdentityKind::group:
      break;
  }
  CHECK(!"only names have patterns");
  return PatternKind::machine_name;
}

bool any_covers(const std::vector<Pattern>& patterns, std::string_view name) {
  return !name.empty() && std::any_of(patterns.begin(), patterns.end(), [&](const Pattern& one) {
    return one.matches(name, Machine{});
  });
}

/// That a name of this kind is covered by one of the patterns.
RequestFormula identity_formula(IdentityKind kind, const std::vector<std::string>& texts) {
  RequestPredicate predicate;
  if (kind == IdentityKind::fingerprint) {
    predicate.dimension = Dimension::fingerprint;
    predicate.texts = texts;
    predicate.holds = [texts](const Asked& asked) {
      return std::find(texts.begin(), texts.end(), asked.machine.fingerprint) != texts.end();
    };
    return RequestFormula::of(std::move(predicate));
  }
  std::vector<Pattern> patterns;
  for (const std::string& text : texts) {
    auto pattern = Pattern::parse_without_variables(pattern_kind(kind), text);
    CHECK(pattern);  // it was read before
    patterns.push_back(*std::move(pattern));
  }
  predicate.patterns = patterns;
  if (kind == IdentityKind::name) {
    predicate.dimension = Dimension::machine_name;
    predicate.holds = [patterns](const Asked& asked) {
      return any_covers(patterns, asked.machine.name.text());
    };
  } else if (kind == IdentityKind::spiffe) {
    predicate.dimension = Dimension::spiffe_id;
    predicate.holds = [patterns](const Asked& asked) {
      return any_covers(patterns, asked.machine.spiffe_id);
    };
  } else {
    predicate.dimension = Dimension::machine_dns;
    predicate.quantifier = Quantifier::some;
    predicate.holds = [patterns](const Asked& asked) {
      return any_covers(patterns, asked.machine.dns_names.front());
    };
  }
  return RequestFormula::of(std::move(predicate));
}

/// That the machine's attribute has one of these values.
RequestFormula attribute_formula(const std::string& name, std::vector<std::string> values) {
  RequestPredicate predicate;
  predicate.dimension = Dimension::machine_attribute;
  predicate.field = name;
  predicate.texts = values;
  predicate.holds = [name, values = std::move(values)](const Asked& asked) {
    const std::string* value = find_attribute(asked.machine, name);
    return value != nullptr && std::find(values.begin(), values.end(), *value) != values.end();
  };
  return RequestFormula::of(std::move(predicate));
}

RequestFormula patterns_formula(const std::vector<MachinePattern>& machines,
                                std::span<const MachineGroup> groups);

RequestFormula group_formula(const MachineGroup& group, std::span<const MachineGroup> groups) {
  Formulas clauses;
  if (!group.machines.empty()) clauses.push_back(patterns_formula(group.machines, groups));
  for (const MachineGroup::Attribute& attribute : group.attributes) {
    clauses.push_back(attribute_formula(attribute.name, attribute.values));
  }
  return RequestFormula::all(std::move(clauses));
}

RequestFormula patterns_formula(const std::vector<MachinePattern>& machines,
                                std::span<const MachineGroup> groups) {
  Formulas any;
  for (IdentityKind kind :
       {IdentityKind::name, IdentityKind::dns, IdentityKind::spiffe, IdentityKind::fingerprint}) {
    std::vector<std::string> texts;
    for (const MachinePattern& machine : machines) {
      if (machine.kind == kind) texts.push_back(machine.text);
    }
    if (!texts.empty()) any.push_back(identity_formula(kind, texts));
  }
  for (const MachinePattern& machine : machines) {
    if (machine.kind == IdentityKind::attribute) {
      const std::size_t equals = machine.text.find('=');
      any.push_back(
          attribute_formula(machine.text.substr(0, equals), {machine.text.substr(equals + 1)}));
    } else if (machine.kind == IdentityKind::group) {
      for (const MachineGroup& group : groups) {
        if (group.name == machine.text) any.push_back(group_formula(group, groups));
      }
    }
  }
  return RequestFormula::any(std::move(any));
}

// --- Roles -------------------------------------------------------------------------------------

/// That the machine is called as one of these entries.
RequestFormula entries_formula(const std::vector<const RoleEntry*>& entries) {
  Formulas any;
  for (IdentityKind kind : {IdentityKind::name, IdentityKind::spiffe, IdentityKind::fingerprint}) {
    std::vector<std::string> texts;
    for (const RoleEntry* entry : entries) {
      if (entry->identity.kind == kind) texts.push_back(entry->identity.text);
    }
    if (!texts.empty()) any.push_back(identity_formula(kind, texts));
  }
  return RequestFormula::any(std::move(any));
}

RequestFormula holds_formula(const RoleHolders& roles, Role role) {
  RequestFormula has = entries_formula(roles.holders(role));
  if (role == Role::auditor) return has;
  const Role other = role == Role::administrator ? Role::operator_ : Role::administrator;
  return RequestFormula::all({std::move(has), negation(entries_formula(roles.holders(other)))});
}

RequestFormula owner_is(const std::vector<std::string>& names) {
  RequestPredicate predicate;
  predicate.dimension = Dimension::owner;
  predicate.texts = names;
  predicate.holds = [names](const Asked& asked) {
    return std::find(names.begin(), names.end(), asked.question.owner) != names.end();
  };
  return RequestFormula::of(std::move(predicate));
}

/// The machine names, or the SPIFFE IDs, that hold a role.
std::vector<std::string> texts_of(const RoleHolders& roles, std::span<const Role> of,
                                  IdentityKind kind) {
  std::vector<std::string> texts;
  for (Role role : of) {
    for (const RoleEntry* entry : roles.holders(role)) {
      if (entry->identity.kind == kind) texts.push_back(entry->identity.text);
    }
  }
  return texts;
}

/// Machines that only an administrator adds.
std::vector<std::string> guarded_names(const RoleHolders& roles) {
  std::vector<std::string> names = texts_of(roles, kRoles, IdentityKind::name);
  names.insert(names.end(), roles.approvers().begin(), roles.approvers().end());
  return names;
}

/// What an auditor may of its own certificate.
RequestFormula fits_auditor(Operation operation) {
  switch (auditor_may(operation)) {
    case AuditorMay::always:
      return RequestFormula::always();
    case AuditorMay::never:
      return RequestFormula::never();
    case AuditorMay::own_certificate:
      break;
  }
  RequestPredicate own;
  own.dimension = Dimension::owner;
  own.holds = [](const Asked& asked) {
    const std::string& name = asked.machine.name.text();
    return !name.empty() && asked.question.owner == name;
  };
  if (operation == Operation::certificate_renew) return RequestFormula::of(std::move(own));
  RequestPredicate enrols;
  enrols.dimension = Dimension::fingerprint;
  enrols.holds = [](const Asked& asked) { return asked.machine.fingerprint.empty(); };
  return RequestFormula::all(
      {RequestFormula::of(std::move(own)), RequestFormula::of(std::move(enrols))});
}

RequestFormula in_scope(const RoleHolders& roles) {
  Formulas any;
  for (const RoleEntry* entry : roles.holders(Role::operator_)) {
    RequestFormula identity = entries_formula({entry});
    if (entry->scope.empty()) {
      any.push_back(std::move(identity));
      continue;
    }
    RequestPredicate owner;
    owner.dimension = Dimension::owner;
    owner.patterns = entry->scope;
    owner.holds = [scope = entry->scope](const Asked& asked) {
      return std::any_of(scope.begin(), scope.end(), [&](const Pattern& pattern) {
        return pattern.matches(asked.question.owner, Machine{});
      });
    };
    any.push_back(RequestFormula::all({std::move(identity), RequestFormula::of(std::move(owner))}));
  }
  return RequestFormula::any(std::move(any));
}

}  // namespace

bool is_list(Dimension dimension) {
  switch (dimension) {
    case Dimension::machine_dns:
    case Dimension::dns_names:
    case Dimension::ip_addresses:
    case Dimension::uris:
    case Dimension::emails:
    case Dimension::extended_key_usages:
    case Dimension::content:
      return true;
    case Dimension::machine_name:
    case Dimension::spiffe_id:
    case Dimension::fingerprint:
    case Dimension::machine_attribute:
    case Dimension::source:
    case Dimension::certificate_age:
    case Dimension::time:
    case Dimension::issuer:
    case Dimension::profile:
    case Dimension::key:
    case Dimension::owner:
    case Dimension::country:
    case Dimension::organization:
    case Dimension::organizational_unit:
    case Dimension::common_name:
    case Dimension::name_count:
    case Dimension::key_type:
    case Dimension::validity:
    case Dimension::algorithm:
    case Dimension::message_class:
    case Dimension::lifetime:
      return false;
  }
  CHECK(!"every dimension is a list or not");
  return false;
}

RequestFormula negation(RequestFormula formula) {
  if (formula.kind == RequestFormula::Kind::predicate) {
    formula.wanted = !formula.wanted;
    return formula;
  }
  formula.kind = formula.kind == RequestFormula::Kind::all ? RequestFormula::Kind::any
                                                           : RequestFormula::Kind::all;
  for (RequestFormula& part : formula.parts) part = negation(std::move(part));
  return formula;
}

RequestFormula machines_formula(const Rule& rule, std::span<const MachineGroup> groups) {
  if (rule.machines.empty()) return RequestFormula::always();
  return patterns_formula(rule.machines, groups);
}

RequestFormula reserved_formula(const RoleHolders& roles, Operation operation) {
  Formulas any = {identity_formula(IdentityKind::name, {"self"})};
  any.push_back(RequestFormula::all(
      {holds_formula(roles, Role::auditor), negation(fits_auditor(operation))}));
  const bool revokes =
      operation == Operation::certificate_revoke || operation == Operation::certificate_release;
  const RequestFormula no_administrator = negation(holds_formula(roles, Role::administrator));
  if (revokes) any.push_back(RequestFormula::all({owner_is({"self"}), no_administrator}));
  if (operation == Operation::machine_add) {
    any.push_back(owner_is({"self"}));
    any.push_back(RequestFormula::all({owner_is(guarded_names(roles)), no_administrator}));
  }
  if (kCertifying.has(operation)) {
    for (Role role : kRoles) {
      const auto texts = texts_of(roles, {&role, 1}, IdentityKind::spiffe);
      if (texts.empty()) continue;
      RequestPredicate uri;
      uri.dimension = Dimension::uris;
      uri.quantifier = Quantifier::some;
      uri.texts = texts;
      uri.holds = [texts](const Asked& asked) {
        return std::find(texts.begin(), texts.end(), asked.question.names.uri.front()) !=
               texts.end();
      };
      any.push_back(RequestFormula::all(
          {RequestFormula::of(std::move(uri)), negation(holds_formula(roles, role))}));
    }
  }
  return RequestFormula::any(std::move(any));
}

RequestFormula role_formula(const RoleHolders& roles, Role role, Operation operation) {
  const RequestFormula holds = holds_formula(roles, role);
  switch (role_row(operation).reach(role)) {
    case Reach::none:
      return RequestFormula::never();
    case Reach::all:
      return holds;
    case Reach::role_holders:
      return RequestFormula::all({holds, owner_is(guarded_names(roles))});
    case Reach::service:
      return RequestFormula::all({holds, owner_is({"self"})});
    case Reach::others_in_scope:
    case Reach::in_scope:
      return RequestFormula::all({holds, in_scope(roles)});
  }
  CHECK(!"every reach is decided");
  return RequestFormula::never();
}

RequestFormula roles_formula(const RoleHolders& roles, Operation operation) {
  Formulas any;
  for (Role role : kRoles) any.push_back(role_formula(roles, role, operation));
  return RequestFormula::any(std::move(any));
}

}  // namespace chancery
