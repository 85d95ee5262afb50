#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace chancery::load {

/// Reads one HTTP/1.1 response (RFC 9112) as its bytes arrive: by Content-Length, in chunks, or
/// until the connection closes. Informational responses are skipped.
class Response {
 public:
  enum class Progress { more, complete, malformed };

  /// Ready for the next response; one to HEAD has no body.
  void begin(bool answers_head);
  Progress consume(std::string_view bytes);
  /// The connection has ended: complete where only that could end the body.
  Progress end_of_stream();

  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }
  /// The first bytes of the body, to show what an unexpected answer said.
  [[nodiscard]] const std::string& body_start() const { return body_start_; }

 private:
  enum class State { head, fixed_body, chunk_size, chunk_data, chunk_end, trailer, to_close };

  Progress read_head(std::string_view& bytes);
  bool parse_head();
  bool parse_field(std::string_view name, std::string_view value);
  Progress choose_body();
  Progress read_body(std::string_view& bytes);
  Progress read_line(std::string_view& bytes);
  Progress end_line();
  void keep_start(std::string_view body);

  State state_ = State::head;
  std::string buffer_;  // the head, or one line of the chunked framing
  std::string body_start_;
  std::uint64_t remaining_ = 0;
  int status_ = 0;
  bool answers_head_ = false;
  bool keep_alive_ = true;
  bool chunked_ = false;
  bool has_length_ = false;
};

}  // namespace chancery::load
