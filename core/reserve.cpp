#include "core/reserve.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/file_handle.h"
#include "core/limits.h"

namespace chancery {

Result<void> Reserve::take() {
  if (taken()) return {};
  const FileHandle file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  int error = file.get() < 0 ? errno : 0;
  if (error == 0) error = ::posix_fallocate(file.get(), 0, limits::store_reserve_bytes);
  if (error != 0) {
    ::unlink(path_.c_str());
    return fail(ErrorCode::store_unavailable,
                "there is no room for the reserve of " +
                    std::to_string(limits::store_reserve_bytes >> 20) + " MiB in " + path_,
                "", std::strerror(error));
  }
  taken_ = true;
  return {};
}

void Reserve::release() {
  if (!path_.empty()) ::unlink(path_.c_str());
  taken_ = false;
}

}  // namespace chancery
