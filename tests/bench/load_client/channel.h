#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"
#include "tests/bench/load_client/options.h"

struct addrinfo;
struct ssl_ctx_st;
struct ssl_st;

namespace chancery::load {

/// Where and how channels connect: the resolved address and, for https, the TLS settings.
class Endpoint {
 public:
  /// invalid_request with the reason: unknown host, unreadable certificate or key.
  static Result<Endpoint> create(const Target& target, const Options& options);
  Endpoint(Endpoint&&) noexcept = default;

 private:
  friend class Channel;
  struct FreeAddress {
    void operator()(addrinfo* address) const;
  };
  struct FreeTls {
    void operator()(ssl_ctx_st* tls) const;
  };
  Endpoint() = default;
  Result<void> set_up_tls(const Options& options);

  std::string host_;
  bool verify_ = true;
  std::unique_ptr<addrinfo, FreeAddress> address_;
  std::unique_ptr<ssl_ctx_st, FreeTls> tls_;  // null: plain
};

/// What a step on a non-blocking channel came to.
enum class Io { done, want_read, want_write, closed, failed };

/// One non-blocking connection, plain or TLS.
class Channel {
 public:
  explicit Channel(const Endpoint& endpoint) : endpoint_(&endpoint) {}
  ~Channel() { close(); }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Begins to connect; false when that fails at once. handshake() finishes it.
  bool open();
  Io handshake();
  /// Reads what is there; `count` says how much.
  Io read(std::span<char> buffer, std::size_t& count);
  /// Writes what fits; `count` says how much.
  Io write(std::string_view bytes, std::size_t& count);
  void close();

  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// Why the last step failed.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  struct FreeTls {
    void operator()(ssl_st* tls) const;
  };
  Io from_errno(const char* step);
  Io from_tls(int result, const char* step);

  const Endpoint* endpoint_;
  int descriptor_ = -1;
  bool connected_ = false;
  std::unique_ptr<ssl_st, FreeTls> tls_;
  std::string problem_;
};

}  // namespace chancery::load
