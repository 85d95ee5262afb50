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

Result<void> Lane::send(std::span<Request> requests) {
  std::size_t size = 0;
  for (Request& request : requests) {
    request.number = ++last_number_;
    size += encode(request, std::span(*buffer_).subspan(size));
  }
  // With one packet at a time there is always room for it in the socket.
  const ssize_t sent = ::send(socket_.get(), buffer_->data(), size, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent == static_cast<ssize_t>(size)) return {};
  return broken(std::string("the request could not be sent: ") + std::strerror(errno));
}

Result<ByteView> Lane::receive() {
  ssize_t count = 0;
  do {
    // MSG_TRUNC: the packet's own size, also where it is longer than the buffer.
    count = ::recv(socket_.get(), buffer_->data(), buffer_->size(), MSG_TRUNC);
  } while (count < 0 && errno == EINTR);
  if (count == 0) return broken("the keyholder ended");
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    return broken("no answer within " + std::to_string(deadline_.count()) + " ms");
  }
  if (count < 0) return broken(std::strerror(errno));
  if (static_cast<std::size_t>(count) > buffer_->size()) return broken("the answer is too long");
  return ByteView(buffer_->data(), static_cast<std::size_t>(count));
}

Result<void> Lane::exchange(std::span<Request> requests, std::chrono::milliseconds deadline,
                            const OnReply& on_reply) {
  CHECK(!requests.empty() && requests.size() <= limits::frames_per_packet);
  if (!set_deadline(deadline)) return broken("the lane's socket does not work");
  RETURN_IF_ERROR(send(requests));
  for (std::size_t answered = 0; answered < requests.size();) {
    ASSIGN_OR_RETURN(ByteView packet, receive());
    while (!packet.empty()) {
      const auto frame = take_frame(packet);
      const auto reply = frame ? decode_reply(*frame) : Failure(frame.error());
      if (!reply) return broken("bad frame: " + reply.error().message);
      if (answered == requests.size() || reply->number != requests[answered].number ||
          reply->op != requests[answered].op) {
        return broken("the answer belongs to another request");
      }
      on_reply(answered++, *reply);
    }
  }
  return {};
}

Result<Reply> Lane::exchange(Request request, std::chrono::milliseconds deadline) {
  Reply reply;
  RETURN_IF_ERROR(exchange(std::span(&request, 1), deadline,
                           [&reply](std::size_t, const Reply& one) { reply = one; }));
  return reply;
}

void Lane::shut_down() const {
  ::shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace chancery::keyholder
