#pragma once

#include <chrono>
#include <memory>

#include "pkcs11/file_descriptor.h"
#include "pkcs11/frame.h"

namespace chancery::keyholder {

/// chanceryd's end of one lane: one request at a time, one write and one read each.
class Lane {
 public:
  explicit Lane(FileDescriptor socket);

  /// Sends the request (its number is set here) and waits for the reply, whose payload stays good
  /// until the next exchange. A failure means that the lane is of no use any more: nothing came in
  /// time, the keyholder is gone, or what came was no reply to this request. `detail` says which.
  Result<Reply> exchange(Request request, std::chrono::milliseconds deadline);

  /// Ends an exchange under way in another thread, and every later one.
  void shut_down() const;

  [[nodiscard]] int descriptor() const { return socket_.get(); }

 private:
  bool set_deadline(std::chrono::milliseconds deadline);

  FileDescriptor socket_;
  std::unique_ptr<FrameBuffer> buffer_;
  std::chrono::milliseconds deadline_{0};
  std::uint64_t last_number_ = 0;
};

}  // namespace chancery::keyholder
