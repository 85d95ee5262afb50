#include "core/gzip.h"

#include <zlib.h>

namespace chancery {

Bytes gzip(ByteView bytes) {
  constexpr int kGzip = 15 + 16;  // the largest window, and RFC 1952's header and trailer
  constexpr int kMemory = 8;      // zlib's default
  z_stream stream{};
  CHECK(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzip, kMemory, Z_DEFAULT_STRATEGY) ==
        Z_OK);
  Bytes compressed(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<Bytef*>(bytes.data());  // zlib's interface predates const
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = compressed.data();
  stream.avail_out = static_cast<uInt>(compressed.size());
  CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  compressed.resize(stream.total_out);
  compressed.shrink_to_fit();
  deflateEnd(&stream);
  return compressed;
}

}  // namespace chancery
