#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "core/bytes.h"
#include "core/secret.h"

namespace chancery {

/// What the service shows to its clients.
struct ServerIdentity {
  std::vector<Bytes> chain;  ///< DER, the server's certificate first, without the root
  Secret key;                ///< PEM or DER private key
};

/// Whom it believes.
struct ClientTrust {
  std::vector<Bytes> anchors;        ///< DER, self-signed
  std::vector<Bytes> intermediates;  ///< DER, for clients that send their own certificate alone
};

/// Poco's context with our settings; see tls_context.h.
struct TlsContext;

/// The TLS side of the API's listener: TLS 1.2 and 1.3, forward secrecy and AEAD only.
///
/// A client is asked for a certificate and may have none. One that it shows is verified in the
/// handshake against ClientTrust for client authentication (RFC 5280 section 6), and the handshake
/// goes on whatever comes out: the answer can then say what is wrong, and the failed attempt can be
/// recorded. ClientCertificate::verified carries the verdict; nothing may be granted without it.
///
/// There is no session resumption (no tickets, no cache), so that every connection has verified its
/// certificate itself, and no renegotiation. Connections are kept alive instead.
class TlsServer {
 public:
  /// invalid_request when a certificate or the key does not parse, they do not belong together, or
  /// an anchor is not self-signed.
  static Result<std::unique_ptr<TlsServer>> create(const ServerIdentity& identity,
                                                   const ClientTrust& trust);

  /// From now on new connections get these; open ones keep theirs. On an error nothing changes.
  Result<void> replace(const ServerIdentity& identity, const ClientTrust& trust);

  [[nodiscard]] std::shared_ptr<const TlsContext> context() const;

 private:
  explicit TlsServer(std::shared_ptr<const TlsContext> context) : context_(std::move(context)) {}
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsContext> context_;
};

}  // namespace chancery
