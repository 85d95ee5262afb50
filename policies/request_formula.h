#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "policies/condition.h"
#include "policies/machine_group.h"
#include "policies/role_holders.h"
#include "policies/rule.h"

namespace chancery {

/// One attribute of a request, of its machine, or the moment. Attributes are independent of each
/// other but where RequestSearch says so.
enum class Dimension {
  machine_name,
  spiffe_id,
  fingerprint,
  machine_dns,  ///< a list
  machine_attribute,
  source,
  certificate_age,
  time,
  issuer,
  profile,
  key,
  owner,
  country,
  organization,
  organizational_unit,
  common_name,
  dns_names,  ///< a list, as are the next three
  ip_addresses,
  uris,
  emails,
  name_count,  ///< of those four together
  key_type,
  validity,
  extended_key_usages,  ///< a list
  algorithm,
  message_class,
  content,  ///< a list
  lifetime,
};
bool is_list(Dimension dimension);

/// A statement about one dimension of a request.
struct RequestPredicate {
  enum class Quantifier {
    one,    ///< of the attribute
    every,  ///< of each element of a list
    some,   ///< of at least one
  };
  Dimension dimension{};
  std::string field;  ///< of machine_attribute and content: its name
  Quantifier quantifier = Quantifier::one;
  /// Asked with a request that has this attribute; of a list, with this one element.
  std::function<bool(const Asked&)> holds;

  // What it compares with: values on both sides of each of these are tried.
  std::vector<Pattern> patterns;
  std::vector<std::string> texts;
  std::vector<Network> networks;
  std::vector<Seconds> durations;
  std::vector<TimeWindow> windows;
  std::vector<Time> moments;
  std::vector<std::uint64_t> numbers;
};

/// What is true of a request or not: predicates, all of or any of these. All of nothing is true.
struct RequestFormula {
  enum class Kind { predicate, all, any };
  Kind kind = Kind::all;
  std::shared_ptr<const RequestPredicate> predicate = {};
  bool wanted = true;  ///< of a predicate: whether it is to hold
  std::vector<RequestFormula> parts = {};

  static RequestFormula always() { return {}; }
  static RequestFormula never() { return {.kind = Kind::any}; }
  static RequestFormula of(RequestPredicate predicate) {
    return {.kind = Kind::predicate,
            .predicate = std::make_shared<const RequestPredicate>(std::move(predicate))};
  }
  static RequestFormula all(std::vector<RequestFormula> parts) {
    return {.kind = Kind::all, .parts = std::move(parts)};
  }
  static RequestFormula any(std::vector<RequestFormula> parts) {
    return {.kind = Kind::any, .parts = std::move(parts)};
  }
};
/// True where `formula` is not.
RequestFormula negation(RequestFormula formula);

/// Whether a request is one of what `rule` is about, by its machine, operation and conditions.
/// `groups` are those of its policy. internal where the table of conditions has one that is not
/// known here.
Result<RequestFormula> formula_of(RuleKind kind, const Rule& rule,
                                  std::span<const MachineGroup> groups, Operation operation);
/// Whether the machine is one that the rule names.
RequestFormula machines_formula(const Rule& rule, std::span<const MachineGroup> groups);
/// Whether no rule can allow the request: what is reserved to the service, to administrators, and
/// what auditors may not.
RequestFormula reserved_formula(const RoleHolders& roles, Operation operation);
/// Whether a role allows it.
RequestFormula roles_formula(const RoleHolders& roles, Operation operation);
/// Whether the machine holds `role`, and the role allows it.
RequestFormula role_formula(const RoleHolders& roles, Role role, Operation operation);

}  // namespace chancery
