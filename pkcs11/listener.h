#pragma once

#include <sys/types.h>

#include <string>

#include "core/result.h"
#include "pkcs11/file_descriptor.h"

namespace chancery::keyholder {

/// A listening SOCK_SEQPACKET socket at `path` that lets in one user. A socket left over by an
/// earlier process is replaced; one that still answers is conflict, any other file too.
class Listener {
 public:
  static Result<Listener> open(const std::string& path, uid_t peer);

  /// The next connection of that user within `wait_ms`; not open when there was none. Connections
  /// of others are closed.
  FileDescriptor accept(int wait_ms) const;

 private:
  Listener(FileDescriptor socket, uid_t peer) : socket_(std::move(socket)), peer_(peer) {}
  FileDescriptor socket_;
  uid_t peer_;
};

}  // namespace chancery::keyholder
