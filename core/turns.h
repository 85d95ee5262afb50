#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <utility>

#include "core/result.h"

namespace chancery {

/// Lets one in at a time while a few others wait, so that what takes long is not done by every
/// thread at once. Safe from many threads.
class Turns {
 public:
  /// Ends with the object, which the Turns outlive.
  class Turn {
   public:
    Turn(Turn&& other) noexcept
        : present_(std::exchange(other.present_, nullptr)), lock_(std::move(other.lock_)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (present_ != nullptr) --*present_;
    }

   private:
    friend class Turns;
    Turn(std::atomic<unsigned>& present, std::timed_mutex& mutex)
        : present_(&present), lock_(mutex, std::defer_lock) {
      ++*present_;
    }
    std::atomic<unsigned>* present_;
    std::unique_lock<std::timed_mutex> lock_;
  };

  /// `present`: the one and those who wait, at most. `busy` is the text of the error.
  Turns(unsigned present, std::chrono::milliseconds wait, std::string busy)
      : at_most_(present), wait_(wait), busy_(std::move(busy)) {}

  /// busy where the turn does not come in time, or too many wait already.
  Result<Turn> take() {
    Turn turn(present_, mutex_);
    if (present_ <= at_most_ && turn.lock_.try_lock_for(wait_)) return turn;
    return fail(ErrorCode::busy, busy_);
  }

 private:
  const unsigned at_most_;
  const std::chrono::milliseconds wait_;
  const std::string busy_;
  std::atomic<unsigned> present_{0};
  std::timed_mutex mutex_;
};

}  // namespace chancery
