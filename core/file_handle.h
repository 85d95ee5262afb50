#pragma once

#include <string>
#include <utility>

#include "core/bytes.h"
#include "core/result.h"

namespace chancery {

/// A file descriptor that is closed with its owner; -1 is none.
class FileHandle {
 public:
  explicit FileHandle(int fd = -1) : fd_(fd) {}
  FileHandle(FileHandle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileHandle& operator=(FileHandle&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileHandle();
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

/// A file without a name in that folder, open for reading and writing: gone with its owner.
/// store_unavailable.
Result<FileHandle> create_unnamed_file(const std::string& folder);

/// Writes all of it at the file's position. store_unavailable.
Result<void> write_to(const FileHandle& file, ByteView bytes);

/// Makes the name of a file that was created or renamed durable. store_unavailable.
Result<void> sync_parent(const std::string& path);

}  // namespace chancery
