#pragma once

#include <span>
#include <string_view>

#include "core/result.h"

namespace chancery {

/// Everything that can be asked of Chancery. The policy grants these, by the name in the table.
enum class Operation {
  certificate_issue,
  certificate_renew,
  certificate_revoke,
  certificate_release,
  certificate_replace,
  certificate_read,
  key_create,
  key_read,
  key_sign,
  key_sign_digest,
  machine_add,
  machine_read,
  ca_create,
  crl_sign,
  ocsp_sign,
  policy_read,
  policy_change,
  audit_read,
  log_prune,
  incident_open,
  incident_read,
  status_read,
  approval_read,
  approval_give,
  approval_cancel,
};

std::span<const Operation> operations();
/// "certificate.issue", "key.sign-digest", …
std::string_view name_of(Operation operation);
Result<Operation> parse_operation(std::string_view name);

}  // namespace chancery
