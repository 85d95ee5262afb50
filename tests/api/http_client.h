#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/bytes.h"

namespace chancery::test {

/// How a test client shows itself; TLS without any verification of the server.
struct ClientTls {
  std::vector<Bytes> chain;  ///< DER, its own certificate first; empty: none
  std::string key_pem;
  int version = 0;  ///< TLS1_2_VERSION, TLS1_3_VERSION, or 0 for any
};

struct Answer {
  int status = 0;
  std::string head;
  std::string body;
  [[nodiscard]] std::string header(std::string_view name) const;  ///< empty where absent
};

/// A client that sends whatever bytes a test wants. Throws std::runtime_error where the server does
/// not do its part within 20 seconds.
class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port, const ClientTls* tls = nullptr);
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  void send(std::string_view bytes);
  /// False when the server has closed the connection.
  bool try_send(std::string_view bytes);
  void end_sending();
  /// One answer by its Content-Length; `head_only` for the answer to a HEAD.
  Answer receive(bool head_only = false);
  Answer get(const std::string& path);
  /// Waits until the server closes the connection, reading past what it sends before.
  bool closes(std::chrono::milliseconds within = std::chrono::seconds(20));

  [[nodiscard]] Bytes server_certificate() const;
  [[nodiscard]] std::string tls_version() const;
  /// Connects again and offers the session of this connection; whether the server resumed it.
  [[nodiscard]] bool resumes(std::uint16_t port, const ClientTls& tls) const;

 private:
  struct Stream;
  std::size_t read_some();
  std::unique_ptr<Stream> stream_;
  std::string received_;
};

/// A request without a body.
std::string get_request(const std::string& path, const std::string& more_headers = {});
/// A request with a body and Content-Length.
std::string post_request(const std::string& path, const std::string& body);

/// Tries until it holds, for at most 20 seconds.
template <class Condition>
bool eventually(Condition condition);
void sleep_a_little();

template <class Condition>
bool eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < until) {
    if (condition()) return true;
    sleep_a_little();
  }
  return false;
}

}  // namespace chancery::test
