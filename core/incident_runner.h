#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>

#include "core/incidents.h"

namespace chancery {

/// Carries out the incidents that are open: batch after batch, at their rate, beside all else. What
/// is done is in the database; after a restart the certificates are read again, and those that are
/// revoked are passed over, so that each is revoked once.
class IncidentRunner {
 public:
  /// Everything given here outlives it. `revoked` is told of each revocation once it is durable.
  IncidentRunner(Incidents& incidents, SigningService& service, Store& store, AuditLog& log,
                 std::function<void(const Revocation&)> revoked)
      : incidents_(incidents),
        service_(service),
        store_(store),
        log_(log),
        revoked_(std::move(revoked)) {}

  /// Goes on with each open incident until there is nothing to do now, or stop().
  void work();
  /// Ends work() soon, for good.
  void stop();
  /// Why an incident could not go on; empty where none failed the last time it was tried.
  [[nodiscard]] std::string problem() const;
  /// Incidents that have not ended.
  [[nodiscard]] std::uint64_t open() const { return open_; }

 private:
  /// How far one has come in its state.
  struct Job {
    CertificateSelection selection;
    IncidentState state;
    std::deque<SelectedCertificate> batch;  ///< read, and not done yet

    void done(std::size_t count) {
      batch.erase(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(count));
    }
  };

  /// Whether there is more to do at once.
  Result<bool> step(const IncidentRecord& incident);
  Result<Job*> job(const IncidentRecord& incident);
  /// The next certificates to be handled, at most limits::incident_batch; empty at the end.
  Result<std::vector<SelectedCertificate>> take(const IncidentRecord& incident, Job& job);
  Result<bool> ask(const IncidentRecord& incident);
  Result<bool> wait_for_replacements(const IncidentRecord& incident);
  Result<bool> have_all_renewed(const IncidentRecord& incident);
  Result<bool> revoke(const IncidentRecord& incident);
  Result<void> finish(const IncidentRecord& incident);
  Result<void> move(const IncidentRecord& incident, IncidentState to, AuditEntry entry);
  void pace(const IncidentRecord& incident, std::size_t done,
            std::chrono::steady_clock::time_point began);
  void forget_all_but(const std::vector<IncidentRecord>& incidents);

  Incidents& incidents_;
  SigningService& service_;
  Store& store_;
  AuditLog& log_;
  const std::function<void(const Revocation&)> revoked_;
  std::map<IncidentName, Job> jobs_;
  std::atomic<std::uint64_t> open_{0};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::string problem_;
};

}  // namespace chancery
