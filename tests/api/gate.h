#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace chancery::test {

/// Holds handlers until a test lets them go on, and lets the test wait for them to arrive. A test
/// that fails in between must not hang: handlers end by themselves after a minute.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait_for(lock, std::chrono::minutes(1), [this] { return open_; });
    --waiting_;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool wait_for(unsigned count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return waiting_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  unsigned waiting_ = 0;
};

}  // namespace chancery::test
