#include "core/log_writer.h"

// What the log's writer does when the store fails, and when the fault is gone again.

#include <map>

#include "core/limits.h"
#include "core/unknown_outcome.h"

namespace chancery {
namespace {

constexpr std::string_view kNotKept = "a checkpoint could not be kept";
constexpr std::string_view kClosed = "it is closed";

std::string describe(const Error& error) {
  return error.message + (error.detail.empty() ? "" : ": " + error.detail);
}

}  // namespace

bool LogWriter::ended() const {
  const std::lock_guard guard(mutex_);
  return closed_;
}

std::string LogWriter::reason() const {
  const std::lock_guard guard(mutex_);
  return std::string(refusing_ ? reason_ : "");
}

std::vector<std::string_view> LogWriter::reasons() {
  std::vector<std::string_view> all = store_fault_reasons();
  all.insert(all.end(), {kNotKept, kClosed});
  return all;
}

void LogWriter::suspend(const StoreFaultRow& fault, const Error& error) {
  suspended_for_ = fault.reason;
  const std::lock_guard guard(mutex_);
  if (closed_) return;
  if (!suspended_.exchange(true)) ++suspensions_;
  reason_ = fault.reason;
  problem_ = std::string(fault.reason) + " (" + describe(error) + ")";
  refusing_ = true;
}

void LogWriter::close(const StoreFaultRow& fault, const Error& error) {
  needs_restart_ = fault.fault == StoreFault::uncertain;
  // Whether the last transaction is on the disk is not known (and after a failed flush cannot be
  // found out by trying again), so nothing is appended to it. The next start reads what is there.
  store_.leave_as_is();
  end(fault.reason, error);
}

void LogWriter::close(const Error& error) {
  end(kClosed, error);
}

void LogWriter::end(std::string_view reason, const Error& error) {
  std::deque<std::shared_ptr<Batch>> abandoned;
  {
    const std::lock_guard guard(mutex_);
    if (!std::exchange(closed_, true)) {
      reason_ = reason;
      problem_ = describe(error);
    }
    refusing_ = true;
    suspended_ = false;
    abandoned.swap(queue_);
    waiting_ = 0;
  }
  for (const auto& batch : abandoned) {
    fail_all(*batch);
    batch->done.open();
  }
}

void LogWriter::hold(const Error& error) {
  const std::lock_guard guard(mutex_);
  held_ = describe(error);
  if (!refusing_) refuse_for_checkpoint();
}

void LogWriter::refuse_for_checkpoint() {
  reason_ = kNotKept;
  problem_ = *held_;
  refusing_ = true;
}

void LogWriter::release() {
  const std::lock_guard guard(mutex_);
  if (!std::exchange(held_, std::nullopt) || suspended_ || closed_) return;
  refusing_ = false;
  problem_.clear();
}

bool LogWriter::was_abandoned(std::uint64_t intent) const {
  const std::lock_guard guard(mutex_);
  return concluded_late_.contains(intent);
}

void LogWriter::fail_all(Batch& batch) {
  const std::lock_guard guard(mutex_);
  for (Submission* submission : batch.submissions) {
    submission->error =
        Error{ErrorCode::store_unavailable,
              "the audit log takes no records: " + std::string(reason_), "", problem_};
  }
}

/// The tree and the open intents as the store has them, after a transaction that was rolled back.
bool LogWriter::read_back() {
  auto tree = GrowingTree::open(store_);
  const auto mark = store_.recovery_mark();
  if (!tree || !mark) return false;
  tree_ = std::move(*tree);
  mark_ = *mark;
  in_step_ = true;
  return true;
}

/// Of a batch that could not be written: what is owed to signatures that are made already goes
/// first, into the room that was kept for it; the rest is refused.
void LogWriter::write_outcomes(Batch& batch) {
  Batch reserved, refused;
  for (Submission* submission : batch.submissions) {
    if (std::exchange(submission->written, false) && !submission->error) {
      if (submission->role == Submission::Role::intent) open_intents_.erase(submission->index);
      if (submission->role == Submission::Role::outcome) {
        open_intents_.insert(submission->concludes);
      }
    }
    submission->error.reset();
    (submission->reserved ? reserved : refused).submissions.push_back(submission);
  }
  fail_all(refused);
  if (reserved.submissions.empty()) {
    read_back();
    return;
  }
  reserve_.release();
  if (read_back()) {
    const auto written = write(reserved);
    if (written) return;
    const StoreFaultRow fault = store_.fault();
    store_.roll_back();
    in_step_ = false;
    if (fault.fault != StoreFault::passing) close(fault, written.error());
  }
  abandon(reserved);
}

/// What cannot be written now. Outcomes are owed: they come as "unknown" once the log goes on.
void LogWriter::abandon(Batch& batch) {
  for (const Submission* submission : batch.submissions) {
    if (submission->role != Submission::Role::outcome) continue;
    open_intents_.insert(submission->concludes);
    abandoned_.insert(submission->concludes);
  }
  fail_all(batch);
}

/// The terminal records of intents whose outcome could not be written, and that the log goes on.
Result<std::vector<Submission>> LogWriter::what_is_owed() {
  std::vector<Submission> owed;
  for (const std::uint64_t intent : abandoned_) {
    ASSIGN_OR_RETURN(std::string text, store_.entry(intent));
    ASSIGN_OR_RETURN(
        Submission outcome,
        unknown_outcome({intent, std::move(text)}, "not recorded: " + std::string(suspended_for_)));
    owed.push_back(std::move(outcome));
  }
  AuditEntry entry(EntryKind::log);
  entry.set("event", "resumed").set("reason", suspended_for_);
  owed.push_back(Submission{entry.draft(), {}});
  return owed;
}

void LogWriter::try_to_go_on() {
  if (!in_step_ && !read_back()) return;
  if (!reserve_.take() || !tidy()) return;
  auto owed = what_is_owed();
  if (!owed) return close(owed.error());
  Batch batch;
  {
    const std::lock_guard guard(mutex_);
    last_time_ = std::max(now(), last_time_);
    for (Submission& submission : *owed) {
      submission.time = last_time_;
      batch.submissions.push_back(&submission);
    }
    // What was let in meanwhile comes behind these in the log, and so not before them in time.
    for (const auto& queued : queue_) {
      for (Submission* submission : queued->submissions) submission->time = last_time_;
    }
  }
  if (const auto written = write(batch); !written) {
    const StoreFaultRow fault = store_.fault();
    store_.roll_back();
    in_step_ = false;
    for (const Submission& submission : *owed) {
      if (submission.role == Submission::Role::outcome) open_intents_.insert(submission.concludes);
    }
    if (fault.fault != StoreFault::passing) close(fault, written.error());
    return;
  }
  const std::lock_guard guard(mutex_);
  concluded_late_.merge(abandoned_);
  abandoned_.clear();
  suspended_ = false;
  if (closed_) return;
  if (held_) return refuse_for_checkpoint();
  refusing_ = false;
  problem_.clear();
}

}  // namespace chancery
