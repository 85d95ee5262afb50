#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "api/http.h"
#include "api/http_message.h"
#include "api/request_reader.h"
#include "api/transport.h"
#include "core/limits.h"

namespace chancery {

using Clock = std::chrono::steady_clock;

/// How long each thing that a client does may take. The whole of it: bytes that trickle in do not
/// buy more time.
struct ConnectionDeadlines {
  std::chrono::milliseconds handshake = limits::tls_handshake_deadline;
  std::chrono::milliseconds request = limits::request_read_deadline;
  std::chrono::milliseconds idle = limits::idle_connection;
  /// To take an answer: this, and a second more for each response_bytes_per_second.
  std::chrono::milliseconds response = limits::response_write_deadline;
  std::size_t response_bytes_per_second = limits::response_bytes_per_second;
  std::chrono::milliseconds linger = limits::linger_deadline;  ///< from the last answer to the end
};

/// What the connections of one server count together.
struct ConnectionCounters {
  std::atomic<std::uint64_t> handshakes{0};  ///< completed
  std::atomic<std::uint64_t> failed_handshakes{0};
  std::atomic<std::uint64_t> requests{0};          ///< complete and well-formed
  std::atomic<std::uint64_t> refused_requests{0};  ///< malformed or over a bound
  std::atomic<std::size_t> held_bytes{0};          ///< of requests not complete, now
};

/// One client's connection as a state machine that never waits: advance() goes as far as the bytes
/// at hand allow and says what it needs next. One thread at a time.
class Connection {
 public:
  enum class Next {
    readable,  ///< call advance() again when the socket is readable
    writable,  ///< … or writable
    request,   ///< a request is complete: handle request(), then answer()
    close,     ///< nothing is left to do
  };

  /// Takes over `fd`. `held_bytes` bounds counters.held_bytes of all connections together.
  Connection(int fd, std::string address, std::shared_ptr<const TlsContext> tls,
             const ConnectionDeadlines& deadlines, std::size_t held_bytes,
             ConnectionCounters& counters);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Next advance();

  [[nodiscard]] HttpRequest& request() { return *request_; }
  /// Queues the answer to request(); advance() sends it. `last`: the connection ends after it.
  void answer(const HttpResponse& response, bool last);

  [[nodiscard]] int fd() const { return fd_; }
  /// When the connection is to be closed unless it gets on; changes only in advance(), answer() and
  /// prolong().
  [[nodiscard]] Clock::time_point deadline() const { return deadline_; }
  /// Begins the deadline anew, for a client that did its part while this side did not get round to
  /// it. False where nothing is owed to it any more: once for its handshake, and for each request
  /// and each answer, so that bytes that trickle in buy one deadline more at most.
  bool prolong();
  /// It counts as idle from now on, as a request of it has arrived that nobody has read yet.
  void note_arrival() { idle_since_ = Clock::now(); }
  /// Nothing of a request has arrived since this moment.
  [[nodiscard]] std::optional<Clock::time_point> idle_since() const;

 private:
  enum class Phase { handshake, reading, handling, writing, lingering };

  std::optional<Next> shake_hands();
  std::optional<Next> read();
  std::optional<Next> write();
  std::optional<Next> linger();
  std::optional<Next> receive();
  std::optional<Next> begin_request();
  void refuse(const Refusal& refusal);
  void send(const HttpResponse& response, std::string_view request_id, ResponseFraming framing);
  void go_idle();
  void await_reader();
  void account();

  const int fd_;
  const ConnectionDeadlines& deadlines_;
  const std::size_t held_bytes_;
  ConnectionCounters& counters_;
  Peer peer_;
  Transport transport_;
  Phase phase_;
  Clock::time_point deadline_;
  Clock::time_point idle_since_;
  RequestReader reader_;
  std::size_t accounted_ = 0;
  bool prolonged_ = false;  // in this handshake, request or answer
  bool answered_ = false;   // an answer is out, and the socket was not read since
  std::optional<HttpRequest> request_;

  // What is being written.
  std::string output_;
  std::shared_ptr<const Document> document_;  // after output_
  std::size_t written_ = 0;                   // of both
  bool interim_ = false;                      // it is a "100 Continue"
  bool last_ = false;
};

}  // namespace chancery
