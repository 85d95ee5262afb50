#include "core/log_verification.h"

#include "core/limits.h"

namespace chancery {

Result<LogVerification::Report> LogVerification::run(
    const std::function<Result<VerifyReport>()>& verify) {
  std::unique_lock lock(mutex_);
  if (!under_way_) {
    const auto own = std::make_shared<Run>();
    under_way_ = own;
    lock.unlock();
    auto report = std::make_shared<const Result<VerifyReport>>(verify());
    lock.lock();
    own->report = report;
    under_way_.reset();
    ended_.notify_all();
    return report;
  }
  if (waiting_ >= limits::audit_verify_waiting) {
    return fail(ErrorCode::busy, "the log is being verified, and others wait for it already");
  }
  const std::shared_ptr<Run> run = under_way_;
  ++waiting_;
  ended_.wait_for(lock, limits::audit_verify_deadline, [&] { return run->report != nullptr; });
  --waiting_;
  if (!run->report) return fail(ErrorCode::busy, "the log is still being verified");
  return run->report;
}

unsigned LogVerification::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

}  // namespace chancery
