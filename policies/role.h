#pragma once

#include <array>
#include <span>
#include <string_view>

#include "core/operation.h"
#include "policies/operation_set.h"

namespace chancery {

/// The three administrative roles.
enum class Role { administrator, operator_, auditor };
inline constexpr std::array kRoles = {Role::administrator, Role::operator_, Role::auditor};
/// "administrator", "operator", "auditor": members of `roles` in the policy.
std::string_view name_of(Role role);
/// "role:administrator", …: the grant of a decision that a role made.
std::string_view grant_of(Role role);

/// How far a role reaches with one operation.
enum class Reach {
  none,
  all,
  in_scope,         ///< what belongs to machines of the holder's scope (all machines without one)
  others_in_scope,  ///< the same without machines that hold a role
  role_holders,     ///< only machines that hold a role
  service,          ///< only what is the service's own: CAs' certificates and its own
};

/// What each role may do, and what the service itself does under the name `self`.
struct RoleRow {
  Operation operation;
  bool self;
  Reach administrator, operator_, auditor;
  [[nodiscard]] Reach reach(Role role) const;
};
/// One row an operation, in the order of the enumerators.
std::span<const RoleRow> role_table();
const RoleRow& role_row(Operation operation);

/// What an auditor may do by a grant: read, and keep its own certificate, as otherwise nobody could
/// become or stay an auditor. Everything else is refused whatever the grants say.
enum class AuditorMay { never, own_certificate, always };
AuditorMay auditor_may(Operation operation);
/// Operations that are never an auditor's.
OperationSet denied_to_auditors();

}  // namespace chancery
