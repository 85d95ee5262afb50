#include "core/file_handle.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace chancery {

FileHandle::~FileHandle() {
  if (fd_ >= 0) ::close(fd_);
}

Result<FileHandle> create_unnamed_file(const std::string& folder) {
  // Not every file system knows O_TMPFILE.
  const std::string name = folder + "/unnamed-" + to_hex(random_bytes(16));
  FileHandle file(::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0 || ::unlink(name.c_str()) != 0) {
    return fail(ErrorCode::store_unavailable, "cannot make a file in " + folder, "",
                std::strerror(errno));
  }
  return file;
}

Result<void> write_to(const FileHandle& file, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) {
      return fail(ErrorCode::store_unavailable, "cannot write a file", "", std::strerror(errno));
    }
    if (written > 0) bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> sync_parent(const std::string& path) {
  std::string parent = std::filesystem::path(path).parent_path().string();
  if (parent.empty()) parent = ".";
  const FileHandle directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0) {
    return fail(ErrorCode::store_unavailable, "cannot make a name durable in " + parent, "",
                std::strerror(errno));
  }
  return {};
}

}  // namespace chancery
