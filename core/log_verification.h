#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "core/audit_verify.h"

namespace chancery {

/// The whole log is read by one request at a time, whoever asks for it: those who come meanwhile
/// get the same report, which may have begun before they asked.
class LogVerification {
 public:
  using Report = std::shared_ptr<const Result<VerifyReport>>;

  /// Verifies by `verify`, or waits for who does, together with limits::audit_verify_waiting at
  /// most. busy beyond that; otherwise what `verify` returned.
  Result<Report> run(const std::function<Result<VerifyReport>()>& verify);
  /// How many wait for the report that is under way.
  [[nodiscard]] unsigned waiting() const;

 private:
  struct Run {
    Report report;
  };
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::shared_ptr<Run> under_way_;
  unsigned waiting_ = 0;
};

}  // namespace chancery
