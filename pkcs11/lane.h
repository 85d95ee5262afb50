#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>

#include "pkcs11/file_descriptor.h"
#include "pkcs11/frame.h"

namespace chancery::keyholder {

/// chanceryd's end of one lane. One exchange at a time: a packet with one or several requests, and
/// packets with the replies to them.
class Lane {
 public:
  explicit Lane(FileDescriptor socket);

  /// Told of each reply as it comes, in the order of the requests. The payload is good during the
  /// call only.
  using OnReply = std::function<void(std::size_t position, const Reply& reply)>;

  /// Sends the requests (their numbers are set here), of which there are at most
  /// limits::frames_per_packet in limits::frame_bytes, and waits for the replies, for each at most
  /// the deadline. A failure means that the lane is of no use any more: nothing came in time, the
  /// keyholder is gone, or what came was no reply to these requests. `detail` says which.
  Result<void> exchange(std::span<Request> requests, std::chrono::milliseconds deadline,
                        const OnReply& on_reply);

  /// The same with one request. The reply's payload stays good until the next exchange.
  Result<Reply> exchange(Request request, std::chrono::milliseconds deadline);

  /// Ends an exchange under way in another thread, and every later one.
  void shut_down() const;

  [[nodiscard]] int descriptor() const { return socket_.get(); }

 private:
  bool set_deadline(std::chrono::milliseconds deadline);
  Result<void> send(std::span<Request> requests);
  /// A packet, which stays in the buffer.
  Result<ByteView> receive();

  FileDescriptor socket_;
  std::unique_ptr<FrameBuffer> buffer_;
  std::chrono::milliseconds deadline_{0};
  std::uint64_t last_number_ = 0;
};

}  // namespace chancery::keyholder
