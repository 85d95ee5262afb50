#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "core/policy.h"
#include "policies/condition.h"
#include "policies/machine_index.h"
#include "policies/role_holders.h"

namespace chancery {

/// A policy of roles and grants, as read from one text. The order of a decision:
///   1. what is fixed: the service itself, names that are reserved, auditors;
///   2. a role that allows it;
///   3. the first grant, in the order of the text, whose conditions all hold;
///   4. no.
class GrantPolicy : public Policy {
 public:
  GrantPolicy(std::string version, RoleHolders roles, std::deque<GrantTerms> terms,
              std::vector<Grant> grants, MachineIndex index)
      : version_(std::move(version)),
        roles_(std::move(roles)),
        terms_(std::move(terms)),
        grants_(std::move(grants)),
        index_(std::move(index)) {}

  [[nodiscard]] const std::string& version() const override { return version_; }

 private:
  [[nodiscard]] Verdict evaluate(const Machine& machine, const PolicyQuestion& question,
                                 Time at) const override;
  [[nodiscard]] std::optional<Verdict> refuse_reserved(const HeldRoles& held,
                                                       const Asked& asked) const;
  [[nodiscard]] std::optional<Verdict> ask_roles(const HeldRoles& held, const Asked& asked,
                                                 std::optional<Verdict>& nearest) const;
  [[nodiscard]] Verdict ask_grants(const Asked& asked, std::optional<Verdict> nearest) const;
  [[nodiscard]] Verdict unnamed(const Asked& asked) const;

  std::string version_;
  RoleHolders roles_;
  std::deque<GrantTerms> terms_;  // the grants point to them
  std::vector<Grant> grants_;
  MachineIndex index_;
};

}  // namespace chancery
