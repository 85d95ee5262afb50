#include "pkcs11/lane_service.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

namespace chancery::keyholder {
namespace {

// Replies to the requests of one packet gather for this long. Beside it, a packet costs nothing.
constexpr std::chrono::microseconds reply_delay{500};

/// A reply's payload, owned; the reply's view into it is set when it is written.
struct Answer {
  Status status = Status::ok;
  CK_RV return_value = CKR_OK;
  Bytes payload;
};

Answer answer_of(const TokenError& error) {
  Answer answer{error.status, error.return_value, {}};
  const std::string text = error.text.substr(0, problem_bytes);
  answer.payload = copy_of(bytes_of(text));
  return answer;
}

Answer answer_of(TokenResult<Bytes> result) {
  if (!result) return answer_of(result.error());
  return {Status::ok, CKR_OK, std::move(*result)};
}

Answer answer_of(const TokenResult<TokenInfo>& result) {
  if (!result) return answer_of(result.error());
  return {Status::ok, CKR_OK, encode(*result)};
}

Answer answer_of(const TokenResult<TokenSession::NewKey>& result) {
  if (!result) return answer_of(result.error());
  return {Status::ok, CKR_OK, encode(GeneratedKey{result->spki, result->trial_signature})};
}

Answer perform(const Request& request, TokenSession& session) {
  switch (request.op) {
    case Op::token_info:
      return answer_of(session.token_info());
    case Op::sign:
      return answer_of(session.sign(request.key, request.algorithm, request.payload));
    case Op::generate:
      return answer_of(session.generate(request.key_type, request.key, text_of(request.payload)));
    case Op::public_key:
      return answer_of(session.public_key(request.key));
  }
  check_failed("decode_request accepts only known ops", __FILE__, __LINE__);
}

/// How to end after a failure that only a new process can mend.
std::optional<ExitCode> exit_code_for(CK_RV value) {
  switch (action_for(value)) {
    case Action::restart:
      return ExitCode::token_failed;
    case Action::stop:
      return ExitCode::pin_refused;
    case Action::proceed:
    case Action::replace_session:
    case Action::find_again:
    case Action::refuse:
    case Action::back_off:
      break;
  }
  return std::nullopt;
}

/// The requests of one packet, whose payloads stay in `buffer`; none once the peer is gone or sends
/// what it would not send itself.
std::vector<Request> receive(int socket, FrameBuffer& buffer) {
  ssize_t count = 0;
  do {
    // MSG_TRUNC: the packet's own size, also where it is longer than the buffer.
    count = ::recv(socket, buffer.data(), buffer.size(), MSG_TRUNC);
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return {};
  const auto refuse = [](const std::string& why) {
    std::fprintf(stderr, "chancery-keyholder: bad frame: %s\n", why.c_str());
    return std::vector<Request>();
  };
  if (static_cast<std::size_t>(count) > buffer.size()) return refuse("longer than a packet");
  std::vector<Request> requests;
  for (ByteView rest(buffer.data(), static_cast<std::size_t>(count)); !rest.empty();) {
    if (requests.size() == limits::frames_per_packet) return refuse("too many in a packet");
    const auto frame = take_frame(rest);
    auto request = frame ? decode_request(*frame) : Failure(frame.error());
    if (!request) return refuse(request.error().message);
    requests.push_back(*request);
  }
  return requests;
}

/// Replies on their way into one packet.
class Replies {
 public:
  Replies(int socket, FrameBuffer& buffer) : socket_(socket), buffer_(buffer) {}

  bool add(const Reply& reply) {
    if (size_ + header_bytes + reply.payload.size() > buffer_.size() && !send()) return false;
    size_ += encode(reply, std::span(buffer_).subspan(size_));
    return true;
  }
  bool send() {
    if (size_ == 0) return true;
    const ssize_t sent = ::send(socket_, buffer_.data(), size_, MSG_NOSIGNAL);
    return sent == static_cast<ssize_t>(std::exchange(size_, 0));
  }

 private:
  const int socket_;
  FrameBuffer& buffer_;
  std::size_t size_ = 0;
};

}  // namespace

/// The requests' payloads stay in the one while replies gather in the other.
struct LaneService::Buffers {
  FrameBuffer requests, replies;
};

void LaneService::add(FileDescriptor socket) {
  const std::lock_guard lock(mutex_);
  Lane& lane = lanes_.emplace_back();
  lane.socket = std::move(socket);
  std::thread([this, &lane] { serve(lane); }).detach();
}

std::size_t LaneService::size() const {
  const std::lock_guard lock(mutex_);
  return lanes_.size();
}

bool LaneService::wait_until_empty(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  return closed_.wait_for(lock, at_most, [this] { return lanes_.empty(); });
}

void LaneService::end_if_overdue() const {
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  for (const Lane& lane : lanes_) {
    if (lane.call_ends.load(std::memory_order_relaxed) < now) {
      end_process(ExitCode::hung, "a call of the token did not return in time");
    }
  }
}

void LaneService::serve(Lane& lane) {
  {
    TokenSession session(token_);
    const auto buffers = std::make_unique<Buffers>();
    // Without room for one more session the lane closes, and the peer does with fewer lanes.
    const auto opened = session.open();
    if (opened) {
      while (serve_packet(lane, session, *buffers)) {
      }
    } else {
      const CK_RV value = opened.error().return_value;
      if (const auto code = exit_code_for(value)) end_process(*code, name_of(value));
    }
  }
  const std::lock_guard lock(mutex_);
  lanes_.remove_if([&lane](const Lane& other) { return &other == &lane; });
  closed_.notify_all();
}

bool LaneService::serve_packet(Lane& lane, TokenSession& session, Buffers& buffers) {
  const std::vector<Request> requests = receive(lane.socket.get(), buffers.requests);
  if (requests.empty()) return false;
  Replies replies(lane.socket.get(), buffers.replies);
  auto sent = Clock::now();
  for (const Request& request : requests) {
    const auto begun = Clock::now();
    // What is done does not wait for a slow token.
    if (begun - sent > reply_delay) {
      if (!replies.send()) return false;
      sent = begun;
    }
    const auto allowed = request.op == Op::generate ? deadlines_.generation : deadlines_.call;
    lane.call_ends.store(begun + allowed, std::memory_order_relaxed);
    const Answer answer = perform(request, session);
    lane.call_ends.store(Clock::time_point::max(), std::memory_order_relaxed);
    const bool added = replies.add({.op = request.op,
                                    .status = answer.status,
                                    .number = request.number,
                                    .return_value = answer.return_value,
                                    .signatures = token_.signatures(),
                                    .payload = answer.payload});
    if (!added) return false;
    if (const auto code = exit_code_for(answer.return_value)) {
      (void)replies.send();
      end_process(*code, name_of(answer.return_value));
    }
  }
  return replies.send();
}

void end_process(ExitCode code, const std::string& why) {
  if (!why.empty()) std::fprintf(stderr, "chancery-keyholder: %s\n", why.c_str());
  std::fflush(nullptr);
  ::_exit(static_cast<int>(code));
}

}  // namespace chancery::keyholder
