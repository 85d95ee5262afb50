// Frames between chanceryd and a keyholder: whatever is accepted is written back byte for byte, so
// that no two frames mean the same and nothing in a frame goes unread.

#include <algorithm>

#include "pkcs11/frame.h"

namespace {

using namespace chancery;
using namespace chancery::keyholder;

template <class Message>
void check_identity(const Result<Message>& decoded, ByteView frame) {
  if (!decoded) {
    CHECK(decoded.error().code == ErrorCode::invalid_request);
    CHECK(!decoded.error().message.empty());
    return;
  }
  static FrameBuffer again;
  const std::size_t size = encode(*decoded, again);
  CHECK(size == frame.size() && std::equal(frame.begin(), frame.end(), again.begin()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView frame(data, size);
  check_identity(decode_request(frame), frame);
  const auto reply = decode_reply(frame);
  check_identity(reply, frame);

  // As a packet: its frames, one after the other, are the packet.
  std::size_t taken = 0;
  for (ByteView rest = frame; !rest.empty();) {
    const auto one = take_frame(rest);
    if (!one) break;
    CHECK(one->data() == data + taken && one->size() >= header_bytes);
    taken += one->size();
    CHECK(rest.size() == size - taken);
  }

  const ByteView payload = reply ? reply->payload : frame;
  if (const auto key = decode_generated_key(payload)) {
    const Bytes again = encode(*key);
    CHECK(std::equal(payload.begin(), payload.end(), again.begin(), again.end()));
  }
  if (const auto info = decode_token_info(payload)) {
    const Bytes again = encode(*info);
    CHECK(std::equal(payload.begin(), payload.end(), again.begin(), again.end()));
  }
  return 0;
}
