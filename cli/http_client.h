#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/limits.h"
#include "core/secret.h"

namespace chancery {

struct HttpRequest {
  std::string url;
  std::optional<std::string> body = {};  ///< JSON; makes it a POST
  std::string accept = "application/json";
  std::string idempotency_key = {};  ///< of a POST: what makes repeating it safe
  std::string approval = {};         ///< id of what others have agreed to; may be empty
  bool repeatable = true;  ///< by hand, with that key: the same command sends the same body
  std::size_t answer_bytes = limits::answer_bytes;
  Seconds deadline = limits::answer_deadline;
};

struct HttpAnswer {
  long status = 0;
  std::string content_type;
  std::string request_id;              ///< X-Request-Id
  std::optional<Seconds> retry_after;  ///< of a 429 or 503, or of what is worth another look
  std::string body;
};

/// Whom to trust and who we are. PEM, each; `key` must outlive the client.
struct TlsOptions {
  std::string trust_anchors = {};  ///< the only ones; empty: those of the operating system
  std::string certificates = {};   ///< ours and its issuer's; empty: none
  const Secret* key = nullptr;
};

/// One connection to one server, kept open between requests. HTTP/1.1, TLS 1.2 or 1.3, no
/// redirects, no proxy. Not for several threads at once.
class HttpClient {
 public:
  static std::unique_ptr<HttpClient> create(TlsOptions tls);
  ~HttpClient();

  /// The server's complete answer, whatever its status. A request without an answer (no connection,
  /// cut off in the middle), and a 429 or 503 that says when to come back within
  /// limits::retry_after_at_most, is sent again, unchanged, limits::http_attempts times in all: the
  /// service does nothing twice for one idempotency key. deadline_exceeded, unauthenticated (one
  /// side's certificate was refused), too_large or internal, with what to do next.
  Result<HttpAnswer> send(const HttpRequest& request);

 private:
  struct Connection;
  explicit HttpClient(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

/// For one value in a query (RFC 3986 section 2.1).
std::string percent_encode(std::string_view text);

}  // namespace chancery
