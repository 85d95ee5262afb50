#pragma once

#include <map>
#include <mutex>
#include <string>

#include "core/audit_log.h"

namespace chancery {

/// Failed authentications on their way into the log: the first of a source at once, further ones
/// counted and written as one entry per interval, so that a flood cannot fill the disk.
class AuthenticationFailures {
 public:
  explicit AuthenticationFailures(AuditLog& log) : log_(log) {}
  ~AuthenticationFailures() { flush(); }

  /// `source` is the peer's IP address.
  void note(const std::string& source, const std::string& reason);
  /// Writes what was counted and begins a new interval.
  void flush();

 private:
  struct Seen {
    std::uint64_t more = 0;  ///< since the entry that was written at once
    std::string reason;      ///< of the last
  };
  void write(const std::string& source, const std::string& reason, std::uint64_t count);

  AuditLog& log_;
  std::mutex mutex_;
  std::map<std::string, Seen> seen_;  // at most limits::authentication_failure_sources
  Seen others_;                       // beyond them
};

}  // namespace chancery
