#include "api/connection.h"

#include <array>
#include <utility>

#include "api/problem.h"
#include "core/identifier.h"

namespace chancery {
namespace {

using End = Attempt::End;
using std::chrono::milliseconds;

// One TLS record.
constexpr std::size_t piece_bytes = 16 << 10;

Connection::Next wait_for(End end) {
  return end == End::want_write ? Connection::Next::writable : Connection::Next::readable;
}
bool must_wait(End end) {
  return end == End::want_read || end == End::want_write;
}

}  // namespace

Connection::Connection(int fd, std::string address, std::shared_ptr<const TlsContext> tls,
                       const ConnectionDeadlines& deadlines, std::size_t held_bytes,
                       ConnectionCounters& counters)
    : fd_(fd),
      deadlines_(deadlines),
      held_bytes_(held_bytes),
      counters_(counters),
      transport_(fd, std::move(tls)),
      phase_(transport_.secure() ? Phase::handshake : Phase::reading) {
  peer_.address = std::move(address);
  idle_since_ = Clock::now();
  deadline_ = idle_since_ + (transport_.secure() ? deadlines_.handshake : deadlines_.idle);
}

Connection::~Connection() {
  counters_.held_bytes -= accounted_;
  if (phase_ == Phase::handshake) ++counters_.failed_handshakes;
}

Connection::Next Connection::advance() {
  for (;;) {
    std::optional<Next> next;
    switch (phase_) {
      case Phase::handshake:
        next = shake_hands();
        break;
      case Phase::reading:
        next = read();
        break;
      case Phase::handling:
        return Next::request;
      case Phase::writing:
        next = write();
        break;
      case Phase::lingering:
        next = linger();
        break;
    }
    if (next) return *next;
  }
}

std::optional<Clock::time_point> Connection::idle_since() const {
  const bool nothing_begun =
      phase_ == Phase::reading && reader_.state() == RequestReader::State::idle;
  if (!nothing_begun && phase_ != Phase::handshake) return std::nullopt;
  return idle_since_;
}

bool Connection::prolong() {
  if (std::exchange(prolonged_, true)) return false;
  switch (phase_) {
    case Phase::handshake:
      idle_since_ = Clock::now();
      deadline_ = idle_since_ + deadlines_.handshake;
      return true;
    case Phase::reading:
      go_idle();
      return true;
    case Phase::writing:
      await_reader();
      return true;
    case Phase::handling:
    case Phase::lingering:
      break;
  }
  return false;
}

std::optional<Connection::Next> Connection::shake_hands() {
  const Attempt attempt = transport_.handshake();
  if (must_wait(attempt.end)) return wait_for(attempt.end);
  if (attempt.end != End::progress) return Next::close;
  transport_.describe(peer_);
  ++counters_.handshakes;
  phase_ = Phase::reading;
  prolonged_ = false;
  go_idle();
  return std::nullopt;
}

std::optional<Connection::Next> Connection::read() {
  switch (reader_.state()) {
    case RequestReader::State::complete:
      return begin_request();
    case RequestReader::State::refused:
      refuse(reader_.refusal());
      return std::nullopt;
    case RequestReader::State::body:
      if (!reader_.take_expectation()) return receive();
      output_ = "HTTP/1.1 100 Continue\r\n\r\n";
      interim_ = true;
      phase_ = Phase::writing;
      return std::nullopt;
    case RequestReader::State::idle:
    case RequestReader::State::head:
      return receive();
  }
  return Next::close;
}

std::optional<Connection::Next> Connection::receive() {
  // The next request hardly ever follows its answer at once, so do not ask the socket in vain.
  if (std::exchange(answered_, false) && !transport_.pending()) return Next::readable;
  thread_local std::array<char, piece_bytes> buffer;
  const Attempt attempt = transport_.receive(buffer.data(), buffer.size());
  if (must_wait(attempt.end)) return wait_for(attempt.end);
  const bool begun = reader_.state() != RequestReader::State::idle;
  if (attempt.end == End::closed && begun) {
    refuse({ProblemKind::invalid_request, "the connection ended before the request did"});
    return std::nullopt;
  }
  if (attempt.end != End::progress) return Next::close;
  if (!begun) deadline_ = Clock::now() + deadlines_.request;
  reader_.append({buffer.data(), attempt.bytes});
  account();
  if (reader_.state() == RequestReader::State::body && counters_.held_bytes > held_bytes_) {
    refuse({ProblemKind::overloaded, "too many large requests are under way"});
  }
  return std::nullopt;
}

std::optional<Connection::Next> Connection::begin_request() {
  std::string request_id;
  auto request = read_request(reader_.head(), request_id);
  if (!request) {
    ++counters_.refused_requests;
    send(problem(request.error(), request_id), request_id, {reader_.keep_alive(), false});
    return std::nullopt;
  }
  ++counters_.requests;
  request_ = std::move(*request);
  request_->body = reader_.take_body();
  request_->peer = &peer_;
  phase_ = Phase::handling;
  deadline_ = Clock::time_point::max();
  prolonged_ = false;
  return Next::request;
}

void Connection::answer(const HttpResponse& response, bool last) {
  CHECK(phase_ == Phase::handling);
  const std::string request_id = std::move(request_->id);
  const ResponseFraming framing{!last && reader_.keep_alive(), request_->method == "HEAD"};
  request_.reset();
  send(response, request_id, framing);
}

void Connection::refuse(const Refusal& refusal) {
  ++counters_.refused_requests;
  const std::string request_id = new_request_id();
  send(problem(refusal.kind, refusal.detail, request_id), request_id, {false, false});
}

void Connection::send(const HttpResponse& response, std::string_view request_id,
                      ResponseFraming framing) {
  output_ = write_response_head(response, request_id, framing);
  document_.reset();
  if (!framing.head_only) {
    if (response.document) {
      document_ = response.document;
    } else {
      output_ += response.body;
    }
  }
  written_ = 0;
  interim_ = false;
  last_ = !framing.keep_alive;
  phase_ = Phase::writing;
  await_reader();
}

void Connection::await_reader() {
  const std::size_t size = output_.size() + (document_ ? document_->size() : 0) - written_;
  deadline_ = Clock::now() + deadlines_.response +
              milliseconds(size * 1000 / deadlines_.response_bytes_per_second);
}

std::optional<Connection::Next> Connection::write() {
  for (;;) {
    std::string_view rest = std::string_view(output_).substr(std::min(written_, output_.size()));
    if (rest.empty() && document_) {
      thread_local Bytes buffer;
      const auto piece = document_->read(written_ - output_.size(), 4 * piece_bytes, buffer);
      if (!piece) return Next::close;  // what was promised cannot be sent any more
      rest = text_of(*piece);
    }
    if (rest.empty()) break;
    const Attempt attempt = transport_.send(rest.data(), std::min(rest.size(), 4 * piece_bytes));
    if (must_wait(attempt.end)) return wait_for(attempt.end);
    if (attempt.end != End::progress) return Next::close;
    written_ += attempt.bytes;
  }
  if (output_.capacity() > piece_bytes) output_ = {};
  output_.clear();
  document_.reset();
  written_ = 0;
  phase_ = Phase::reading;
  if (std::exchange(interim_, false)) return std::nullopt;
  if (last_) {
    transport_.finish();
    phase_ = Phase::lingering;
    deadline_ = Clock::now() + deadlines_.linger;
    return std::nullopt;
  }
  reader_.next();
  account();
  answered_ = true;
  prolonged_ = false;
  go_idle();
  return std::nullopt;
}

std::optional<Connection::Next> Connection::linger() {
  const Attempt attempt = transport_.discard();
  return must_wait(attempt.end) ? wait_for(attempt.end) : Next::close;
}

void Connection::go_idle() {
  idle_since_ = Clock::now();
  const bool begun = reader_.state() != RequestReader::State::idle;
  deadline_ = idle_since_ + (begun ? deadlines_.request : deadlines_.idle);
}

void Connection::account() {
  const std::size_t held = reader_.held();
  counters_.held_bytes += held - accounted_;
  accounted_ = held;
}

}  // namespace chancery
