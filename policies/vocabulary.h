#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/profile.h"

namespace chancery {

/// What exists around a policy; a grant that speaks of anything else is refused when it is loaded.
struct PolicyVocabulary {
  Profiles profiles;
  /// The CAs; none while they are still to be made, and then issuers are not checked.
  std::optional<std::set<std::string, std::less<>>> issuers;

  static PolicyVocabulary of(Profiles profiles, const std::vector<CaName>& cas) {
    PolicyVocabulary vocabulary{std::move(profiles), std::nullopt};
    if (!cas.empty()) vocabulary.issuers.emplace();
    for (const CaName& ca : cas) vocabulary.issuers->insert(ca.text());
    return vocabulary;
  }
};

}  // namespace chancery
