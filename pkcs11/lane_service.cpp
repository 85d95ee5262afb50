#include "pkcs11/lane_service.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace chancery::keyholder {
namespace {

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

void end_if_only_a_new_process_helps(CK_RV value) {
  switch (action_for(value)) {
    case Action::restart:
      end_process(ExitCode::token_failed, name_of(value));
    case Action::stop:
      end_process(ExitCode::pin_refused, name_of(value));
    case Action::proceed:
    case Action::replace_session:
    case Action::find_again:
    case Action::refuse:
    case Action::back_off:
      break;
  }
}

ssize_t receive(int socket, FrameBuffer& buffer) {
  ssize_t count = 0;
  do {
    count = ::recv(socket, buffer.data(), buffer.size(), 0);
  } while (count < 0 && errno == EINTR);
  return count;
}

}  // namespace

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
    const auto buffer = std::make_unique<FrameBuffer>();
    // Without room for one more session the lane closes, and the peer does with fewer lanes.
    const auto opened = session.open();
    if (opened) {
      while (serve_one(lane, session, *buffer)) {
      }
    } else {
      end_if_only_a_new_process_helps(opened.error().return_value);
    }
  }
  const std::lock_guard lock(mutex_);
  lanes_.remove_if([&lane](const Lane& other) { return &other == &lane; });
  closed_.notify_all();
}

bool LaneService::serve_one(Lane& lane, TokenSession& session, FrameBuffer& buffer) {
  const ssize_t count = receive(lane.socket.get(), buffer);
  if (count <= 0) return false;
  // What did not fit the buffer was cut off, so that its length field is wrong: refused as well.
  const auto request = decode_request(ByteView(buffer.data(), static_cast<std::size_t>(count)));
  if (!request) {
    std::fprintf(stderr, "chancery-keyholder: bad frame: %s\n", request.error().message.c_str());
    return false;
  }

  const auto allowed = request->op == Op::generate ? deadlines_.generation : deadlines_.call;
  lane.call_ends.store(Clock::now() + allowed, std::memory_order_relaxed);
  const Answer answer = perform(*request, session);
  lane.call_ends.store(Clock::time_point::max(), std::memory_order_relaxed);

  const Reply reply{.op = request->op,
                    .status = answer.status,
                    .number = request->number,
                    .return_value = answer.return_value,
                    .signatures = token_.signatures(),
                    .payload = answer.payload};
  const std::size_t reply_size = encode(reply, buffer);
  const ssize_t sent = ::send(lane.socket.get(), buffer.data(), reply_size, MSG_NOSIGNAL);
  end_if_only_a_new_process_helps(answer.return_value);
  return sent == static_cast<ssize_t>(reply_size);
}

void end_process(ExitCode code, const std::string& why) {
  if (!why.empty()) std::fprintf(stderr, "chancery-keyholder: %s\n", why.c_str());
  std::fflush(nullptr);
  ::_exit(static_cast<int>(code));
}

}  // namespace chancery::keyholder
