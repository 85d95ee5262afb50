#pragma once

#include <string>
#include <utility>

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

/// Makes the name of a file that was created or renamed durable. store_unavailable.
Result<void> sync_parent(const std::string& path);

}  // namespace chancery
