#pragma once

#include <chrono>
#include <mutex>

namespace chancery {

/// So many a second: each begins when it is first asked after the one before is over.
class Budget {
 public:
  explicit Budget(unsigned per_second) : per_second_(per_second) {}

  /// Whether there was one left.
  bool take(std::chrono::steady_clock::time_point at = std::chrono::steady_clock::now()) {
    const std::lock_guard lock(mutex_);
    if (at - since_ >= std::chrono::seconds{1}) {
      since_ = at;
      taken_ = 0;
    }
    if (taken_ >= per_second_) return false;
    ++taken_;
    return true;
  }

 private:
  const unsigned per_second_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point since_{};
  unsigned taken_ = 0;
};

}  // namespace chancery
