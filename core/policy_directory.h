#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace chancery {

/// The policy of an installation as one text (core/policy_bundle.h): HOME/policy.yaml, or the files
/// of HOME/policy/. invalid_request where there is neither, both, or what read_policy_at refuses;
/// the message does not tell where HOME is, `detail` does.
Result<std::string> read_policy(const std::string& home);

/// The same of any file, or of any directory. Of a directory these are its *.yaml at any depth, but
/// not what begins with a dot, and not *.tests.yaml, which are cases for `chancery policy test`.
/// invalid_request for *.yml, for what is neither file nor directory, and for symbolic links that
/// lead to a directory or out of it.
Result<std::string> read_policy_at(const std::string& path);

/// Writes the files of a bundle into a directory that is not there yet, durably: it appears whole
/// or not at all. conflict where there is something of that name; store_unavailable.
Result<void> write_policy_directory(const std::string& directory, std::string_view bundle);

}  // namespace chancery
