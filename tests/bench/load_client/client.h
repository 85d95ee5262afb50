#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/bench/load_client/channel.h"
#include "tests/bench/load_client/response.h"

namespace chancery::load {

using Clock = std::chrono::steady_clock;

/// One connection and the one request that is under way on it.
class Client {
 public:
  explicit Client(const Endpoint& endpoint) : channel_(endpoint) {}

  /// closed: no connection. connecting: until the TLS handshake is done. ready: may send.
  /// busy: a request is being sent or answered.
  enum class State { closed, connecting, ready, busy };
  /// What happened while advancing.
  enum class Event { nothing, connected, answered, failed };

  Event connect(Clock::time_point now);
  Event send(std::string_view request, bool is_head, Clock::time_point now);
  /// Goes on as far as the socket allows.
  Event advance();
  /// After an answer on a connection that the server does not keep, or a failure.
  void close();

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] int descriptor() const { return channel_.descriptor(); }
  [[nodiscard]] bool wants_write() const { return wants_write_; }
  [[nodiscard]] const Response& response() const { return response_; }
  /// When the connection attempt or request under way began.
  [[nodiscard]] Clock::time_point began() const { return began_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  Event finish_connecting();
  Event finish_writing();
  Event read_response();
  Event wait_or_fail(Io io);
  Event fail(std::string problem);

  Channel channel_;
  Response response_;
  State state_ = State::closed;
  bool wants_write_ = false;
  std::string unsent_;  // of the request, where the socket did not take all of it
  Clock::time_point began_;
  std::string problem_;
};

}  // namespace chancery::load
