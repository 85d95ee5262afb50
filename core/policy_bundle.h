#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

// A policy is one file, policy.yaml, or several in a directory. As one text, which has a version,
// is kept in the store and shown, it is a bundle:
//   - of policy.yaml alone: exactly its text;
//   - of several files: one after the other, sorted by name, each as the line "#%file NAME BYTES",
//     so many bytes as it says, and a line end.
// A policy.yaml that begins as a bundle does is refused, so that no file is ever taken for one.
namespace chancery {

/// The file where reading begins.
inline constexpr std::string_view kMainPolicyFile = "policy.yaml";

/// One file of a policy.
struct PolicyFile {
  std::string name;       ///< in the policy's directory: "teams/shop.yaml"
  std::string_view text;  ///< points into the bundle, or wherever it was read to
};

/// Whether a file of a policy may be called so: at most limits::policy_file_name_bytes, segments of
/// A-Z a-z 0-9 . _ - that do not begin with a dot, and ".yaml" at the end.
bool is_policy_file_name(std::string_view name);

/// The version of a policy: SHA-256 of its bundle, 64 lower-case hexadecimal digits.
std::string policy_version_of(std::string_view bundle);
bool is_policy_version(std::string_view text);

/// The one bundle of these files, whatever their order. invalid_request where there is no
/// policy.yaml, where one has a name that it must not have or twice, or where it alone begins like
/// a bundle; too_large beyond limits::policy_files and limits::policy_bytes.
Result<std::string> format_policy_bundle(std::vector<PolicyFile> files);

/// The files of a bundle, by name. The same errors; format_policy_bundle of the answer is `bundle`
/// again, byte for byte.
Result<std::vector<PolicyFile>> parse_policy_bundle(std::string_view bundle);

}  // namespace chancery
