#include "core/policy_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>

#include "core/durable_file.h"
#include "core/file_handle.h"
#include "core/limits.h"
#include "core/policy_bundle.h"

namespace chancery {
namespace {

namespace fs = std::filesystem;

/// `name` is what the caller may see of the path.
Failure unreadable(const std::string& name, const std::string& why) {
  return fail(ErrorCode::invalid_request, name + " cannot be read", "", why);
}

Result<std::string> read_one(const fs::path& path, const std::string& name, std::size_t at_most) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  if (error) return unreadable(name, path.string() + ": " + error.message());
  if (size > at_most) {
    return fail(ErrorCode::too_large,
                name + ": a policy has at most " + std::to_string(limits::policy_bytes) + " bytes");
  }
  auto text = read_durable_file(path);
  if (!text || !*text) {
    return unreadable(name, text ? path.string() + " is gone" : text.error().message);
  }
  return std::move(**text);
}

/// Collects the files of a directory.
class DirectoryReader {
 public:
  /// `root` has no symbolic links in it.
  explicit DirectoryReader(fs::path root) : root_(std::move(root)) {}

  Result<std::string> read() {
    RETURN_IF_ERROR(read_folder(root_, "", 0));
    return format_policy_bundle(std::move(files_));
  }

 private:
  Result<void> read_folder(const fs::path& folder, const std::string& prefix, unsigned depth) {
    if (depth > limits::policy_directory_depth) {
      return invalid("", prefix + ": directories of a policy are at most " +
                             std::to_string(limits::policy_directory_depth) + " deep");
    }
    std::error_code error;
    for (fs::directory_iterator i(folder, error), end; !error && i != end; i.increment(error)) {
      const std::string name = i->path().filename();
      if (!name.starts_with('.')) RETURN_IF_ERROR(take(*i, prefix + name, depth));
    }
    if (!error) return {};
    return unreadable(prefix.empty() ? "the policy's directory" : prefix,
                      folder.string() + ": " + error.message());
  }

  Result<void> take(const fs::directory_entry& entry, const std::string& name, unsigned depth) {
    std::error_code error;
    const bool link = entry.is_symlink(error);
    if (entry.is_directory(error)) {
      if (link) return invalid("", name + ": is a symbolic link to a directory; copy the files");
      return read_folder(entry.path(), name + "/", depth + 1);
    }
    if (name.ends_with(".yml")) {
      return invalid("", name + ": the files of a policy end in .yaml");
    }
    if (!name.ends_with(".yaml") || name.ends_with(".tests.yaml")) return {};
    if (!entry.is_regular_file(error)) return invalid("", name + ": is no regular file");
    if (link) RETURN_IF_ERROR(expect_inside(entry.path(), name));
    if (files_.size() == limits::policy_files) {
      return fail(ErrorCode::too_large,
                  "a policy has at most " + std::to_string(limits::policy_files) + " files");
    }
    ASSIGN_OR_RETURN(std::string text, read_one(entry.path(), name, limits::policy_bytes - bytes_));
    bytes_ += text.size();
    texts_.push_back(std::move(text));
    files_.push_back({name, texts_.back()});
    return {};
  }

  Result<void> expect_inside(const fs::path& link, const std::string& name) const {
    std::error_code error;
    const fs::path target = fs::canonical(link, error);
    if (!error && target.string().starts_with(root_.string() + "/")) return {};
    return invalid("", name + ": is a symbolic link out of the policy's directory");
  }

  const fs::path root_;
  std::deque<std::string> texts_;  // files_ point to them
  std::vector<PolicyFile> files_;
  std::size_t bytes_ = 0;
};

Failure not_written(const std::string& path, const std::string& why) {
  return fail(ErrorCode::store_unavailable, "cannot write " + path, "", why);
}

Result<void> write_files(const fs::path& directory, const std::vector<PolicyFile>& files) {
  std::error_code error;
  for (const PolicyFile& file : files) {
    const fs::path path = directory / file.name;
    for (fs::path folder = path.parent_path(); folder != directory; folder = folder.parent_path()) {
      if (fs::exists(folder, error)) break;
      fs::create_directories(folder, error);
      if (error) return not_written(folder, error.message());
      RETURN_IF_ERROR(sync_parent(folder));
    }
    RETURN_IF_ERROR(replace_durable_file(path, file.text, 0600));
  }
  return {};
}

}  // namespace

Result<std::string> read_policy(const std::string& home) {
  const fs::path file = fs::path(home) / kMainPolicyFile;
  const fs::path directory = fs::path(home) / "policy";
  std::error_code error;
  const bool has_file = fs::exists(file, error), has_directory = fs::exists(directory, error);
  if (has_file && has_directory) {
    return invalid("",
                   "there are both policy.yaml and the directory policy; keep the one that counts");
  }
  if (has_directory) return read_policy_at(directory);
  ASSIGN_OR_RETURN(const std::string text,
                   read_one(file, std::string(kMainPolicyFile), limits::policy_bytes));
  return format_policy_bundle({{std::string(kMainPolicyFile), text}});
}

Result<std::string> read_policy_at(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    const fs::path root = fs::canonical(path, error);
    if (error) return unreadable("the policy's directory", path + ": " + error.message());
    return DirectoryReader(root).read();
  }
  ASSIGN_OR_RETURN(const std::string text, read_one(path, path, limits::policy_bytes));
  return format_policy_bundle({{std::string(kMainPolicyFile), text}});
}

Result<void> write_policy_directory(const std::string& directory, std::string_view bundle) {
  ASSIGN_OR_RETURN(const std::vector<PolicyFile> files, parse_policy_bundle(bundle));
  const std::string next = directory + ".new";
  std::error_code error;
  if (fs::exists(fs::symlink_status(directory, error))) {
    return fail(ErrorCode::conflict, directory + " is there already");
  }
  fs::remove_all(next, error);  // left by a crash
  fs::create_directory(next, error);
  if (error) return not_written(next, error.message());
  fs::permissions(next, fs::perms::owner_all, error);
  RETURN_IF_ERROR(write_files(next, files));
  // Crash point: there is no such directory yet, and beside it one that the next call overwrites.
  if (::renameat2(AT_FDCWD, next.c_str(), AT_FDCWD, directory.c_str(), RENAME_NOREPLACE) != 0) {
    return not_written(directory, std::strerror(errno));
  }
  return sync_parent(directory);
}

}  // namespace chancery
