#include "core/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "core/file_handle.h"

namespace chancery {
namespace {

Failure file_failure(const std::string& what, const std::string& path) {
  return fail(ErrorCode::store_unavailable, "cannot " + what + " " + path, "",
              std::strerror(errno));
}

}  // namespace

Result<std::optional<std::string>> read_durable_file(const std::string& path) {
  const FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 && errno == ENOENT) return std::optional<std::string>();
  if (file.get() < 0) return file_failure("open", path);
  std::string content;
  std::array<char, 4096> part{};
  for (;;) {
    const ssize_t size = ::read(file.get(), part.data(), part.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return file_failure("read", path);
    if (size == 0) return std::optional<std::string>(std::move(content));
    content.append(part.data(), static_cast<std::size_t>(size));
  }
}

Result<void> replace_durable_file(const std::string& path, std::string_view content,
                                  unsigned mode) {
  const std::string next = path + ".new";
  ::unlink(next.c_str());  // left by a crash, perhaps with another mode
  {
    const FileHandle file(::open(next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (file.get() < 0) return file_failure("create", next);
    if (auto written = write_to(file, bytes_of(content)); !written) {
      return fail(ErrorCode::store_unavailable, "cannot write " + next, "", written.error().detail);
    }
    if (::fsync(file.get()) != 0) return file_failure("flush", next);
  }
  // Crash point: the old file stands, and beside it one that the next replacement overwrites.
  if (::rename(next.c_str(), path.c_str()) != 0) return file_failure("replace", path);
  return sync_parent(path);
}

}  // namespace chancery
