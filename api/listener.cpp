#include "api/listener.h"

#include <Poco/Exception.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/SocketDefs.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace chancery {
namespace {

constexpr int backlog = 1024;

std::string address_text(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto& ipv4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &ipv4.sin_addr, text.data(), text.size());
    return text.data();
  }
  const auto& ipv6 = reinterpret_cast<const sockaddr_in6&>(address);
  if (IN6_IS_ADDR_V4MAPPED(&ipv6.sin6_addr)) {
    inet_ntop(AF_INET, &ipv6.sin6_addr.s6_addr[12], text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, &ipv6.sin6_addr, text.data(), text.size());
  }
  return text.data();
}

}  // namespace

struct Listener::Socket {
  Poco::Net::ServerSocket server;
};

Listener::Listener(std::unique_ptr<Socket> socket) : socket_(std::move(socket)) {}
Listener::Listener(Listener&&) noexcept = default;
Listener& Listener::operator=(Listener&&) noexcept = default;
Listener::~Listener() = default;

Result<Listener> Listener::open(const ListenAddress& address) {
  try {
    auto socket = std::make_unique<Socket>();
    // Poco takes "reuse the address" alone for "share the port with another process" too.
    socket->server.bind(Poco::Net::SocketAddress(Poco::Net::IPAddress(address.host), address.port),
                        true, false);
    socket->server.listen(backlog);
    socket->server.setBlocking(false);
    ::fcntl(socket->server.impl()->sockfd(), F_SETFD, FD_CLOEXEC);
    return Listener(std::move(socket));
  } catch (const Poco::Exception& exception) {
    const std::string what =
        "cannot listen on " + address.host + " port " + std::to_string(address.port);
    if (exception.code() == POCO_EADDRINUSE) {
      return fail(ErrorCode::conflict, what + ": another process does");
    }
    return fail(ErrorCode::invalid_request, what, "", exception.displayText());
  }
}

int Listener::fd() const {
  return socket_->server.impl()->sockfd();
}

std::uint16_t Listener::port() const {
  return socket_->server.address().port();
}

Listener::Accepted Listener::accept() {
  for (;;) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    // Not Poco's acceptConnection(): the keyholders must not inherit a client's connection.
    const int fd = ::accept4(this->fd(), reinterpret_cast<sockaddr*>(&address), &size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) return {Accepted::End::connection, fd, address_text(address)};
    if (errno == EINTR || errno == ECONNABORTED) continue;
    const bool exhausted =
        errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    return {exhausted ? Accepted::End::out_of_descriptors : Accepted::End::none, -1, {}};
  }
}

}  // namespace chancery
