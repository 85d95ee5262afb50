#include "api/transport.h"

#include <Poco/Exception.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/Session.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>

#include "api/tls_context.h"

namespace chancery {

using Poco::Net::SecureStreamSocket;
using Poco::Net::StreamSocket;
using End = Attempt::End;

struct Transport::Socket {
  explicit Socket(int descriptor)
      : fd(descriptor), plain(new Poco::Net::StreamSocketImpl(descriptor)) {}
  int fd;
  StreamSocket plain;
  std::shared_ptr<const TlsContext> tls;  // kept while its connections live
  std::optional<SecureStreamSocket> secure;
};

namespace {

/// Poco decides by errno and OpenSSL by its error queue what a result means, and neither of them
/// clears what an earlier call in this thread left there.
void forget_errors() {
  errno = 0;
  ERR_clear_error();
}

/// Translates Poco's results: bytes, 0 for the end, or one of two negative codes. Of plain sockets
/// only EAGAIN is negative.
Attempt attempt_of(int result, End when_blocked) {
  if (result > 0) return {End::progress, static_cast<std::size_t>(result)};
  if (result == 0) return {End::closed};
  if (result == SecureStreamSocket::ERR_SSL_WANT_WRITE) return {End::want_write};
  return {when_blocked};
}

template <class Operation>
Attempt attempt(End when_blocked, Operation operation) {
  forget_errors();
  try {
    return attempt_of(operation(), when_blocked);
  } catch (const Poco::Exception& exception) {
    const bool blocked = exception.code() == EAGAIN;
    return {blocked ? when_blocked : End::failed};
  }
}

}  // namespace

Transport::Transport(int fd, std::shared_ptr<const TlsContext> tls)
    : socket_(std::make_unique<Socket>(fd)) {
  socket_->plain.setBlocking(false);
  socket_->plain.setNoDelay(true);
  if (!tls) return;
  socket_->tls = std::move(tls);
  socket_->secure = SecureStreamSocket::attach(socket_->plain, socket_->tls->context);
}

Transport::~Transport() {
  forget_errors();
}

bool Transport::secure() const {
  return socket_->secure.has_value();
}

Attempt Transport::handshake() {
  return attempt(End::want_read, [&] { return socket_->secure->completeHandshake(); });
}

void Transport::describe(Peer& peer) const {
  if (!secure()) return;
  peer.tls = true;
  peer.certificate = client_certificate(*socket_->secure);
  const Poco::Net::Session::Ptr session = socket_->secure->currentSession();
  if (!session) return;
  const SSL_SESSION* details = session->sslSession();
  peer.tls_version =
      SSL_SESSION_get_protocol_version(details) == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2";
  if (const SSL_CIPHER* cipher = SSL_SESSION_get0_cipher(details)) {
    peer.tls_cipher = SSL_CIPHER_get_name(cipher);
  }
}

Attempt Transport::receive(char* buffer, std::size_t size) {
  StreamSocket& socket = secure() ? *socket_->secure : socket_->plain;
  return attempt(End::want_read,
                 [&] { return socket.receiveBytes(buffer, static_cast<int>(size)); });
}

Attempt Transport::send(const char* data, std::size_t size) {
  StreamSocket& socket = secure() ? *socket_->secure : socket_->plain;
  // Under TLS a read may have to come first; what comes back says so.
  const End when_blocked = secure() ? End::want_read : End::want_write;
  return attempt(when_blocked,
                 [&] { return socket.sendBytes(data, static_cast<int>(size), MSG_NOSIGNAL); });
}

bool Transport::pending() const {
  return secure() && socket_->secure->available() > 0;
}

void Transport::finish() {
  if (secure()) {
    attempt(End::want_write, [&] {
      socket_->secure->shutdown();  // close_notify
      return 1;
    });
  }
  ::shutdown(socket_->fd, SHUT_WR);
}

Attempt Transport::discard() {
  std::array<char, 16384> nobody_reads;
  const ssize_t got = ::recv(socket_->fd, nobody_reads.data(), nobody_reads.size(), 0);
  if (got == 0) return {End::closed};
  return {got > 0 || errno == EAGAIN || errno == EINTR ? End::want_read : End::failed};
}

}  // namespace chancery
