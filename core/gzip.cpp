#include "core/gzip.h"

#include <zlib.h>

#include <memory>

namespace chancery {
namespace {

constexpr int kGzip = 15 + 16;  // the largest window, and RFC 1952's header and trailer
constexpr int kMemory = 8;      // zlib's default
constexpr std::size_t kPiece = 1 << 16;

}  // namespace

Result<void> gzip(const Document& document, const std::function<Result<void>(ByteView)>& sink) {
  z_stream stream{};
  CHECK(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzip, kMemory, Z_DEFAULT_STRATEGY) ==
        Z_OK);
  const std::unique_ptr<z_stream, decltype(&deflateEnd)> ended(&stream, deflateEnd);
  Bytes input, output(kPiece);
  std::size_t read = 0;
  for (;;) {
    ASSIGN_OR_RETURN(const ByteView piece, document.read(read, kPiece, input));
    read += piece.size();
    const bool last = read == document.size();
    stream.next_in = const_cast<Bytef*>(piece.data());  // zlib's interface predates const
    stream.avail_in = static_cast<uInt>(piece.size());
    do {
      stream.next_out = output.data();
      stream.avail_out = static_cast<uInt>(output.size());
      CHECK(deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH) != Z_STREAM_ERROR);
      RETURN_IF_ERROR(sink(ByteView(output).first(output.size() - stream.avail_out)));
    } while (stream.avail_out == 0);
    if (last) return {};
  }
}

}  // namespace chancery
