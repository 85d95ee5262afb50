#include "api/chunked_body.h"

#include <algorithm>
#include <charconv>

#include "core/limits.h"

namespace chancery {
namespace {

// What may be sent beside the data: sizes, extensions, trailers. A sender with 64-byte chunks fits.
constexpr std::size_t overhead_bytes = limits::header_bytes + limits::body_bytes / 8;

tl::unexpected<Refusal> malformed(const char* detail) {
  return tl::unexpected<Refusal>(Refusal{ProblemKind::invalid_request, detail});
}

}  // namespace

tl::expected<bool, Refusal> ChunkedBody::feed(std::string_view& input, Bytes& body) {
  while (part_ != Part::done && !input.empty()) {
    if (part_ == Part::data) {
      const ByteView data = bytes_of(input.substr(0, remaining_));
      body.insert(body.end(), data.begin(), data.end());
      input.remove_prefix(data.size());
      remaining_ -= data.size();
      if (remaining_ == 0) part_ = Part::data_end;
      continue;
    }
    const std::optional<std::string> line = take_line(input);
    if (overhead_ > overhead_bytes) return malformed("the body has too much beside its data");
    if (!line) break;
    if (line->empty() || line->back() != '\r' || line->find('\r') != line->size() - 1) {
      return malformed("a line of the body does not end in CR LF");
    }
    const std::string_view text = std::string_view(*line).substr(0, line->size() - 1);
    if (part_ == Part::size) {
      if (auto begun = begin_chunk(text, body.size()); !begun) return tl::unexpected(begun.error());
    } else if (part_ == Part::data_end) {
      if (!text.empty()) return malformed("a chunk is longer than its size");
      part_ = Part::size;
    } else if (text.empty()) {
      part_ = Part::done;
    }
  }
  return part_ == Part::done;
}

/// A line without its LF, once that has arrived.
std::optional<std::string> ChunkedBody::take_line(std::string_view& input) {
  const std::size_t end = input.find('\n');
  const std::string_view piece = input.substr(0, end);
  overhead_ += piece.size() + 1;
  if (overhead_ <= overhead_bytes) line_ += piece;
  input.remove_prefix(std::min(piece.size() + 1, input.size()));
  if (end == std::string_view::npos) return std::nullopt;
  return std::exchange(line_, {});
}

tl::expected<void, Refusal> ChunkedBody::begin_chunk(std::string_view line, std::size_t so_far) {
  const std::string_view size = line.substr(0, std::min(line.find_first_of("; \t"), line.size()));
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), remaining_, 16);
  if (error == std::errc::invalid_argument || end != size.data() + size.size()) {
    return malformed("a chunk's size is not hexadecimal");
  }
  if (error != std::errc() || remaining_ > limits::body_bytes - so_far) {
    return tl::unexpected<Refusal>(
        Refusal{ProblemKind::too_large,
                "the body has more than " + std::to_string(limits::body_bytes) + " bytes"});
  }
  part_ = remaining_ == 0 ? Part::trailer : Part::data;
  return {};
}

}  // namespace chancery
