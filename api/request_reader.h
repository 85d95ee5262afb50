#pragma once

#include <string>
#include <string_view>

#include "api/chunked_body.h"
#include "api/request_head.h"

namespace chancery {

/// Finds the requests in the bytes of one connection, however they are cut into pieces. It never
/// waits: a slow sender costs memory within the bounds of limits.h, and no thread.
class RequestReader {
 public:
  enum class State {
    idle,      ///< nothing of a request has arrived
    head,      ///< something has
    body,      ///< the head is complete and good
    complete,  ///< one request is; take it, then next()
    refused,   ///< where the next request begins is not known any more: answer and close
  };

  void append(std::string_view bytes);
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const Refusal& refusal() const { return refusal_; }

  /// True once for each request whose sender waits for "100 Continue" before it sends the body.
  bool take_expectation();

  /// The first line up to and including the empty one; from State::body on.
  [[nodiscard]] std::string_view head() const {
    return std::string_view(input_).substr(0, head_end_);
  }
  [[nodiscard]] bool keep_alive() const { return framing_.keep_alive; }
  Bytes take_body() { return std::move(body_); }

  /// Forgets the complete request and goes on with what arrived after it.
  void next();

  /// Bytes held.
  [[nodiscard]] std::size_t held() const { return input_.size() + body_.size(); }

 private:
  void read_head();
  void read_body(std::string_view bytes);
  void refuse(Refusal refusal);

  State state_ = State::idle;
  std::string input_;        // the head, then what follows the body
  bool begun_ = false;       // past the place where an empty line is skipped
  std::size_t scanned_ = 0;  // of input_, while the head's end is not found
  std::size_t head_end_ = 0;
  RequestHead framing_;
  ChunkedBody chunks_;
  Bytes body_;
  Refusal refusal_;
};

}  // namespace chancery
