#pragma once

#include <optional>
#include <set>
#include <string>

#include "core/profile.h"

namespace chancery {

/// The names that exist around a policy; a grant that speaks of others is refused when it is
/// loaded.
struct PolicyVocabulary {
  std::set<std::string, std::less<>> profiles;
  /// The CAs; none while they are still to be made, and then issuers are not checked.
  std::optional<std::set<std::string, std::less<>>> issuers;

  static PolicyVocabulary of(const Profiles& profiles) {
    PolicyVocabulary vocabulary;
    for (const auto& [name, profile] : profiles) vocabulary.profiles.insert(name.text());
    return vocabulary;
  }
};

}  // namespace chancery
