#pragma once

#include <string>
#include <vector>

#include "core/yaml.h"
#include "policies/grant_policy.h"

namespace chancery {

/// A condition of a grant that does not hold.
struct FailedCondition {
  std::string condition;  ///< "when.dns_names", "issuers", "machines", "operations"
  std::string asked;      ///< what the request has
  std::string allowed;    ///< what the grant allows
  std::string reason;     ///< both in one sentence, as decisions say it
};

/// A grant that was looked at, with all that is missing.
struct NearGrant {
  std::string grant;
  std::string file;  ///< where the rule is, as messages call it
  Place place;
  std::vector<FailedCondition> failed;
};

/// An edit of one grant after which the policy would allow the request. Each has been tried.
struct SuggestedChange {
  std::string grant;
  std::string file;  ///< where the rule is, as messages call it
  Place place;
  std::vector<std::string> edits;  ///< 'add "db.example.com" to when.dns_names'; all are needed
  /// 'add "db.example.com" to when.dns_names of grant "web-tls"'
  [[nodiscard]] std::string text() const;
};

/// A denial that takes the request away.
struct AppliedDenial {
  std::string denial;
  std::string file;  ///< where the rule is, as messages call it
  Place place;
};

/// Why a policy answers as it does.
struct Explanation {
  bool allowed = false;
  std::string grant;                ///< as of the decision
  std::string reason;               ///< as of the decision; empty where it is allowed
  std::vector<std::string> duties;  ///< what is asked for before it may be done (duty_texts)
  std::string hint;                 ///< of a refusal without changes: what would do, or nothing
  std::vector<std::string> roles;   ///< that the machine holds: "administrator", …
  std::vector<AppliedDenial> denials;
  std::vector<std::string> allowing;  ///< all grants that allow it, in order; the first one decides
  std::vector<NearGrant> near;        ///< that name machine and operation, nearest first
  std::size_t more_near = 0;          ///< how many such grants are not in `near`
  std::vector<SuggestedChange> changes;  ///< of a refusal, the smallest first
};

Explanation explain(const GrantPolicy& policy, const Machine& machine,
                    const PolicyQuestion& question, Time at);

}  // namespace chancery
