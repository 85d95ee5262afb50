#include "tests/bench/load_client/channel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace chancery::load {

namespace {

std::string tls_problem() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(code);
  std::string text = reason != nullptr ? reason : "no reason given";
  ERR_clear_error();
  return text;
}

bool is_ip_address(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

}  // namespace

void Endpoint::FreeAddress::operator()(addrinfo* address) const {
  freeaddrinfo(address);
}
void Endpoint::FreeTls::operator()(ssl_ctx_st* tls) const {
  SSL_CTX_free(tls);
}
void Channel::FreeTls::operator()(ssl_st* tls) const {
  SSL_free(tls);
}

Result<Endpoint> Endpoint::create(const Target& target, const Options& options) {
  Endpoint endpoint;
  endpoint.host_ = target.host;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (int code = getaddrinfo(target.host.c_str(), target.port.c_str(), &hints, &found); code != 0) {
    return invalid("url", target.host + ": " + gai_strerror(code));
  }
  endpoint.address_.reset(found);
  if (target.tls) RETURN_IF_ERROR(endpoint.set_up_tls(options));
  return endpoint;
}

Result<void> Endpoint::set_up_tls(const Options& options) {
  verify_ = !options.insecure;
  tls_.reset(SSL_CTX_new(TLS_client_method()));
  CHECK(tls_);
  // One read() takes a record's header and content together.
  SSL_CTX_set_read_ahead(tls_.get(), 1);
  SSL_CTX_set_mode(tls_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (verify_) {
    SSL_CTX_set_verify(tls_.get(), SSL_VERIFY_PEER, nullptr);
    if (SSL_CTX_load_verify_file(tls_.get(), options.ca.c_str()) != 1) {
      return invalid("ca", options.ca + ": " + tls_problem());
    }
  }
  if (options.certificate.empty()) return {};
  if (SSL_CTX_use_certificate_chain_file(tls_.get(), options.certificate.c_str()) != 1) {
    return invalid("cert", options.certificate + ": " + tls_problem());
  }
  if (SSL_CTX_use_PrivateKey_file(tls_.get(), options.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return invalid("key", options.key + ": " + tls_problem());
  }
  return {};
}

bool Channel::open() {
  const addrinfo& address = *endpoint_->address_;
  descriptor_ = socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) return from_errno("socket") == Io::done;
  const int on = 1;
  setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(descriptor_, address.ai_addr, address.ai_addrlen) != 0 && errno != EINPROGRESS) {
    from_errno("connect");
    return false;
  }
  if (!endpoint_->tls_) return true;
  tls_.reset(SSL_new(endpoint_->tls_.get()));
  CHECK(tls_ && SSL_set_fd(tls_.get(), descriptor_) == 1);
  SSL_set_connect_state(tls_.get());
  if (is_ip_address(endpoint_->host_)) {
    CHECK(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls_.get()), endpoint_->host_.c_str()) == 1);
  } else {
    CHECK(SSL_set1_host(tls_.get(), endpoint_->host_.c_str()) == 1);
    SSL_set_tlsext_host_name(tls_.get(), endpoint_->host_.c_str());
  }
  return true;
}

Io Channel::handshake() {
  if (!connected_) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      errno = error;
      return from_errno("connect");
    }
    sockaddr_storage peer{};
    socklen_t peer_size = sizeof peer;
    if (getpeername(descriptor_, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) {
      return errno == ENOTCONN ? Io::want_write : from_errno("connect");
    }
    connected_ = true;
  }
  if (!tls_) return Io::done;
  const int result = SSL_do_handshake(tls_.get());
  if (result == 1) return Io::done;
  if (const long verdict = SSL_get_verify_result(tls_.get()); endpoint_->verify_ && verdict != 0) {
    problem_ = std::string("server certificate: ") + X509_verify_cert_error_string(verdict);
    ERR_clear_error();
    return Io::failed;
  }
  return from_tls(result, "TLS handshake");
}

Io Channel::read(std::span<char> buffer, std::size_t& count) {
  count = 0;
  if (tls_) {
    const int result = SSL_read_ex(tls_.get(), buffer.data(), buffer.size(), &count);
    return result == 1 ? Io::done : from_tls(result, "read");
  }
  const ssize_t got = recv(descriptor_, buffer.data(), buffer.size(), 0);
  if (got == 0) return Io::closed;
  if (got < 0) return errno == EAGAIN ? Io::want_read : from_errno("read");
  count = static_cast<std::size_t>(got);
  return Io::done;
}

Io Channel::write(std::string_view bytes, std::size_t& count) {
  count = 0;
  if (tls_) {
    const int result = SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &count);
    return result == 1 ? Io::done : from_tls(result, "write");
  }
  const ssize_t put = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (put < 0) return errno == EAGAIN ? Io::want_write : from_errno("write");
  count = static_cast<std::size_t>(put);
  return Io::done;
}

void Channel::close() {
  tls_.reset();
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
  connected_ = false;
}

Io Channel::from_errno(const char* step) {
  problem_ = std::string(step) + ": " + std::strerror(errno);
  return Io::failed;
}

Io Channel::from_tls(int result, const char* step) {
  const int system_error = errno;
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Io::want_read;
    case SSL_ERROR_WANT_WRITE:
      return Io::want_write;
    case SSL_ERROR_ZERO_RETURN:
      return Io::closed;
    case SSL_ERROR_SYSCALL:
      ERR_clear_error();
      errno = system_error != 0 ? system_error : ECONNRESET;
      return from_errno(step);
    default:
      problem_ = std::string(step) + ": " + tls_problem();
      return Io::failed;
  }
}

}  // namespace chancery::load
