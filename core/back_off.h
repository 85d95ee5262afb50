#pragma once

#include <algorithm>
#include <chrono>

#include "core/limits.h"

namespace chancery {

/// When to try again what failed, where each attempt leaves an entry in the log: after
/// limits::publishing_retry_delay, and after twice as long with each further failure, up to
/// limits::publishing_retry_delay_at_most. Not for several threads at once.
class BackOff {
 public:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] bool is_due(Clock::time_point at) const { return at >= until_; }
  void failed(Clock::time_point at) {
    delay_ = delay_ == Clock::duration{}
                 ? limits::publishing_retry_delay
                 : std::min<Clock::duration>(delay_ * 2, limits::publishing_retry_delay_at_most);
    failed_at_ = at;
    until_ = at + delay_;
  }
  /// For what may have passed by itself: the shortest delay, and no longer ones because of it.
  void failed_in_passing(Clock::time_point at) {
    delay_ = {};
    failed_at_ = at;
    until_ = at + limits::publishing_retry_delay;
  }
  void succeeded() { *this = {}; }
  /// There is reason to believe that it goes well now: the shortest delay after the last failure.
  void hurry() {
    until_ = std::min<Clock::time_point>(until_, failed_at_ + limits::publishing_retry_delay);
  }

 private:
  Clock::duration delay_{};
  Clock::time_point failed_at_{}, until_{};
};

}  // namespace chancery
