#include "tests/bench/load_client/response.h"

#include <algorithm>
#include <charconv>

namespace chancery::load {

namespace {

constexpr std::size_t head_bytes = 64 << 10;
constexpr std::size_t line_bytes = 4096;
constexpr std::size_t body_start_bytes = 400;

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

bool contains_token(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (equal_ignoring_case(item, token)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

template <class Number>
bool parse_number(std::string_view text, Number& number, int base = 10) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, base);
  return error == std::errc() && stop == end;
}

}  // namespace

void Response::begin(bool answers_head) {
  state_ = State::head;
  buffer_.clear();
  body_start_.clear();
  remaining_ = 0;
  status_ = 0;
  answers_head_ = answers_head;
  keep_alive_ = true;
  chunked_ = false;
  has_length_ = false;
}

Response::Progress Response::consume(std::string_view bytes) {
  while (!bytes.empty()) {
    Progress progress = Progress::more;
    switch (state_) {
      case State::head:
        progress = read_head(bytes);
        break;
      case State::fixed_body:
      case State::chunk_data:
      case State::to_close:
        progress = read_body(bytes);
        break;
      case State::chunk_size:
      case State::chunk_end:
      case State::trailer:
        progress = read_line(bytes);
        break;
    }
    if (progress == Progress::malformed) return progress;
    // Without pipelining, nothing may follow a complete response.
    if (progress == Progress::complete) return bytes.empty() ? progress : Progress::malformed;
  }
  return Progress::more;
}

Response::Progress Response::end_of_stream() {
  return state_ == State::to_close ? Progress::complete : Progress::malformed;
}

Response::Progress Response::read_head(std::string_view& bytes) {
  const std::size_t before = buffer_.size();
  buffer_.append(bytes);
  const std::size_t end = buffer_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
  if (end == std::string::npos) {
    bytes = {};
    return buffer_.size() > head_bytes ? Progress::malformed : Progress::more;
  }
  bytes.remove_prefix(end + 4 - before);
  buffer_.resize(end + 2);
  if (!parse_head()) return Progress::malformed;
  buffer_.clear();
  if (status_ >= 100 && status_ < 200) {
    begin(answers_head_);
    return Progress::more;
  }
  return choose_body();
}

bool Response::parse_head() {
  std::string_view head = buffer_;
  // HTTP/1.1 200 OK
  if (!head.starts_with("HTTP/1.") || head.size() < 14 || head[8] != ' ') return false;
  if (!parse_number(head.substr(9, 3), status_) || status_ < 100) return false;
  keep_alive_ = head[7] == '1';
  head.remove_prefix(head.find("\r\n") + 2);
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
    while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
    if (!parse_field(line.substr(0, colon), value)) return false;
    head.remove_prefix(end + 2);
  }
  return true;
}

bool Response::parse_field(std::string_view name, std::string_view value) {
  if (equal_ignoring_case(name, "content-length")) {
    has_length_ = true;
    return parse_number(value, remaining_);
  }
  if (equal_ignoring_case(name, "transfer-encoding")) {
    chunked_ = contains_token(value, "chunked");
    return chunked_;
  }
  if (equal_ignoring_case(name, "connection")) {
    if (contains_token(value, "close")) keep_alive_ = false;
    if (contains_token(value, "keep-alive")) keep_alive_ = true;
  }
  return true;
}

Response::Progress Response::choose_body() {
  // RFC 9112 section 6.3, in its order.
  if (answers_head_ || status_ == 204 || status_ == 304) return Progress::complete;
  if (chunked_) {
    state_ = State::chunk_size;
    return Progress::more;
  }
  if (!has_length_) {
    keep_alive_ = false;
    state_ = State::to_close;
    return Progress::more;
  }
  state_ = State::fixed_body;
  return remaining_ == 0 ? Progress::complete : Progress::more;
}

Response::Progress Response::read_body(std::string_view& bytes) {
  std::size_t count = bytes.size();
  if (state_ != State::to_close) count = std::min<std::uint64_t>(count, remaining_);
  keep_start(bytes.substr(0, count));
  bytes.remove_prefix(count);
  if (state_ == State::to_close) return Progress::more;
  remaining_ -= count;
  if (remaining_ > 0) return Progress::more;
  if (state_ == State::fixed_body) return Progress::complete;
  state_ = State::chunk_end;
  return Progress::more;
}

Response::Progress Response::read_line(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  const std::size_t count = end == std::string_view::npos ? bytes.size() : end + 1;
  buffer_.append(bytes.substr(0, count));
  bytes.remove_prefix(count);
  if (buffer_.size() > line_bytes) return Progress::malformed;
  if (end == std::string_view::npos) return Progress::more;
  if (!buffer_.ends_with("\r\n")) return Progress::malformed;
  buffer_.resize(buffer_.size() - 2);
  const Progress progress = end_line();
  buffer_.clear();
  return progress;
}

Response::Progress Response::end_line() {
  if (state_ == State::trailer) return buffer_.empty() ? Progress::complete : Progress::more;
  if (state_ == State::chunk_end) {
    state_ = State::chunk_size;
    return buffer_.empty() ? Progress::more : Progress::malformed;
  }
  const std::string_view size = std::string_view(buffer_).substr(0, buffer_.find(';'));
  if (!parse_number(size, remaining_, 16)) return Progress::malformed;
  state_ = remaining_ == 0 ? State::trailer : State::chunk_data;
  return Progress::more;
}

void Response::keep_start(std::string_view body) {
  if (body_start_.size() >= body_start_bytes) return;
  body_start_.append(body.substr(0, body_start_bytes - body_start_.size()));
}

}  // namespace chancery::load
