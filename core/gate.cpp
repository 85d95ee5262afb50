#include "core/gate.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

namespace chancery {

void Gate::wait() const {
  while (open_.load(std::memory_order_acquire) == 0) {
    // Sleeps only while the value is still 0; other returns (a signal, a stray wake) look again.
    ::syscall(SYS_futex, &open_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
  }
}

void Gate::open() {
  open_.store(1, std::memory_order_release);
  ::syscall(SYS_futex, &open_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace chancery
