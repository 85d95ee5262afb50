#include "tests/api/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <stdexcept>
#include <thread>

#include "api/http.h"
#include "core/openssl_ptr.h"

namespace chancery::test {
namespace {

using SslContextPtr = HandlePtr<SSL_CTX, SSL_CTX_free>;
using SslPtr = HandlePtr<SSL, SSL_free>;
using BioPtr = HandlePtr<BIO, BIO_free_all>;
using PrivateKeyPtr = HandlePtr<EVP_PKEY, EVP_PKEY_free>;
using X509Ptr = HandlePtr<X509, X509_free>;

constexpr timeval patience{20, 0};

[[noreturn]] void give_up(const std::string& what) {
  throw std::runtime_error("client: " + what);
}

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) give_up("no socket");
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd);
    give_up("cannot connect");
  }
  return fd;
}

SslContextPtr make_context(const ClientTls& tls) {
  SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (tls.version != 0) {
    // OpenSSL's default security level allows nothing below TLS 1.2; the server is to say no.
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_min_proto_version(context.get(), tls.version);
    SSL_CTX_set_max_proto_version(context.get(), tls.version);
  }
  for (std::size_t i = 0; i < tls.chain.size(); ++i) {
    const unsigned char* at = tls.chain[i].data();
    const X509Ptr certificate(d2i_X509(nullptr, &at, static_cast<long>(tls.chain[i].size())));
    if (i == 0) {
      SSL_CTX_use_certificate(context.get(), certificate.get());
    } else {
      SSL_CTX_add1_chain_cert(context.get(), certificate.get());
    }
  }
  if (!tls.key_pem.empty()) {
    const BioPtr bio(BIO_new_mem_buf(tls.key_pem.data(), static_cast<int>(tls.key_pem.size())));
    const PrivateKeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
    if (SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) give_up("bad key");
  }
  return context;
}

}  // namespace

struct HttpClient::Stream {
  ~Stream() {
    ssl.reset();
    ::close(fd);
  }
  int fd = -1;
  SslContextPtr context;
  SslPtr ssl;
};

HttpClient::HttpClient(std::uint16_t port, const ClientTls* tls)
    : stream_(std::make_unique<Stream>()) {
  // A server that closes first is what many tests are about.
  std::signal(SIGPIPE, SIG_IGN);
  stream_->fd = connect_to(port);
  if (tls == nullptr) return;
  stream_->context = make_context(*tls);
  stream_->ssl.reset(SSL_new(stream_->context.get()));
  SSL_set_fd(stream_->ssl.get(), stream_->fd);
  if (SSL_connect(stream_->ssl.get()) != 1) give_up("handshake failed");
}

HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

bool HttpClient::try_send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent =
        stream_->ssl ? SSL_write(stream_->ssl.get(), bytes.data(), static_cast<int>(bytes.size()))
                     : ::send(stream_->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void HttpClient::send(std::string_view bytes) {
  if (!try_send(bytes)) give_up("cannot send");
}

void HttpClient::end_sending() {
  if (stream_->ssl) SSL_shutdown(stream_->ssl.get());
  ::shutdown(stream_->fd, SHUT_WR);
}

std::size_t HttpClient::read_some() {
  std::array<char, 65536> buffer;
  const auto got = stream_->ssl ? SSL_read(stream_->ssl.get(), buffer.data(), buffer.size())
                                : ::recv(stream_->fd, buffer.data(), buffer.size(), 0);
  if (got <= 0) return 0;
  received_.append(buffer.data(), static_cast<std::size_t>(got));
  return static_cast<std::size_t>(got);
}

Answer HttpClient::receive(bool head_only) {
  std::size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (read_some() == 0) give_up("no answer");
  }
  Answer answer;
  answer.head = received_.substr(0, end + 4);
  answer.status = std::stoi(answer.head.substr(answer.head.find(' ') + 1));
  received_.erase(0, end + 4);
  const std::string length = answer.header("Content-Length");
  const std::size_t size = head_only || length.empty() ? 0 : std::stoul(length);
  while (received_.size() < size) {
    if (read_some() == 0) give_up("the answer is cut off");
  }
  answer.body = received_.substr(0, size);
  received_.erase(0, size);
  return answer;
}

Answer HttpClient::get(const std::string& path) {
  send(get_request(path));
  return receive();
}

bool HttpClient::closes(std::chrono::milliseconds within) {
  const auto until = std::chrono::steady_clock::now() + within;
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd socket{stream_->fd, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&socket, 1, static_cast<int>(left.count())) <= 0) return false;
    if (read_some() == 0) return true;
  }
}

Bytes HttpClient::server_certificate() const {
  X509* certificate = SSL_get0_peer_certificate(stream_->ssl.get());
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

std::string HttpClient::tls_version() const {
  return SSL_get_version(stream_->ssl.get());
}

bool HttpClient::resumes(std::uint16_t port, const ClientTls& tls) const {
  SSL_SESSION* session = SSL_get1_session(stream_->ssl.get());
  const SslContextPtr context = make_context(tls);
  const SslPtr ssl(SSL_new(context.get()));
  const int fd = connect_to(port);
  SSL_set_fd(ssl.get(), fd);
  SSL_set_session(ssl.get(), session);
  SSL_SESSION_free(session);
  const int connected = SSL_connect(ssl.get());
  const bool resumed = SSL_session_reused(ssl.get()) == 1;
  ::close(fd);
  if (connected != 1) give_up("handshake failed");
  return resumed;
}

std::string Answer::header(std::string_view name) const {
  for (std::size_t at = head.find("\r\n"); at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
    const std::size_t colon = head.find(": ", at);
    if (colon == std::string::npos) break;
    if (!equal_ignoring_case(head.substr(at + 2, colon - at - 2), name)) continue;
    return head.substr(colon + 2, head.find("\r\n", colon) - colon - 2);
  }
  return {};
}

std::string get_request(const std::string& path, const std::string& more_headers) {
  return "GET " + path + " HTTP/1.1\r\nHost: test\r\n" + more_headers + "\r\n";
}

std::string post_request(const std::string& path, const std::string& body) {
  return "POST " + path +
         " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

void sleep_a_little() {
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

}  // namespace chancery::test
