#pragma once

#include <optional>
#include <string>

#include "core/policy.h"
#include "policies/compiled_rules.h"
#include "policies/condition.h"
#include "policies/text_map.h"

namespace chancery {

/// A policy of roles and rules, as read from one text. The order of a decision:
///   1. what is fixed: the service itself, names that are reserved, auditors;
///   2. the first denial that names the machine and whose conditions all meet the request: no;
///   3. a role that allows it;
///   4. the first grant, in the order of the text, whose conditions all hold;
///   5. no.
/// What is allowed by 3 or 4 then has the duties of its grant and of the approvals that meet it.
class GrantPolicy : public Policy {
 public:
  GrantPolicy(std::string version, CompiledRules rules);

  [[nodiscard]] const std::string& version() const override { return version_; }
  [[nodiscard]] bool may_approve(std::string_view rule, const Machine& approver) const override;
  [[nodiscard]] bool could_be_agreed(const ApprovalNeed& need,
                                     const Machine& requester) const override;

  [[nodiscard]] PolicyRules rules() const { return rules_.view(); }
  [[nodiscard]] const MachineIndex& index() const { return rules_.index; }

 private:
  using Numbers = MachineIndex::Numbers;
  [[nodiscard]] Verdict evaluate(const Machine& machine, const PolicyQuestion& question,
                                 Time at) const override;
  [[nodiscard]] std::optional<Verdict> refuse_reserved(const HeldRoles& held,
                                                       const Asked& asked) const;
  [[nodiscard]] std::optional<Verdict> ask_denials(const Asked& asked,
                                                   const Numbers& numbers) const;
  [[nodiscard]] std::optional<Verdict> ask_roles(const HeldRoles& held, const Asked& asked,
                                                 std::optional<Verdict>& nearest) const;
  [[nodiscard]] Verdict ask_grants(const Asked& asked, const Numbers& numbers,
                                   std::optional<Verdict> nearest) const;
  [[nodiscard]] Verdict unnamed(const Asked& asked, const Numbers& numbers) const;
  /// `grant` is null where a role allows it.
  [[nodiscard]] std::shared_ptr<const Duties> duties(const Rule* grant, const Asked& asked,
                                                     const Numbers& numbers) const;

  std::string version_;
  CompiledRules rules_;
  TextMap<const ApprovalTerms*> approvals_;  // by "grant:NAME" and "approval:NAME"
};

}  // namespace chancery
