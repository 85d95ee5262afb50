#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace chancery {

/// Puts a policy (core/policy_bundle.h) in the place of the installation's, HOME/policy.yaml or the
/// directory HOME/policy: after a crash at any moment the old one or the new one is there, whole;
/// returns when the new one is on the disk.
///
/// conflict where either is a symbolic link, where one file would have to become several, or where
/// the directory holds anything but the policy's files, which would be lost; store_unavailable.
Result<void> replace_policy(const std::string& home, std::string_view bundle);

}  // namespace chancery
