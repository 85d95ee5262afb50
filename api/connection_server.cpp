#include "api/connection_server.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <exception>

#include "api/problem.h"

namespace chancery {
namespace {

using std::chrono::milliseconds;

// How soon the supervisor notices that every worker is busy.
constexpr milliseconds tick{20};
constexpr milliseconds longest_sweep_interval{250};
constexpr milliseconds accept_pause{100};
// Idle workers that wait for events at once; the others sleep until nobody does. Each event wakes
// one that waits even where a running one would have come for it next: with 128 waiting, a request
// cost 35 instead of 21 microseconds.
constexpr unsigned most_watching = 4;
// What the supervisor does of one kind before it looks at the others.
constexpr int batch = 64;

/// A peer that went away shows as EPIPE where it is written to. OpenSSL's sockets know no
/// MSG_NOSIGNAL, and the rest of the process may want the signal, so it is blocked in our threads.
void block_broken_pipe_signal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

Result<std::unique_ptr<ConnectionServer>> ConnectionServer::start(ServerOptions options,
                                                                  Handler handler,
                                                                  const TlsServer* tls) {
  ASSIGN_OR_RETURN(Listener listener, Listener::open(options.address));
  return std::unique_ptr<ConnectionServer>(
      new ConnectionServer(std::move(options), std::move(handler), tls, std::move(listener)));
}

ConnectionServer::ConnectionServer(ServerOptions options, Handler handler, const TlsServer* tls,
                                   Listener listener)
    : options_(std::move(options)),
      handler_(std::move(handler)),
      tls_(tls),
      listener_(std::move(listener)),
      port_(listener_->port()),
      set_(options_.connections),
      stop_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(stop_event_ >= 0);
  for (unsigned i = 0; i < options_.workers; ++i) workers_.emplace_back([this] { work(); });
  supervisor_ = std::thread([this] { supervise(); });
}

ConnectionServer::~ConnectionServer() {
  stop();
  ::close(stop_event_);
}

void ConnectionServer::stop() {
  const std::lock_guard lock(stop_mutex_);
  stopping_ = true;
  const std::uint64_t one = 1;
  CHECK(::write(stop_event_, &one, sizeof one) == sizeof one);
  if (supervisor_.joinable()) supervisor_.join();
}

ServerCounters ConnectionServer::counters() const {
  ServerCounters counters;
  counters.accepted = accepted_;
  counters.turned_away = turned_away_;
  counters.evicted = evicted_;
  counters.overdue = overdue_;
  counters.handshakes = counters_.handshakes;
  counters.failed_handshakes = counters_.failed_handshakes;
  counters.requests = counters_.requests;
  counters.refused_requests = counters_.refused_requests;
  counters.overloaded = overloaded_;
  counters.open = set_.size();
  counters.queued = queued_;
  counters.idle_workers = idle_workers_;
  counters.held_bytes = counters_.held_bytes;
  return counters;
}

// Workers

void ConnectionServer::work() {
  block_broken_pipe_signal();
  while (!exiting_) {
    Slot* slot = take_queued();
    if (slot == nullptr) slot = next_ready();
    if (slot != nullptr) serve(*slot);
  }
}

ConnectionServer::Slot* ConnectionServer::next_ready() {
  ++idle_workers_;
  {
    std::unique_lock lock(watch_mutex_);
    watch_left_.wait(lock, [this] { return watching_ < most_watching || exiting_; });
    ++watching_;
  }
  // The supervisor puts a request into the queue and then looks for idle workers; this looks the
  // other way round, so that one of the two sees the other.
  Slot* slot = queued_ > 0 ? nullptr : set_.wait(-1);
  bool nobody_watches = false;
  {
    const std::lock_guard lock(watch_mutex_);
    nobody_watches = --watching_ == 0;
  }
  if (nobody_watches) watch_left_.notify_one();
  --idle_workers_;
  return slot;
}

void ConnectionServer::serve(Slot& slot) {
  Connection& connection = ConnectionSet::connection(slot);
  for (;;) {
    const Connection::Next next = connection.advance();
    if (next == Connection::Next::close) return set_.remove(slot);
    if (next != Connection::Next::request) {
      if (set_.rearm(slot, next)) return;
      continue;
    }
    const HttpResponse response = handle(connection.request());
    connection.answer(response, stopping_);
  }
}

HttpResponse ConnectionServer::handle(HttpRequest& request) {
  std::string what = "unknown exception";
  try {
    return handler_(request);
  } catch (const std::exception& exception) {
    what = exception.what();
  } catch (...) {
  }
  if (options_.on_defect) options_.on_defect(request.id + ": a handler failed: " + what);
  return problem(ProblemKind::internal, "an unexpected error", request.id);
}

HttpResponse ConnectionServer::overload(const HttpRequest& request) {
  ++overloaded_;
  return problem(ProblemKind::overloaded, "no worker is free; try again later", request.id);
}

ConnectionServer::Slot* ConnectionServer::take_queued(Clock::time_point due) {
  if (queued_ == 0) return nullptr;
  const std::lock_guard lock(queue_mutex_);
  if (queue_.empty() || queue_.front().until > due) return nullptr;
  Slot* slot = queue_.front().slot;
  queue_.pop_front();
  --queued_;
  return slot;
}

// Supervisor

void ConnectionServer::supervise() {
  block_broken_pipe_signal();
  next_sweep_ = accept_again_ = Clock::now();
  while (!stopping_) {
    if (poll_sockets(tick, Clock::now() >= accept_again_)) accept_waiting();
    relieve();
    refuse_late();
    sweep();
  }
  listener_.reset();
  finish_requests();
  {
    const std::lock_guard lock(watch_mutex_);
    exiting_ = true;
  }
  watch_left_.notify_all();
  set_.wake_all();
  for (std::thread& worker : workers_) worker.join();
  remove_all(set_.claim_waiting());
}

bool ConnectionServer::poll_sockets(milliseconds time, bool accept) {
  // poll(2) skips negative descriptors.
  std::array<pollfd, 3> sockets{{{stopping_ ? -1 : stop_event_, POLLIN, 0},
                                 {accept ? listener_->fd() : -1, POLLIN, 0},
                                 {crowded() ? set_.fd() : -1, POLLIN, 0}}};
  ::poll(sockets.data(), sockets.size(), static_cast<int>(time.count()));
  return sockets[1].revents != 0;
}

void ConnectionServer::accept_waiting() {
  for (int i = 0; i < batch && Clock::now() >= accept_again_; ++i) {
    const Listener::Accepted accepted = listener_->accept();
    if (accepted.end == Listener::Accepted::End::none) return;
    if (accepted.end == Listener::Accepted::End::out_of_descriptors) {
      // The connection stays in the backlog, and the listener readable.
      if (!make_room()) accept_again_ = Clock::now() + accept_pause;
      continue;
    }
    ++accepted_;
    if (!admit(accepted)) ++turned_away_;
  }
}

bool ConnectionServer::admit(const Listener::Accepted& accepted) try {
  auto connection = std::make_unique<Connection>(
      accepted.fd, accepted.address, tls_ != nullptr ? tls_->context() : nullptr,
      options_.deadlines, options_.held_bytes, counters_);
  Slot* slot = set_.add(connection);
  if (slot == nullptr && make_room()) slot = set_.add(connection);
  if (slot == nullptr) return false;
  if (!set_.rearm(*slot, Connection::Next::readable)) relieve(*slot);
  return true;
} catch (const std::exception&) {
  // Poco's, about a socket that is gone already, or no memory.
  return false;
}

bool ConnectionServer::make_room() {
  for (int attempts = 0; attempts < 8; ++attempts) {
    Slot* idle = set_.claim_longest_idle();
    if (idle == nullptr) return false;
    if (has_asked(*idle)) continue;
    ++evicted_;
    set_.remove(*idle);
    return true;
  }
  return false;
}

/// True for a connection that is not idle after all: it stays.
bool ConnectionServer::has_asked(Slot& slot) {
  if (!ConnectionSet::is_ready(slot)) return false;
  ConnectionSet::connection(slot).note_arrival();
  take_back(slot);
  return true;
}

/// Where the client has done its part and nobody here got round to it, the connection stays and
/// gets its time anew, once.
bool ConnectionServer::spare(Slot& slot) {
  if (!ConnectionSet::is_ready(slot) || !ConnectionSet::connection(slot).prolong()) return false;
  take_back(slot);
  return true;
}

void ConnectionServer::take_back(Slot& slot) {
  if (!set_.rearm(slot)) relieve(slot);
}

void ConnectionServer::relieve() {
  for (int i = 0; i < batch && crowded(); ++i) {
    Slot* slot = set_.wait(0);
    if (slot == nullptr) return;
    relieve(*slot);
  }
}

void ConnectionServer::relieve(Slot& slot) {
  Connection& connection = ConnectionSet::connection(slot);
  for (;;) {
    const Connection::Next next = connection.advance();
    if (next == Connection::Next::close) return set_.remove(slot);
    if (next != Connection::Next::request) {
      if (set_.rearm(slot, next)) return;
      continue;
    }
    if (queued_ < options_.requests_queued) break;
    connection.answer(overload(connection.request()), stopping_);
  }
  {
    const std::lock_guard lock(queue_mutex_);
    queue_.push_back({&slot, Clock::now() + options_.queue_deadline});
    ++queued_;
  }
  if (!crowded()) set_.wake();
}

void ConnectionServer::refuse_late() {
  const Clock::time_point now = Clock::now();
  while (Slot* slot = take_queued(now)) {
    Connection& connection = ConnectionSet::connection(*slot);
    connection.answer(overload(connection.request()), stopping_);
    relieve(*slot);
  }
}

void ConnectionServer::sweep() {
  const Clock::time_point now = Clock::now();
  if (now < next_sweep_) return;
  const auto& deadlines = options_.deadlines;
  const milliseconds shortest = std::min({deadlines.handshake, deadlines.request, deadlines.idle,
                                          deadlines.response, deadlines.linger});
  next_sweep_ = now + std::min(shortest / 4, longest_sweep_interval);
  for (Slot* slot : set_.claim_overdue(now)) {
    if (spare(*slot)) continue;
    ++overdue_;
    set_.remove(*slot);
  }
}

/// Connections that are between requests end; those within one end after its answer.
void ConnectionServer::finish_requests() {
  const Clock::time_point until = Clock::now() + options_.stop_deadline;
  while (Clock::now() < until) {
    for (Slot* slot : set_.claim_idle()) {
      if (!has_asked(*slot)) set_.remove(*slot);
    }
    if (set_.size() == 0) return;
    poll_sockets(milliseconds(5), false);
    relieve();
    refuse_late();
    sweep();
  }
  while (Slot* slot = take_queued()) set_.remove(*slot);
  remove_all(set_.claim_waiting());
}

void ConnectionServer::remove_all(const std::vector<Slot*>& slots) {
  for (Slot* slot : slots) set_.remove(*slot);
}

}  // namespace chancery
