#include "core/policy_replacement.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "core/durable_file.h"
#include "core/file_handle.h"
#include "core/policy_bundle.h"
#include "core/policy_directory.h"

namespace chancery {
namespace {

namespace fs = std::filesystem;

/// What reading the policy passes over, but taking its directory's place would remove.
Result<void> expect_only_policy(const std::string& directory) {
  ASSIGN_OR_RETURN(const std::string bundle, read_policy_at(directory));
  ASSIGN_OR_RETURN(const std::vector<PolicyFile> files, parse_policy_bundle(bundle));
  std::error_code error;
  for (fs::recursive_directory_iterator i(directory, error), end; !error && i != end;
       i.increment(error)) {
    if (i->is_directory(error)) continue;
    const std::string name = i->path().lexically_relative(directory);
    if (std::ranges::find(files, name, &PolicyFile::name) != files.end()) continue;
    return fail(ErrorCode::conflict, "the directory policy holds " + name +
                                         ", which would be lost; change the files there and use "
                                         "`chancery policy reload`");
  }
  if (!error) return {};
  return fail(ErrorCode::store_unavailable, "the directory policy cannot be read", "",
              error.message());
}

Result<void> replace_directory(const std::string& directory, std::string_view bundle) {
  RETURN_IF_ERROR(expect_only_policy(directory));
  const std::string other = directory + ".next";
  std::error_code error;
  fs::remove_all(other, error);  // left by a crash
  RETURN_IF_ERROR(write_policy_directory(other, bundle));
  // Crash point: the old policy stands, and beside it one that the next call overwrites.
  if (::renameat2(AT_FDCWD, other.c_str(), AT_FDCWD, directory.c_str(), RENAME_EXCHANGE) != 0) {
    return fail(ErrorCode::store_unavailable, "the policy's directory cannot be replaced", "",
                std::strerror(errno));
  }
  RETURN_IF_ERROR(sync_parent(directory));
  fs::remove_all(other, error);
  return {};
}

}  // namespace

Result<void> replace_policy(const std::string& home, std::string_view bundle) {
  const std::string directory = home + "/policy";
  std::error_code error;
  for (const std::string& path : {directory, home + "/" + std::string(kMainPolicyFile)}) {
    if (!fs::is_symlink(path, error)) continue;
    return fail(ErrorCode::conflict,
                "the policy's " + fs::path(path).filename().string() +
                    " is a symbolic link, which would be lost; change the files where it leads "
                    "and use `chancery policy reload`");
  }
  if (fs::exists(directory, error)) return replace_directory(directory, bundle);
  ASSIGN_OR_RETURN(const auto files, parse_policy_bundle(bundle));
  if (files.size() != 1) {
    return fail(ErrorCode::conflict,
                "this installation's policy is one file, policy.yaml, and this one is a directory; "
                "move policy.yaml to policy/policy.yaml there first");
  }
  return replace_durable_file(home + "/" + std::string(kMainPolicyFile), files[0].text);
}

}  // namespace chancery
