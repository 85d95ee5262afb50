#include "policies/role.h"

#include "core/result.h"

namespace chancery {
namespace {

using enum Operation;
constexpr auto none = Reach::none;
constexpr auto all = Reach::all;
constexpr auto in_scope = Reach::in_scope;
constexpr auto others = Reach::others_in_scope;
constexpr auto holders = Reach::role_holders;
constexpr auto service = Reach::service;

// Nobody signs or issues by a role: that takes a grant, which says for which names and keys.
// Machines that hold a role are added by an administrator: otherwise an operator could enrol as
// one. Who agrees to what others ask for, the rule of an approval says. A CA is turned off by an
// administrator only: everything it has issued goes with it.
// clang-format off
constexpr std::array kTable = {
    //       operation           self   administrator  operator  auditor
    RoleRow{certificate_issue,   true,  none,          none,     none},
    RoleRow{certificate_renew,   false, none,          none,     none},
    RoleRow{certificate_revoke,  false, service,       in_scope, none},
    RoleRow{certificate_release, false, service,       in_scope, none},
    RoleRow{certificate_replace, false, all,           in_scope, none},
    RoleRow{certificate_read,    false, all,           in_scope, all},
    RoleRow{key_create,          true,  all,           none,     none},
    RoleRow{key_read,            false, all,           all,      all},
    RoleRow{key_sign,            false, none,          none,     none},
    RoleRow{key_sign_digest,     false, none,          none,     none},
    RoleRow{machine_add,         true,  holders,       others,   none},
    RoleRow{machine_read,        false, all,           in_scope, all},
    RoleRow{ca_create,           true,  all,           none,     none},
    RoleRow{crl_sign,            true,  none,          all,      none},
    RoleRow{ocsp_sign,           true,  none,          none,     none},
    RoleRow{policy_read,         false, all,           none,     all},
    RoleRow{policy_change,       true,  all,           none,     none},
    RoleRow{audit_read,          false, none,          none,     all},
    RoleRow{log_prune,           false, all,           none,     none},
    RoleRow{incident_open,       false, all,           all,      none},
    RoleRow{incident_read,       false, all,           all,      all},
    RoleRow{status_read,         false, all,           all,      all},
    RoleRow{approval_read,       false, all,           all,      all},
    RoleRow{approval_give,       false, none,          none,     none},
    RoleRow{approval_cancel,     false, all,           none,     none},
};
// clang-format on

}  // namespace

std::string_view name_of(Role role) {
  return grant_of(role).substr(5);
}

std::string_view grant_of(Role role) {
  switch (role) {
    case Role::administrator:
      return "role:administrator";
    case Role::operator_:
      return "role:operator";
    case Role::auditor:
      return "role:auditor";
  }
  CHECK(!"every role has a name");
  return {};
}

Reach RoleRow::reach(Role role) const {
  switch (role) {
    case Role::administrator:
      return administrator;
    case Role::operator_:
      return operator_;
    case Role::auditor:
      return auditor;
  }
  CHECK(!"every role has a column");
  return Reach::none;
}

std::span<const RoleRow> role_table() {
  return kTable;
}

const RoleRow& role_row(Operation operation) {
  const RoleRow& row = kTable[static_cast<std::size_t>(operation)];
  CHECK(row.operation == operation);
  return row;
}

AuditorMay auditor_may(Operation operation) {
  if (role_row(operation).auditor == Reach::all) return AuditorMay::always;
  const bool certificate = operation == certificate_issue || operation == certificate_renew;
  return certificate ? AuditorMay::own_certificate : AuditorMay::never;
}

OperationSet denied_to_auditors() {
  OperationSet denied;
  for (const RoleRow& row : kTable) {
    if (auditor_may(row.operation) == AuditorMay::never) denied.add(row.operation);
  }
  return denied;
}

}  // namespace chancery
