#include "api/connection_set.h"

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

/// The mutex orders what one holder did before what the next one does. An event may arrive for a
/// connection that is gone while another has taken its place, so events name the generation too.
class ConnectionSet::Slot {
 public:
  explicit Slot(std::uint32_t position) : index(position) {}

  [[nodiscard]] std::uint64_t tag() const {
    return (static_cast<std::uint64_t>(index) << 32) | generation;
  }

  const std::uint32_t index;
  std::mutex mutex;
  std::uint32_t generation = 0;
  bool waiting = false;
  bool watched = false;  // epoll knows the socket
  std::unique_ptr<Connection> connection;
  // Copies for looking through all slots without their locks; claims look again under the lock.
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

bool ConnectionSet::add(std::unique_ptr<Connection>& connection) {
  Slot* slot = nullptr;
  {
    const std::lock_guard lock(free_mutex_);
    if (free_.empty()) return false;
    slot = slots_[free_.back()].get();
    free_.pop_back();
  }
  {
    const std::lock_guard lock(slot->mutex);
    slot->connection = std::move(connection);
    slot->watched = false;
  }
  ++size_;
  rearm(*slot, Connection::Next::readable);
  return true;
}

Connection& ConnectionSet::connection(Slot& slot) {
  return *slot.connection;
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
  const std::lock_guard lock(slot.mutex);
  return slot.tag() == event.data.u64 && try_claim(slot) ? &slot : nullptr;
}

void ConnectionSet::wake() {
  const std::uint64_t one = 1;
  CHECK(::write(wake_, &one, sizeof one) == sizeof one);
}

void ConnectionSet::wake_all() {
  everyone_awake_ = true;
  wake();
}

void ConnectionSet::rearm(Slot& slot, Connection::Next next) {
  // Under the lock: the event may come before this function is done, and whoever gets it must find
  // the connection waiting.
  const std::lock_guard lock(slot.mutex);
  slot.deadline = ticks(slot.connection->deadline());
  const auto idle_since = slot.connection->idle_since();
  slot.idle_since = idle_since ? ticks(*idle_since) : never;
  slot.waiting = true;
  const std::uint32_t direction = next == Connection::Next::writable ? EPOLLOUT : EPOLLIN;
  epoll_event event{direction | EPOLLONESHOT, {.u64 = slot.tag()}};
  const int operation = std::exchange(slot.watched, true) ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (::epoll_ctl(epoll_, operation, slot.connection->fd(), &event) != 0) {
    // Out of kernel memory for watches. Its deadline ends it at the next sweep.
    slot.deadline = 0;
  }
}

void ConnectionSet::remove(Slot& slot) {
  std::unique_ptr<Connection> gone;
  {
    const std::lock_guard lock(slot.mutex);
    CHECK(!slot.waiting && slot.connection);
    // Closing alone would not do while a child process that is being started holds a copy.
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, slot.connection->fd(), nullptr);
    gone = std::move(slot.connection);
    ++slot.generation;
  }
  gone.reset();
  const std::lock_guard lock(free_mutex_);
  free_.push_back(slot.index);
  --size_;
}

bool ConnectionSet::try_claim(Slot& slot) {
  slot.deadline = never;
  slot.idle_since = never;
  return std::exchange(slot.waiting, false);
}

ConnectionSet::Slot* ConnectionSet::claim_longest_idle() {
  // Again when somebody else took the one that was found; the bound ends it under a flood of
  // events.
  for (int attempts = 0; attempts < 8; ++attempts) {
    Slot* longest = nullptr;
    std::int64_t since = never;
    for (const auto& slot : slots_) {
      const std::int64_t of_slot = slot->idle_since.load(std::memory_order_relaxed);
      if (of_slot >= since) continue;
      since = of_slot;
      longest = slot.get();
    }
    if (longest == nullptr) return nullptr;
    const std::lock_guard lock(longest->mutex);
    if (longest->idle_since == since && try_claim(*longest)) return longest;
  }
  return nullptr;
}

template <class Wanted>
std::vector<ConnectionSet::Slot*> ConnectionSet::claim_if(Wanted wanted) {
  std::vector<Slot*> claimed;
  for (const auto& slot : slots_) {
    if (!wanted(*slot)) continue;
    const std::lock_guard lock(slot->mutex);
    if (wanted(*slot) && try_claim(*slot)) claimed.push_back(slot.get());
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
