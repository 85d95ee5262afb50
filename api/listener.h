#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/config.h"
#include "core/result.h"

namespace chancery {

/// A listening TCP socket, on Poco's server socket.
class Listener {
 public:
  /// conflict where another process has the port; invalid_request when the address does not parse
  /// or cannot be had.
  static Result<Listener> open(const ListenAddress& address);
  Listener(Listener&&) noexcept;
  Listener& operator=(Listener&&) noexcept;
  ~Listener();

  [[nodiscard]] int fd() const;
  [[nodiscard]] std::uint16_t port() const;

  struct Accepted {
    enum class End { connection, none, out_of_descriptors };
    End end = End::none;
    int fd = -1;          ///< non-blocking, closed on exec; the caller's
    std::string address;  ///< of the peer, without port; IPv4 also where it came over IPv6
  };
  /// The next waiting connection. Never waits.
  Accepted accept();

 private:
  struct Socket;
  explicit Listener(std::unique_ptr<Socket> socket);
  std::unique_ptr<Socket> socket_;
};

}  // namespace chancery
