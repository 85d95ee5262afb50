#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace chancery {

/// Opens once, and lets all threads through that wait at it: one system call wakes them all, and
/// none takes a lock on its way out. (std::atomic::wait yields several times before it sleeps,
/// which costs more than the sleep where dozens of threads wait on few cores.)
class Gate {
 public:
  void wait() const;
  /// The same for at most this long; whether it is open.
  [[nodiscard]] bool wait_for(std::chrono::milliseconds at_most) const;
  /// What was written before is seen by those who come through.
  void open();

 private:
  mutable std::atomic<std::uint32_t> open_{0};
};

}  // namespace chancery
