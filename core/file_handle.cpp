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
