#include "core/gate.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <ctime>

namespace chancery {

void Gate::wait() const {
  while (open_.load(std::memory_order_acquire) == 0) {
    // Sleeps only while the value is still 0; other returns (a signal, a stray wake) look again.
    ::syscall(SYS_futex, &open_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
  }
}

bool Gate::wait_for(std::chrono::milliseconds at_most) const {
  const auto until = std::chrono::steady_clock::now() + at_most;
  while (open_.load(std::memory_order_acquire) == 0) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= left.zero()) return false;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    const timespec time{seconds.count(), std::chrono::nanoseconds(left - seconds).count()};
    ::syscall(SYS_futex, &open_, FUTEX_WAIT_PRIVATE, 0, &time, nullptr, 0);
  }
  return true;
}

void Gate::open() {
  open_.store(1, std::memory_order_release);
  ::syscall(SYS_futex, &open_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace chancery
