#include "api/connection_set.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <utility>

namespace chancery {
namespace {

constexpr std::uint64_t wake_tag = std::numeric_limits<std::uint64_t>::max();
constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

std::int64_t ticks(Clock::time_point time) {
  return time.time_since_epoch().count();
}

}  // namespace

/// Whose the connection is stands in one word, with the generation: an event may come for a
/// connection that is gone while another has taken its place. Whoever changes the word from
/// `waiting` to `held` has the connection, and with it everything that is no atomic here.
class ConnectionSet::Slot {
 public:
  enum Holding : std::uint64_t {
    held,     // or free
    noted,    // held, and an event has come for it since
    waiting,  // in epoll
  };

  explicit Slot(std::uint32_t position) : index(position) {}

  [[nodiscard]] std::uint64_t tag() const {
    return (static_cast<std::uint64_t>(index) << 32) | generation;
  }
  [[nodiscard]] std::uint64_t word(Holding holding) const { return word(generation, holding); }
  static std::uint64_t word(std::uint32_t generation, Holding holding) {
    return (static_cast<std::uint64_t>(generation) << 2) | holding;
  }

  /// For an event of this generation. False where it is old, or the holder will learn of it.
  bool take(std::uint32_t of_generation) {
    std::uint64_t now = state;
    for (;;) {
      const bool waits = now == word(of_generation, waiting);
      if (!waits && now != word(of_generation, held)) return false;
      const Holding next = waits ? held : noted;
      if (state.compare_exchange_weak(now, word(of_generation, next))) return waits;
    }
  }
  [[nodiscard]] bool is_waiting() const { return (state & 3) == waiting; }
  /// Without an event.
  bool claim() {
    std::uint64_t now = state;
    return (now & 3) == waiting && state.compare_exchange_strong(now, (now & ~3ULL) | held);
  }
  /// By the holder. False where an event was noted, which is forgotten with that.
  bool give_back() {
    std::uint64_t now = word(held);
    if (state.compare_exchange_strong(now, word(waiting))) return true;
    state = word(held);
    return false;
  }

  const std::uint32_t index;
  std::atomic<std::uint64_t> state{0};
  std::uint32_t generation = 0;
  std::uint32_t awaited = 0;  // epoll's events
  bool watched = false;       // epoll knows the socket
  std::unique_ptr<Connection> connection;
  // For looking through all slots; whoever then claims one looks again.
  std::atomic<std::int64_t> deadline{never};
  std::atomic<std::int64_t> idle_since{never};
};

ConnectionSet::ConnectionSet(std::size_t bound)
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(epoll_ >= 0 && wake_ >= 0);
  epoll_event event{EPOLLIN, {.u64 = wake_tag}};
  CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) == 0);
  slots_.reserve(bound);
  free_.reserve(bound);
  for (std::size_t i = 0; i < bound; ++i) {
    slots_.push_back(std::make_unique<Slot>(static_cast<std::uint32_t>(i)));
    free_.push_back(static_cast<std::uint32_t>(bound - 1 - i));
  }
}

ConnectionSet::~ConnectionSet() {
  slots_.clear();
  ::close(wake_);
  ::close(epoll_);
}

ConnectionSet::Slot* ConnectionSet::add(std::unique_ptr<Connection>& connection) {
  Slot* slot = nullptr;
  {
    const std::lock_guard lock(free_mutex_);
    if (free_.empty()) return nullptr;
    slot = slots_[free_.back()].get();
    free_.pop_back();
  }
  slot->connection = std::move(connection);
  slot->watched = false;
  ++size_;
  return slot;
}

Connection& ConnectionSet::connection(Slot& slot) {
  return *slot.connection;
}

bool ConnectionSet::is_ready(const Slot& slot) {
  // poll(2) and epoll have the same numbers for these.
  pollfd socket{slot.connection->fd(), static_cast<short>(slot.awaited), 0};
  return ::poll(&socket, 1, 0) == 1;
}

ConnectionSet::Slot* ConnectionSet::wait(int milliseconds) {
  epoll_event event{};
  if (::epoll_wait(epoll_, &event, 1, milliseconds) != 1) return nullptr;
  if (event.data.u64 == wake_tag) {
    std::uint64_t count = 0;
    // Left unread, it wakes the next one too.
    if (!everyone_awake_ && ::read(wake_, &count, sizeof count) < 0) CHECK(errno == EAGAIN);
    return nullptr;
  }
  Slot& slot = *slots_[event.data.u64 >> 32];
  return slot.take(static_cast<std::uint32_t>(event.data.u64)) ? &slot : nullptr;
}

void ConnectionSet::wake() {
  const std::uint64_t one = 1;
  CHECK(::write(wake_, &one, sizeof one) == sizeof one);
}

void ConnectionSet::wake_all() {
  everyone_awake_ = true;
  wake();
}

bool ConnectionSet::rearm(Slot& slot, Connection::Next next) {
  slot.awaited = next == Connection::Next::writable ? EPOLLOUT : EPOLLIN;
  return rearm(slot);
}

bool ConnectionSet::rearm(Slot& slot) {
  slot.deadline.store(ticks(slot.connection->deadline()), std::memory_order_relaxed);
  const auto idle_since = slot.connection->idle_since();
  slot.idle_since.store(idle_since ? ticks(*idle_since) : never, std::memory_order_relaxed);
  watch(slot);
  // Only now: a connection that waits may be taken and closed by another thread at any moment, and
  // its descriptor belong to the next one.
  return slot.give_back();
}

void ConnectionSet::watch(Slot& slot) {
  epoll_event event{slot.awaited | EPOLLONESHOT, {.u64 = slot.tag()}};
  const int operation = std::exchange(slot.watched, true) ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  // Where it fails, kernel memory for watches is used up. The next sweep ends it.
  if (::epoll_ctl(epoll_, operation, slot.connection->fd(), &event) != 0) slot.deadline = 0;
}

void ConnectionSet::remove(Slot& slot) {
  CHECK(slot.connection);
  // Closing alone would not do while a child process that is being started holds a copy.
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, slot.connection->fd(), nullptr);
  slot.connection.reset();
  ++slot.generation;
  slot.state = slot.word(Slot::held);
  const std::lock_guard lock(free_mutex_);
  free_.push_back(slot.index);
  --size_;
}

template <class Wanted>
bool ConnectionSet::claim(Slot& slot, Wanted wanted) {
  if (!slot.is_waiting() || !wanted(slot) || !slot.claim()) return false;
  if (wanted(slot)) return true;
  // It was taken and given back meanwhile.
  while (!slot.give_back()) watch(slot);
  return false;
}

ConnectionSet::Slot* ConnectionSet::claim_longest_idle() {
  // Again when somebody else took the one that was found; the bound ends it under a flood of
  // events.
  for (int attempts = 0; attempts < 8; ++attempts) {
    Slot* longest = nullptr;
    std::int64_t since = never;
    for (const auto& slot : slots_) {
      const std::int64_t of_slot = slot->idle_since.load(std::memory_order_relaxed);
      if (of_slot >= since || !slot->is_waiting()) continue;
      since = of_slot;
      longest = slot.get();
    }
    if (longest == nullptr) return nullptr;
    if (claim(*longest, [since](const Slot& slot) { return slot.idle_since == since; })) {
      return longest;
    }
  }
  return nullptr;
}

template <class Wanted>
std::vector<ConnectionSet::Slot*> ConnectionSet::claim_if(Wanted wanted) {
  std::vector<Slot*> claimed;
  for (const auto& slot : slots_) {
    if (claim(*slot, wanted)) claimed.push_back(slot.get());
  }
  return claimed;
}

std::vector<ConnectionSet::Slot*> ConnectionSet::claim_overdue(Clock::time_point now) {
  return claim_if([now = ticks(now)](const Slot& slot) { return slot.deadline < now; });
}
std::vector<ConnectionSet::Slot*> ConnectionSet::claim_idle() {
  return claim_if([](const Slot& slot) { return slot.idle_since != never; });
}
std::vector<ConnectionSet::Slot*> ConnectionSet::claim_waiting() {
  return claim_if([](const Slot&) { return true; });
}

}  // namespace chancery
