#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "api/http.h"
#include "api/tls.h"

namespace chancery {

/// Where a byte stream stands after one attempt that never waits.
struct Attempt {
  enum class End {
    progress,    ///< `bytes` were moved, or the handshake is complete
    want_read,   ///< try again when the socket is readable
    want_write,  ///< try again when the socket is writable
    closed,      ///< the peer ended the stream in order
    failed,      ///< it is broken
  };
  End end = End::failed;
  std::size_t bytes = 0;
};

/// A connected, non-blocking socket, plain or under TLS, on Poco's stream sockets. Owns it.
class Transport {
 public:
  /// Takes over `fd`. Plain without `tls`.
  Transport(int fd, std::shared_ptr<const TlsContext> tls);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  [[nodiscard]] bool secure() const;
  Attempt handshake();
  /// What the handshake agreed on and the peer's certificate; call once after it.
  void describe(Peer& peer) const;

  Attempt receive(char* buffer, std::size_t size);
  Attempt send(const char* data, std::size_t size);
  /// Bytes that were read from the socket but not yet from here; the socket does not announce them.
  [[nodiscard]] bool pending() const;

  /// Says that nothing more will be sent; what the peer still sends is for discard().
  void finish();
  /// Reads past whatever the peer still sends. Closing with that unread would reset the connection
  /// and could take the answer away from the peer (RFC 9112 section 9.6).
  Attempt discard();

 private:
  struct Socket;
  std::unique_ptr<Socket> socket_;
};

}  // namespace chancery
