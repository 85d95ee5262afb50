#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "api/connection.h"

namespace chancery {

/// The open connections, and which of them is ready (epoll).
///
/// A connection either waits here or is held by one thread. wait() and the claim…() functions hand
/// it out, rearm() and remove() give it back, so that whoever holds a Slot needs no lock for its
/// connection. A connection that waits costs no thread. Handing over takes no lock either, and
/// epoll is told once a wait.
class ConnectionSet {
 public:
  class Slot;

  /// At most `bound` connections.
  explicit ConnectionSet(std::size_t bound);
  ~ConnectionSet();

  /// Adds a connection, held by the caller. Null, and nothing is done, when the set is full.
  Slot* add(std::unique_ptr<Connection>& connection);
  static Connection& connection(Slot& slot);
  /// Whether what the connection of a held slot waited for is there. The set may not have handed it
  /// out yet: where it waits longer than it should, it is not the peer that is slow.
  static bool is_ready(const Slot& slot);

  /// The next connection that is ready, held by the caller from now on. Null when the time is over,
  /// wake() was called, or for no reason. Negative milliseconds: no end.
  Slot* wait(int milliseconds);
  /// Lets one wait() return null; wake_all() every one from now on.
  void wake();
  void wake_all();
  /// Readable while a connection is ready, for poll(2).
  [[nodiscard]] int fd() const { return epoll_; }

  /// The connection waits for `next`. False where that came at once: the caller still holds it.
  [[nodiscard]] bool rearm(Slot& slot, Connection::Next next);
  /// The same, for what it waited for before.
  [[nodiscard]] bool rearm(Slot& slot);
  void remove(Slot& slot);

  /// The waiting connection that has been idle for the longest time, or null.
  Slot* claim_longest_idle();
  /// All that wait and are past their deadline, or idle, or all that wait.
  std::vector<Slot*> claim_overdue(Clock::time_point now);
  std::vector<Slot*> claim_idle();
  std::vector<Slot*> claim_waiting();

  [[nodiscard]] std::size_t size() const { return size_.load(); }
  [[nodiscard]] std::size_t bound() const { return slots_.size(); }

 private:
  void watch(Slot& slot);
  template <class Wanted>
  bool claim(Slot& slot, Wanted wanted);
  template <class Wanted>
  std::vector<Slot*> claim_if(Wanted wanted);

  int epoll_ = -1;
  int wake_ = -1;
  std::atomic<bool> everyone_awake_{false};
  std::atomic<std::size_t> size_{0};
  std::vector<std::unique_ptr<Slot>> slots_;
  std::mutex free_mutex_;
  std::vector<std::uint32_t> free_;
};

}  // namespace chancery
