#pragma once

#include <memory>
#include <string_view>

#include "policies/grant_policy.h"
#include "policies/vocabulary.h"

namespace chancery {

/// Reads a whole policy (docs/policy.md) and compiles it; its version is the SHA-256 of the text.
///
/// Everything is checked: syntax, unknown and repeated members, names that do not exist in
/// `vocabulary`, grants that could allow nothing, auditors with another role. invalid_request, or
/// too_large beyond a bound, with a message "FILE:LINE:COLUMN: PATH: what is wrong" about the first
/// problem, and the path as its field. `file` is only for that message.
Result<std::shared_ptr<const GrantPolicy>> load_policy(std::string_view text,
                                                       const PolicyVocabulary& vocabulary,
                                                       std::string_view file = "policy.yaml");

}  // namespace chancery
