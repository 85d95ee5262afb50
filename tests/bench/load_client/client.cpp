#include "tests/bench/load_client/client.h"

#include <array>

namespace chancery::load {

Client::Event Client::connect(Clock::time_point now) {
  began_ = now;
  if (!channel_.open()) return fail(channel_.problem());
  state_ = State::connecting;
  wants_write_ = true;
  return Event::nothing;
}

Client::Event Client::send(std::string_view request, bool is_head, Clock::time_point now) {
  CHECK(state_ == State::ready);
  began_ = now;
  state_ = State::busy;
  response_.begin(is_head);
  std::size_t count = 0;
  const Io io = channel_.write(request, count);
  if (count == request.size()) return Event::nothing;
  unsent_.assign(request.substr(count));
  return io == Io::done ? finish_writing() : wait_or_fail(io);
}

Client::Event Client::advance() {
  if (state_ == State::connecting) return finish_connecting();
  if (state_ == State::busy && !unsent_.empty()) {
    if (const Event event = finish_writing(); event != Event::nothing) return event;
  }
  if (state_ == State::busy) return read_response();
  // Idle: TLS session tickets may arrive, and the end of the connection.
  std::array<char, 512> buffer{};
  std::size_t count = 0;
  const Io io = channel_.read(buffer, count);
  return io == Io::done ? fail("bytes without a request") : wait_or_fail(io);
}

void Client::close() {
  channel_.close();
  unsent_.clear();
  wants_write_ = false;
  state_ = State::closed;
}

Client::Event Client::finish_connecting() {
  const Io io = channel_.handshake();
  if (io != Io::done) return wait_or_fail(io);
  state_ = State::ready;
  wants_write_ = false;
  return Event::connected;
}

Client::Event Client::finish_writing() {
  while (!unsent_.empty()) {
    std::size_t count = 0;
    const Io io = channel_.write(unsent_, count);
    unsent_.erase(0, count);
    if (io != Io::done) return wait_or_fail(io);
  }
  wants_write_ = false;
  return Event::nothing;
}

Client::Event Client::read_response() {
  std::array<char, 16 << 10> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): hot, filled
  for (;;) {
    std::size_t count = 0;
    const Io io = channel_.read(buffer, count);
    auto progress = Response::Progress::more;
    if (io == Io::done) {
      progress = response_.consume({buffer.data(), count});
    } else if (io == Io::closed) {
      progress = response_.end_of_stream();
      if (progress == Response::Progress::malformed) return fail("closed before the answer ended");
    } else {
      return wait_or_fail(io);
    }
    if (progress == Response::Progress::malformed) return fail("not an HTTP/1.1 response");
    if (progress == Response::Progress::complete) {
      state_ = State::ready;
      return Event::answered;
    }
  }
}

Client::Event Client::wait_or_fail(Io io) {
  switch (io) {
    case Io::want_read:
      wants_write_ = false;
      return Event::nothing;
    case Io::want_write:
      wants_write_ = true;
      return Event::nothing;
    case Io::closed:
      return fail("closed by the server");
    case Io::failed:
      return fail(channel_.problem());
    case Io::done:
      break;
  }
  return Event::nothing;
}

Client::Event Client::fail(std::string problem) {
  problem_ = std::move(problem);
  close();
  return Event::failed;
}

}  // namespace chancery::load
