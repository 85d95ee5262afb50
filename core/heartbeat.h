#pragma once

#include <chrono>

#include "core/audit_log.h"

namespace chancery {

/// An entry where nothing else was recorded for a while, so that whoever reads the log can tell
/// silence from a log that was stopped or cut: the last checkpoint is never older than the
/// interval.
class Heartbeat {
 public:
  Heartbeat(AuditLog& log, Seconds interval);
  /// Records one when it is time. To be called each second or so, by one thread.
  Result<void> beat();

 private:
  AuditLog& log_;
  const Seconds interval_;
  std::uint64_t size_;
  std::chrono::steady_clock::time_point since_;
};

}  // namespace chancery
