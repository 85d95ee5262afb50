#include "pkcs11/listener.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace chancery::keyholder {
namespace {

Failure cannot_listen(const std::string& path, const std::string& why) {
  return fail(ErrorCode::conflict, "cannot listen at " + path + ": " + why);
}

FileDescriptor new_socket() {
  return FileDescriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
}

/// Removes a socket that nobody listens at.
Result<void> remove_left_over(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode)) return cannot_listen(path, "another file is there");
  const FileDescriptor probe = new_socket();
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(probe.get(), generic, sizeof address) == 0 || errno != ECONNREFUSED) {
    return cannot_listen(path, "another process listens there");
  }
  ::unlink(path.c_str());
  return {};
}

}  // namespace

Result<Listener> Listener::open(const std::string& path, uid_t peer) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return cannot_listen(path, "the path is empty or too long for a socket");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  RETURN_IF_ERROR(remove_left_over(path, address));

  FileDescriptor socket = new_socket();
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (!socket.is_open() || ::bind(socket.get(), generic, sizeof address) != 0) {
    return cannot_listen(path, std::strerror(errno));
  }
  // Another user's process must be able to connect; accept() lets in that one only.
  const mode_t mode = peer == ::geteuid() ? 0600 : 0666;
  if (::chmod(path.c_str(), mode) != 0 || ::listen(socket.get(), SOMAXCONN) != 0) {
    return cannot_listen(path, std::strerror(errno));
  }
  return Listener(std::move(socket), peer);
}

FileDescriptor Listener::accept(int wait_ms) const {
  pollfd ready{socket_.get(), POLLIN, 0};
  if (::poll(&ready, 1, wait_ms) != 1) return {};
  FileDescriptor connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection.is_open()) return {};
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool known = ::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  if (known && peer.uid == peer_) return connection;
  std::fprintf(stderr, "chancery-keyholder: user %u may not connect\n", peer.uid);
  return {};
}

}  // namespace chancery::keyholder
