#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "api/connection.h"
#include "api/connection_set.h"
#include "api/http.h"
#include "api/listener.h"
#include "api/tls.h"
#include "core/config.h"

namespace chancery {

struct ServerOptions {
  ListenAddress address;
  unsigned workers = 128;
  unsigned connections = 8192;
  std::size_t requests_queued = limits::requests_queued;
  std::size_t held_bytes = limits::held_request_bytes;
  ConnectionDeadlines deadlines;
  std::chrono::milliseconds queue_deadline = limits::queue_deadline;
  std::chrono::milliseconds stop_deadline = limits::stop_deadline;
  /// Gets a line about each exception that a handler let out. May be called from many threads.
  std::function<void(const std::string&)> on_defect = {};
};

/// What a server has done since it started, and how it stands.
struct ServerCounters {
  std::uint64_t accepted = 0;     ///< connections
  std::uint64_t turned_away = 0;  ///< the set was full and none was idle, or no descriptor left
  std::uint64_t evicted = 0;      ///< idle, closed to make room
  std::uint64_t overdue = 0;      ///< closed at a deadline
  std::uint64_t handshakes = 0;
  std::uint64_t failed_handshakes = 0;
  std::uint64_t requests = 0;          ///< well-formed
  std::uint64_t refused_requests = 0;  ///< malformed or over a bound
  std::uint64_t overloaded = 0;        ///< answered 503 because no worker came free
  std::size_t open = 0;                ///< connections, now
  std::size_t queued = 0;              ///< requests waiting for a worker, now
  std::size_t idle_workers = 0;
  std::size_t held_bytes = 0;
};

/// Answers one request. Called from many threads at once; must end by itself in bounded time.
using Handler = std::function<HttpResponse(HttpRequest&)>;

/// Serves HTTP/1.1 on one address, plain or under TLS.
///
/// A thread is in use only while a handler runs: every read, write and handshake is done as far as
/// the bytes at hand allow, and a connection that has to wait does so in the ConnectionSet. A slow
/// client therefore holds no worker at all, and meets a deadline.
///
/// Workers take ready connections straight from epoll, read the request, run the handler and write
/// the answer, without handing anything to another thread. One more thread, the supervisor, accepts
/// connections, closes those over a deadline, and, when every worker is in a handler, reads the
/// requests that arrive meanwhile into a bounded queue, beyond which it answers 503 at once.
///
/// Beyond options.connections the longest idle connection is closed for a new one; where none is
/// idle the new one is closed.
class ConnectionServer {
 public:
  /// Listens and serves at once. Plain without `tls`, which must outlive the server.
  static Result<std::unique_ptr<ConnectionServer>> start(ServerOptions options, Handler handler,
                                                         const TlsServer* tls = nullptr);
  /// stop()
  ~ConnectionServer();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] ServerCounters counters() const;

  /// Stops accepting, closes what is idle, finishes the requests under way, for at most
  /// options.stop_deadline, and closes the rest. Returns when no handler runs any more.
  void stop();

 private:
  using Slot = ConnectionSet::Slot;
  struct Queued {
    Slot* slot;
    Clock::time_point until;
  };

  ConnectionServer(ServerOptions options, Handler handler, const TlsServer* tls, Listener listener);

  // Workers
  void work();
  Slot* next_ready();
  void serve(Slot& slot);
  HttpResponse handle(HttpRequest& request);
  HttpResponse overload(const HttpRequest& request);
  /// The first in the queue, or null; only one whose time was over at `due`.
  Slot* take_queued(Clock::time_point due = Clock::time_point::max());

  // Supervisor
  void supervise();
  void accept_waiting();
  bool admit(const Listener::Accepted& accepted);
  bool make_room();
  bool has_asked(Slot& slot);
  bool spare(Slot& slot);
  void take_back(Slot& slot);
  void relieve();
  void relieve(Slot& slot);
  void refuse_late();
  void sweep();
  void finish_requests();
  [[nodiscard]] bool crowded() const { return idle_workers_ == 0; }
  bool poll_sockets(std::chrono::milliseconds time, bool accept);
  void remove_all(const std::vector<Slot*>& slots);

  const ServerOptions options_;
  const Handler handler_;
  const TlsServer* const tls_;
  std::optional<Listener> listener_;
  const std::uint16_t port_;
  ConnectionCounters counters_;
  ConnectionSet set_;

  std::atomic<std::uint64_t> accepted_{0}, turned_away_{0}, evicted_{0}, overdue_{0},
      overloaded_{0};
  std::atomic<std::size_t> idle_workers_{0};

  std::mutex watch_mutex_;
  std::condition_variable watch_left_;
  unsigned watching_ = 0;  // workers in set_.wait()

  std::mutex queue_mutex_;
  std::deque<Queued> queue_;
  std::atomic<std::size_t> queued_{0};

  std::atomic<bool> stopping_{false};
  std::atomic<bool> exiting_{false};
  int stop_event_ = -1;
  Clock::time_point next_sweep_;
  Clock::time_point accept_again_;
  std::mutex stop_mutex_;
  std::thread supervisor_;
  std::vector<std::thread> workers_;
};

}  // namespace chancery
