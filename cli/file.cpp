#include "cli/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "core/digest_stream.h"
#include "core/file_handle.h"
#include "core/limits.h"

namespace chancery {
namespace {

constexpr const char* kNewSuffix = ".new";

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(File&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = -1; }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
  }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] bool open() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

Failure system_failure(const std::string& what, const std::string& path) {
  ErrorCode code = errno == ENOENT ? ErrorCode::not_found : ErrorCode::internal;
  return fail(code, "cannot " + what + " " + path + ": " + std::strerror(errno));
}

Result<File> open_to_read(const std::string& path) {
  if (path == "-") return File(STDIN_FILENO);
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) return system_failure("read", path);
  return file;
}

/// Up to `size` bytes; 0 at the end.
Result<std::size_t> read_some(const File& file, char* buffer, std::size_t size,
                              const std::string& path) {
  for (;;) {
    ssize_t count = ::read(file.descriptor(), buffer, size);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) return system_failure("read", path);
  }
}

/// Reserves before it reads, so that a secret leaves no copies behind in freed memory.
Result<std::string> read_within(const std::string& path, std::size_t limit, std::size_t reserve) {
  ASSIGN_OR_RETURN(File file, open_to_read(path));
  std::string content;
  content.reserve(reserve);
  std::array<char, 16384> part;
  for (;;) {
    ASSIGN_OR_RETURN(std::size_t count, read_some(file, part.data(), part.size(), path));
    if (count == 0) break;
    content.append(part.data(), count);
    if (content.size() > limit) {
      return fail(ErrorCode::too_large,
                  path + " is larger than " + std::to_string(limit) + " bytes");
    }
  }
  ::explicit_bzero(part.data(), part.size());
  return content;
}

Result<void> write_all(const File& file, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    ssize_t count = ::write(file.descriptor(), content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_failure("write", path);
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(file.descriptor()) != 0) return system_failure("sync", path);
  return {};
}

/// A file that did not exist before, so that it never had another mode or was someone's link.
Result<void> write_new(const std::string& path, std::string_view content, mode_t mode) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_failure("replace", path);
  File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!file.open()) return system_failure("write", path);
  auto written = write_all(file, content, path);
  if (!written) ::unlink(path.c_str());
  return written;
}

Result<void> rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return system_failure("rename", from);
  return {};
}

Result<File> open_directory(const std::string& path) {
  File directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.open()) return system_failure("open", path);
  return directory;
}

Result<void> sync_directory(const File& directory, const std::string& path) {
  if (::fsync(directory.descriptor()) != 0) return system_failure("sync", path);
  return {};
}

/// The owner and group of `like`, where they are others.
Result<void> give_owner(const std::string& path, const std::string& like) {
  if (like.empty()) return {};
  // No link is followed: what it leads to is not ours to give away.
  const FileHandle file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat wanted {};
  struct stat now {};
  if (::stat(like.c_str(), &wanted) != 0) return system_failure("read", like);
  if (file.get() < 0 || ::fstat(file.get(), &now) != 0) return system_failure("read", path);
  if (wanted.st_uid == now.st_uid && wanted.st_gid == now.st_gid) return {};
  if (::fchown(file.get(), wanted.st_uid, wanted.st_gid) == 0) return {};
  return system_failure("give the owner and group of " + like + " to", path);
}

/// Whoever may read a directory can hold its lock, so nobody waits for it for ever.
Result<void> take_lock(int descriptor, const std::string& path) {
  using namespace std::chrono_literals;
  for (int attempt = 0; attempt < 100; ++attempt) {
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return {};
    if (errno != EWOULDBLOCK && errno != EINTR) return system_failure("lock", path);
    std::this_thread::sleep_for(100ms);
  }
  return fail(ErrorCode::busy, "somebody else holds the lock of " + path);
}

Result<File> lock_directory(const std::string& path) {
  ASSIGN_OR_RETURN(File directory, open_directory(path));
  RETURN_IF_ERROR(take_lock(directory.descriptor(), path));
  return directory;
}

Result<void> finish_locked(const File& lock, const std::string& directory,
                           const std::vector<std::string>& names) {
  auto path = [&](std::size_t i) { return directory + "/" + names[i]; };
  // While the first NAME.new is there, nothing was renamed: what lies about never counted.
  if (names.empty() || file_exists(path(0) + kNewSuffix)) return {};
  bool renamed = false;
  for (std::size_t i = 1; i < names.size(); ++i) {
    if (!file_exists(path(i) + kNewSuffix)) continue;
    RETURN_IF_ERROR(rename_file(path(i) + kNewSuffix, path(i)));
    renamed = true;
  }
  return renamed ? sync_directory(lock, directory) : Result<void>();
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  return read_within(path, limit, 0);
}

Result<Secret> read_secret(const std::string& path) {
  constexpr std::size_t limit = limits::credential_file_bytes;
  ASSIGN_OR_RETURN(std::string content, read_within(path, limit, limit + (16 << 10)));
  while (!content.empty() && std::strchr(" \t\r\n", content.back()) != nullptr) content.pop_back();
  return Secret(std::move(content));
}

Result<Bytes> digest_of_file(DigestAlgorithm algorithm, const std::string& path) {
  ASSIGN_OR_RETURN(File file, open_to_read(path));
  DigestStream digest(algorithm);
  std::array<char, 65536> part;
  for (;;) {
    ASSIGN_OR_RETURN(std::size_t count, read_some(file, part.data(), part.size(), path));
    if (count == 0) break;
    digest.add(bytes_of({part.data(), count}));
  }
  return digest.finish();
}

Result<void> replace_file(const std::string& path, std::string_view content, mode_t mode) {
  std::string directory = std::filesystem::path(path).parent_path().string();
  if (directory.empty()) directory = ".";
  ASSIGN_OR_RETURN(File handle, open_directory(directory));
  RETURN_IF_ERROR(write_new(path + kNewSuffix, content, mode));
  RETURN_IF_ERROR(rename_file(path + kNewSuffix, path));
  return sync_directory(handle, directory);
}

Result<void> check_replaceable(const std::string& option, const std::string& path) {
  namespace fs = std::filesystem;
  if (path.empty()) return {};
  fs::path directory = fs::path(path).parent_path();
  if (directory.empty()) directory = ".";
  std::error_code error;
  const bool good = !fs::is_directory(path, error) && fs::is_directory(directory, error) &&
                    ::access(directory.c_str(), W_OK | X_OK) == 0;
  if (good) return {};
  return invalid(
      option, "cannot write " + path + ": it must be a file in a directory that we may write to");
}

Result<void> replace_files(const std::string& directory, const std::vector<NewFile>& files) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail(ErrorCode::internal, "cannot make " + directory + ": " + error.message());
  ASSIGN_OR_RETURN(File lock, lock_directory(directory));
  std::vector<std::string> names;
  for (const NewFile& file : files) names.push_back(file.name);
  RETURN_IF_ERROR(finish_locked(lock, directory, names));

  for (const NewFile& file : files) {
    RETURN_IF_ERROR(write_new(directory + "/" + file.name + kNewSuffix, file.content, file.mode));
  }
  RETURN_IF_ERROR(sync_directory(lock, directory));
  // Crash point: the old set is complete, the new one too but not in force.
  std::string first = directory + "/" + names.front();
  RETURN_IF_ERROR(rename_file(first + kNewSuffix, first));
  RETURN_IF_ERROR(sync_directory(lock, directory));
  // Crash point: the new set counts; whoever comes next finishes it.
  return finish_locked(lock, directory, names);
}

Result<void> finish_replacement(const std::string& directory,
                                const std::vector<std::string>& names) {
  // The usual case, which must also work where we may only read.
  if (!replacement_pending(directory, names)) return {};
  ASSIGN_OR_RETURN(File lock, lock_directory(directory));
  return finish_locked(lock, directory, names);
}

bool replacement_pending(const std::string& directory, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return file_exists(directory + "/" + name + kNewSuffix);
  });
}

Result<FileHandle> lock_directory_files(const std::string& directory) {
  FileHandle handle(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (handle.get() < 0) return system_failure("open", directory);
  RETURN_IF_ERROR(take_lock(handle.get(), directory));
  return handle;
}

Result<void> make_directory(const std::string& path, const std::vector<NewFile>& files,
                            mode_t mode) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  ASSIGN_OR_RETURN(const File above, open_directory(parent));
  const std::string fresh = path + kNewSuffix;
  RETURN_IF_ERROR(remove_directory(fresh));
  if (::mkdir(fresh.c_str(), mode) != 0) return system_failure("make", fresh);
  ASSIGN_OR_RETURN(const File handle, open_directory(fresh));
  for (const NewFile& file : files) {
    RETURN_IF_ERROR(write_new(fresh + "/" + file.name, file.content, file.mode));
    RETURN_IF_ERROR(give_owner(fresh + "/" + file.name, file.like));
  }
  RETURN_IF_ERROR(sync_directory(handle, fresh));
  // Crash point: what lies about under PATH.new never counted.
  RETURN_IF_ERROR(rename_file(fresh, path));
  return sync_directory(above, parent);
}

Result<void> replace_link(const std::string& path, const std::string& target) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  ASSIGN_OR_RETURN(const File above, open_directory(parent));
  // Not NAME.new, which replace_files() would take for one of its own.
  const std::string fresh = path + ".link";
  if (::unlink(fresh.c_str()) != 0 && errno != ENOENT) return system_failure("replace", fresh);
  if (::symlink(target.c_str(), fresh.c_str()) != 0) return system_failure("make", fresh);
  RETURN_IF_ERROR(rename_file(fresh, path));
  return sync_directory(above, parent);
}

std::string link_target(const std::string& path) {
  std::error_code error;
  const auto target = std::filesystem::read_symlink(path, error);
  return error ? std::string() : target.string();
}

Result<void> remove_directory(const std::string& path) {
  const std::string old = path + ".old";
  std::error_code error;
  std::filesystem::remove_all(old, error);
  if (!error && ::rename(path.c_str(), old.c_str()) == 0) {
    // Crash point: a part of it lies about under PATH.old, which is nothing.
    std::filesystem::remove_all(old, error);
  } else if (!error && errno != ENOENT) {
    return system_failure("remove", path);
  }
  if (!error) return {};
  return fail(ErrorCode::internal, "cannot remove " + path + ": " + error.message());
}

bool file_exists(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0;
}

}  // namespace chancery
