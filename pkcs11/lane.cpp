#include "pkcs11/lane.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace chancery::keyholder {
namespace {

Failure broken(std::string why) {
  return fail(ErrorCode::token_unavailable, "the token did not answer", {}, std::move(why));
}

}  // namespace

Lane::Lane(FileDescriptor socket)
    : socket_(std::move(socket)), buffer_(std::make_unique<FrameBuffer>()) {}

// The kernel watches the deadline, so that waiting costs no system call besides the read.
bool Lane::set_deadline(std::chrono::milliseconds deadline) {
  if (deadline == deadline_) return true;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(deadline);
  const std::chrono::microseconds rest = deadline - seconds;
  const timeval value{seconds.count(), rest.count()};
  if (::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value) != 0) return false;
  deadline_ = deadline;
  return true;
}

Result<Reply> Lane::exchange(Request request, std::chrono::milliseconds deadline) {
  request.number = ++last_number_;
  if (!set_deadline(deadline)) return broken("the lane's socket does not work");
  const std::size_t size = encode(request, *buffer_);
  // With one request at a time there is always room for it in the socket.
  const ssize_t sent = ::send(socket_.get(), buffer_->data(), size, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent != static_cast<ssize_t>(size)) {
    return broken(std::string("the request could not be sent: ") + std::strerror(errno));
  }

  ssize_t count = 0;
  do {
    count = ::recv(socket_.get(), buffer_->data(), buffer_->size(), 0);
  } while (count < 0 && errno == EINTR);
  if (count == 0) return broken("the keyholder ended");
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    return broken("no answer within " + std::to_string(deadline.count()) + " ms");
  }
  if (count < 0) return broken(std::strerror(errno));

  auto reply = decode_reply(ByteView(buffer_->data(), static_cast<std::size_t>(count)));
  if (!reply) return broken("bad frame: " + reply.error().message);
  if (reply->number != request.number || reply->op != request.op) {
    return broken("the answer belongs to another request");
  }
  return reply;
}

void Lane::shut_down() const {
  ::shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace chancery::keyholder
