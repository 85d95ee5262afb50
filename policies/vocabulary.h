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
  /// False for a policy that was checked where it came into force: then names are taken as they
  /// are.
  bool checked = true;

  static PolicyVocabulary unchecked() { return {{}, std::nullopt, false}; }
  static PolicyVocabulary of(Profiles profiles, const std::vector<CaName>& cas) {
    PolicyVocabulary vocabulary{std::move(profiles), std::nullopt, true};
    if (!cas.empty()) vocabulary.issuers.emplace();
    for (const CaName& ca : cas) vocabulary.issuers->insert(ca.text());
    return vocabulary;
  }
};

}  // namespace chancery
