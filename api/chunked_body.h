#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/request_head.h"
#include "core/bytes.h"

namespace chancery {

/// Reads a chunked body (RFC 9112 section 7.1) piece by piece, as it arrives. Chunk extensions and
/// trailer fields are bounded and ignored; sizes are plain hexadecimal, lines end in CR LF.
class ChunkedBody {
 public:
  /// Takes what it can from the front of `input` and adds the data to `body`. True when the body is
  /// complete; what is left of `input` belongs to the next request.
  tl::expected<bool, Refusal> feed(std::string_view& input, Bytes& body);

 private:
  enum class Part { size, data, data_end, trailer, done };
  std::optional<std::string> take_line(std::string_view& input);
  tl::expected<void, Refusal> begin_chunk(std::string_view line, std::size_t so_far);

  Part part_ = Part::size;
  std::string line_;           // an incomplete line
  std::size_t overhead_ = 0;   // bytes that were not data
  std::size_t remaining_ = 0;  // of the chunk's data
};

}  // namespace chancery
