#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "core/incident_report.h"
#include "core/incidents.h"

namespace chancery {

/// Carries out the incidents that are open: batch after batch, each at its own rate, beside all
/// else. What is done is in the database; after a restart the certificates are read again, and
/// those that are revoked are passed over, so that each is revoked once.
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

  /// Goes on with the open incidents until there is nothing to do now, or stop(): first with the
  /// one that has been due for longest, so that none has to wait for another's rate.
  void work();
  /// Makes work() see soon what was opened, approved or cancelled. Safe from any thread.
  void look_again();
  /// Ends work() soon, for good.
  void stop();
  /// Why an incident could not go on; empty where none failed the last time it was tried.
  [[nodiscard]] std::string problem() const;
  /// Incidents that have not ended.
  [[nodiscard]] std::uint64_t open() const { return open_; }

 private:
  using Clock = std::chrono::steady_clock;
  /// When there is more to do; nothing: not before something else has happened.
  using Next = std::optional<Clock::time_point>;

  /// How far one has come in its state.
  struct Job {
    CertificateSelection selection;
    Machine opener;
    std::deque<SelectedCertificate> batch;  ///< read, and not done yet
    std::uint64_t passed_over = 0;          ///< issued later, and not the opener's to revoke
    std::optional<std::uint64_t> intents;   ///< what these bring about is waited for
    std::optional<IncidentReportSummary> summary;

    void done(std::size_t count) {
      batch.erase(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(count));
    }
    /// Reads again later what is more than one batch, where it may take weeks.
    void keep_one_batch();
  };
  /// One that is open.
  struct Slot {
    IncidentRecord incident;  ///< with an empty selector
    std::optional<Job> job;
    Clock::time_point due;
    bool idle = false;  ///< due only because something else may have happened
    std::string problem;
  };

  bool must_read(Clock::time_point at);
  Result<void> read_open();
  Slot* first_due();
  [[nodiscard]] bool all_idle() const;
  void wait_until(Clock::time_point time);
  void serve(Slot& slot);
  void note_problem(const std::string& of_reading);

  Result<Next> step(Slot& slot);
  Result<Job*> job(Slot& slot);
  /// The next certificates to be handled, at most limits::incident_batch; empty at the end.
  Result<std::vector<SelectedCertificate>> take(const IncidentRecord& incident, Job& job);
  Result<Next> ask(Slot& slot);
  Result<Next> wait_for_replacements(Slot& slot);
  Result<Next> begin_to_revoke(Slot& slot);
  Result<Next> look_for_replacements(Slot& slot);
  Result<Next> revoke(Slot& slot);
  struct Permitted {
    std::vector<SelectedCertificate> certificates;
    std::uint64_t passed_over = 0;
  };
  Result<Permitted> permitted(const IncidentRecord& incident, const Job& job,
                              std::vector<SelectedCertificate> batch);
  Result<bool> needs_second_person(const IncidentRecord& incident,
                                   const std::vector<SelectedCertificate>& batch);
  Result<Next> go_back_to_waiting(Slot& slot);
  Result<Next> finish(Slot& slot, Job& job);
  Result<Next> move(Slot& slot, IncidentState to, AuditEntry entry);

  Incidents& incidents_;
  SigningService& service_;
  Store& store_;
  AuditLog& log_;
  const std::function<void(const Revocation&)> revoked_;
  std::map<IncidentName, Slot> slots_;
  Clock::time_point read_at_;  ///< the open ones
  bool moved_ = false;         ///< they are others since
  std::atomic<std::uint64_t> open_{0};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool again_ = false;
  std::string problem_;
};

}  // namespace chancery
