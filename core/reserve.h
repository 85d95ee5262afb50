#pragma once

#include <atomic>
#include <string>

#include "core/result.h"

namespace chancery {

/// Room on the database's file system that is kept for the outcomes of signatures that are made
/// already: a file that holds nothing, given back when the disk is full.
class Reserve {
 public:
  /// None where `path` is empty.
  explicit Reserve(std::string path) : path_(std::move(path)) {}

  /// Takes limits::store_reserve_bytes, whose blocks are allocated, not only promised.
  /// store_unavailable where there is no room; then nothing of it stays behind.
  Result<void> take();
  /// Gives them back.
  void release();
  [[nodiscard]] bool taken() const { return taken_ || path_.empty(); }

 private:
  const std::string path_;
  std::atomic<bool> taken_{false};
};

}  // namespace chancery
