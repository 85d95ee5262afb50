#pragma once

#include <chrono>
#include <condition_variable>
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
    explicit Turn(Turns& turns) : turns_(&turns) {}
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_ != nullptr) turns_->end();
    }

   private:
    Turns* turns_;
  };

  /// `present`: the one and those who wait, at most. `busy` is the text of the error.
  Turns(unsigned present, std::chrono::milliseconds wait, std::string busy)
      : at_most_(present), wait_(wait), busy_(std::move(busy)) {}

  /// busy where the turn does not come in time, or too many wait already.
  Result<Turn> take() {
    std::unique_lock lock(mutex_);
    if (present_ >= at_most_) return fail(ErrorCode::busy, busy_);
    ++present_;
    if (!ended_.wait_for(lock, wait_, [this] { return !taken_; })) {
      --present_;
      return fail(ErrorCode::busy, busy_);
    }
    taken_ = true;
    return Turn(*this);
  }

 private:
  void end() {
    {
      const std::lock_guard lock(mutex_);
      taken_ = false;
      --present_;
    }
    ended_.notify_one();
  }

  const unsigned at_most_;
  const std::chrono::milliseconds wait_;
  const std::string busy_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool taken_ = false;
  unsigned present_ = 0;
};

}  // namespace chancery
