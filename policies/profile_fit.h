#pragma once

#include "core/yaml.h"
#include "policies/rule.h"
#include "policies/vocabulary.h"

namespace chancery {

class FieldPath;

/// Refuses a grant of certificates with a condition that no profile of it could ever meet: names of
/// a type, parts of the subject or types of keys that none of them allows. `node` is the grant, and
/// `terms` what it says, with profiles that exist.
Result<void> check_profile_fit(const YamlNode& node, const FieldPath& path,
                               const PolicyVocabulary& vocabulary, const RuleTerms& terms);

}  // namespace chancery
