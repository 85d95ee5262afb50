#pragma once

#include <string>
#include <vector>

#include "core/yaml.h"
#include "policies/example_request.h"
#include "policies/grant_policy.h"

namespace chancery {

/// Requests that two policies answer differently, by one rule.
struct DiffRegion {
  enum class Kind {
    allowed,  ///< refused before, allowed after
    refused,  ///< allowed before, refused after
    duties,   ///< allowed by both, with other quotas or approvals
  };
  Kind kind{};
  Operation operation{};
  std::string rule;  ///< "grant:web-tls", "denial:weekend", "role:operator", "approval:release"
  bool rule_is_new = false;           ///< it stands in the policy after; else in the one before
  std::string file;                   ///< where the rule is, as messages call it
  Place place;                        ///< of the rule, in that policy
  std::vector<std::string> machines;  ///< that the rule names
  /// Members in which the rule differs from the one of its name in the other policy, such as
  /// "when.dns_names"; empty where the other policy has none of its name.
  std::vector<std::string> differs;
  ExampleRequest example;     ///< decided under both
  std::string before, after;  ///< the answers to it: "allowed by web-tls", "refused: …"
};
std::string_view name_of(DiffRegion::Kind kind);

struct PolicyDiff {
  std::vector<DiffRegion> regions;
  Doubts doubts;
  [[nodiscard]] bool exact() const { return doubts.empty(); }
};

/// Which requests become allowed or refused, or ask for something else. Rules that are in both
/// policies are passed over. Times are looked at over the year that begins at `at`, and around the
/// dates that the policies name. too_large where there are too many distinct cases to decide.
Result<PolicyDiff> diff(const GrantPolicy& before, const GrantPolicy& after, Time at);

}  // namespace chancery
