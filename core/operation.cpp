#include "core/operation.h"

#include <array>

#include "core/name_table.h"

namespace chancery {
namespace {

using enum Operation;

constexpr std::array kNames = {
    Named{certificate_issue, "certificate.issue"},
    Named{certificate_renew, "certificate.renew"},
    Named{certificate_revoke, "certificate.revoke"},
    Named{certificate_release, "certificate.release"},
    Named{certificate_replace, "certificate.replace"},
    Named{certificate_read, "certificate.read"},
    Named{key_create, "key.create"},
    Named{key_read, "key.read"},
    Named{key_sign, "key.sign"},
    Named{key_sign_digest, "key.sign-digest"},
    Named{machine_add, "machine.add"},
    Named{machine_read, "machine.read"},
    Named{ca_create, "ca.create"},
    Named{crl_sign, "crl.sign"},
    Named{ocsp_sign, "ocsp.sign"},
    Named{policy_read, "policy.read"},
    Named{policy_change, "policy.change"},
    Named{audit_read, "audit.read"},
    Named{log_prune, "log.prune"},
    Named{incident_open, "incident.open"},
    Named{incident_read, "incident.read"},
    Named{status_read, "status.read"},
    Named{approval_read, "approval.read"},
    Named{approval_give, "approval.give"},
    Named{approval_cancel, "approval.cancel"},
};
constexpr std::span<const Named<Operation>> kTable(kNames);

constexpr auto kOperations = [] {
  std::array<Operation, kNames.size()> all{};
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = kNames[i].value;
  return all;
}();

}  // namespace

std::span<const Operation> operations() {
  return kOperations;
}
std::string_view name_of(Operation operation) {
  return name_in(kTable, operation);
}
Result<Operation> parse_operation(std::string_view name) {
  return value_in(kTable, name, "operation");
}

}  // namespace chancery
