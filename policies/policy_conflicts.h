#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/yaml.h"
#include "policies/example_request.h"
#include "policies/grant_policy.h"

namespace chancery {

/// Something in a policy that does nothing, or not what it seems to.
struct PolicyConflict {
  enum class Kind {
    redundant,      ///< a grant that earlier ones or roles allow wholly, with the same duties
    shadowed,       ///< the same, but its quotas or approvals are never asked for
    unreachable,    ///< a grant that denials take away wholly
    ineffective,    ///< a denial that takes nothing away
    contradictory,  ///< conditions that nothing can meet
    unused_group,   ///< a group that no rule names
  };
  Kind kind{};
  std::string rule;  ///< "grant:web-tls", "denial:weekend", "group:shop"
  std::string file;  ///< where the rule is, as messages call it
  Place place;
  std::vector<std::string> others;  ///< rules by which it is so: "grant:all-tls (line 12)"
  std::string text;                 ///< for people, one sentence
};
std::string_view name_of(PolicyConflict::Kind kind);

struct PolicyConflicts {
  std::vector<PolicyConflict> conflicts;  ///< each proven
  Doubts doubts;                          ///< rules that could not be decided, with the reason
};

PolicyConflicts conflicts(const GrantPolicy& policy, Time at);

}  // namespace chancery
