#include "api/request_reader.h"

#include <algorithm>

#include "core/limits.h"

namespace chancery {
namespace {

// Method, version, two spaces and CR LF around the longest target.
constexpr std::size_t request_line_bytes = limits::path_bytes + 32;
constexpr std::size_t head_bytes = request_line_bytes + limits::header_bytes;
// What an idle connection may keep allocated.
constexpr std::size_t kept_bytes = 4096;

}  // namespace

void RequestReader::append(std::string_view bytes) {
  if (bytes.empty() || state_ == State::refused) return;
  if (state_ == State::body) return read_body(bytes);
  input_ += bytes;
  if (state_ == State::complete) return;
  state_ = State::head;
  read_head();
}

bool RequestReader::take_expectation() {
  return state_ == State::body && std::exchange(framing_.expects_continue, false);
}

void RequestReader::next() {
  input_.erase(0, head_end_);
  if (input_.empty() && input_.capacity() > kept_bytes) input_ = {};
  body_ = {};
  chunks_ = {};
  framing_ = {};
  head_end_ = scanned_ = 0;
  begun_ = false;
  state_ = input_.empty() ? State::idle : State::head;
  if (state_ == State::head) read_head();
}

void RequestReader::read_head() {
  // RFC 9112 section 2.2: some senders put an empty line after the body.
  if (!begun_ && input_.size() >= 2) {
    begun_ = true;
    if (input_.starts_with("\r\n")) input_.erase(0, 2);
  }
  while (head_end_ == 0) {
    const std::size_t feed = input_.find('\n', scanned_);
    const std::size_t line_end = std::min(feed, input_.size());
    const std::size_t line_begin = scanned_;
    if (line_begin == 0 && line_end > request_line_bytes) {
      return refuse({ProblemKind::uri_too_long, "the request line is too long"});
    }
    if (line_end > head_bytes) {
      return refuse({ProblemKind::headers_too_large, "the header fields are too large"});
    }
    if (feed == std::string::npos) return;
    if (feed == line_begin || input_[feed - 1] != '\r') {
      return refuse({ProblemKind::invalid_request, "a line does not end in CR LF"});
    }
    if (feed == line_begin + 1) head_end_ = feed + 1;
    scanned_ = feed + 1;
  }
  auto checked = check_request_head(head());
  if (!checked) return refuse(std::move(checked.error()));
  framing_ = *checked;
  state_ = framing_.body == RequestHead::Body::none ? State::complete : State::body;
  if (state_ == State::complete || input_.size() == head_end_) return;
  const std::string rest = input_.substr(head_end_);
  input_.resize(head_end_);
  read_body(rest);
}

void RequestReader::read_body(std::string_view bytes) {
  if (framing_.body == RequestHead::Body::chunked) {
    const auto done = chunks_.feed(bytes, body_);
    if (!done) return refuse(done.error());
    if (*done) state_ = State::complete;
  } else {
    const std::size_t missing = static_cast<std::size_t>(framing_.content_length) - body_.size();
    const ByteView piece = bytes_of(bytes.substr(0, missing));
    body_.insert(body_.end(), piece.begin(), piece.end());
    bytes.remove_prefix(piece.size());
    if (piece.size() == missing) state_ = State::complete;
  }
  input_ += bytes;
}

void RequestReader::refuse(Refusal refusal) {
  refusal_ = std::move(refusal);
  state_ = State::refused;
  input_ = {};
  body_ = {};
  head_end_ = 0;
}

}  // namespace chancery
