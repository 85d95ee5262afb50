#pragma once

#include <any>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/document.h"

namespace chancery {

/// The certificate that a client showed in its TLS handshake, and what became of it.
struct ClientCertificate {
  Bytes der;
  Time not_after;
  /// It chained to a trust anchor, was in date and good for client authentication when the
  /// connection began. A connection outlives that moment: check not_after and revocation anew for
  /// each request.
  bool verified = false;
  std::string problem;  ///< why it is not verified, in OpenSSL's words
};

/// The other end of one connection. Requests of one connection come one after the other, so what
/// handles them may use its Peer without a lock.
struct Peer {
  std::string address;  ///< IP address, without port
  bool tls = false;
  std::string tls_version, tls_cipher;  ///< such as TLSv1.3 and TLS_AES_256_GCM_SHA384
  std::optional<ClientCertificate> certificate;
  /// Whatever the handlers want to keep between the requests of this connection, such as the
  /// machine that its certificate names.
  std::any session;
};

using NamedValues = std::vector<std::pair<std::string, std::string>>;

/// One request, complete: its whole body was read before anything handles it.
struct HttpRequest {
  std::string id;      ///< names the request in the answer, the log and problems
  std::string method;  ///< as sent; methods are case-sensitive (RFC 9110 section 9.1)
  std::string path;    ///< as sent, without the query
  std::vector<std::string> segments;  ///< of the path, percent-decoded; see parse_target()
  NamedValues query;                  ///< percent-decoded, every name at most once
  NamedValues headers;                ///< as sent, in order
  NamedValues path_parameters;        ///< what the route's {names} matched; set by the router
  Bytes body;
  Peer* peer = nullptr;  ///< never null in a handler; lives as long as the connection

  /// The value of the first header with this name in any case, or null.
  [[nodiscard]] const std::string* header(std::string_view name) const;
  /// The value of the query parameter, or null.
  [[nodiscard]] const std::string* query_value(std::string_view name) const;
  /// The value of the route's {name}; aborts when the route has none.
  [[nodiscard]] const std::string& path_value(std::string_view name) const;
};

/// One answer. Content-Length, Date, Connection and X-Request-Id are the server's.
struct HttpResponse {
  int status = 200;
  std::string content_type;  ///< empty: no Content-Type
  NamedValues headers = {};
  std::string body = {};
  /// Sent instead of `body` where set, without a copy for each request: CRLs have megabytes.
  std::shared_ptr<const Document> document = {};
};

/// ASCII only, as header names are.
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace chancery
