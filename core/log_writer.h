#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "core/audit_entry.h"
#include "core/gate.h"
#include "core/growing_tree.h"
#include "core/reserve.h"
#include "core/store.h"

namespace chancery {

/// What a thread wants in the log, and after submit() what became of it.
struct Submission {
  enum class Role { plain, intent, outcome };

  AuditEntry::Draft draft;
  std::vector<StoreChange> changes;  ///< the writer fills in the indices of the entries
  Role role = Role::plain;
  std::uint64_t concludes = 0;                        ///< of an outcome: its intent
  std::optional<CheckpointRecord> checkpoint = {};    ///< written instead of an entry
  std::optional<CosignatureRecord> cosignature = {};  ///< the same
  std::optional<PruningStep> pruning = {};            ///< the same

  bool reserved = false;  ///< LogWriter::Admission
  Time time = {};
  bool written = false;  ///< in the transaction under way
  std::uint64_t index = 0;
  std::optional<Error> error = {};
};

/// One thread that writes what all others submit: it takes whatever waits, up to
/// limits::records_per_commit, commits it in one transaction, and wakes those who wait for it.
/// While it is at that, the next batch gathers.
///
/// A failure of the store that may pass (StoreFault) suspends it: records are refused, but the
/// outcomes of intents that are durable are still written, into the reserve where the disk is full.
/// It tries every limits::store_probe_interval whether the fault is gone, then concludes what could
/// not be written meanwhile, records that it goes on, and does. Any other failure closes it.
class LogWriter {
 public:
  /// An intent that had no terminal record when the log was opened.
  struct OpenIntent {
    std::uint64_t index = 0;
    std::string text;
  };

  /// Reads the right edge of the tree, the last time and the open intents from the store, and takes
  /// the reserve, a file; none where it is empty.
  static Result<std::unique_ptr<LogWriter>> open(Store& store, std::string reserve = {});
  /// Commits what waits, then stops.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  enum class Admission {
    bounded,   ///< "busy" while limits::records_waiting wait
    reserved,  ///< for what was admitted before: an outcome is never turned away
  };
  /// Returns when it is durable: the index of the entry. A failed precondition is its error, and
  /// nothing of it is written; after a failure of the store everything is store_unavailable.
  Result<std::uint64_t> submit(Submission& submission, Admission admission);

  /// Submits all of them before it waits for any, bounded; what became of each.
  std::vector<Result<std::uint64_t>> submit_all(std::span<Submission> submissions);

  /// Ends it for good.
  void close(const Error& error);
  /// For what must be durable beside the store: suspends it, until release().
  void hold(const Error& error);
  void release();

  [[nodiscard]] const std::vector<OpenIntent>& left_open() const { return left_open_; }
  [[nodiscard]] MerkleFrontier durable() const;
  /// Every intent before this index has its terminal record, durably.
  [[nodiscard]] std::uint64_t first_open_intent() const;
  /// Takes records: neither suspended nor closed.
  [[nodiscard]] bool healthy() const { return !refusing_.load(std::memory_order_acquire); }
  /// Closed for good.
  [[nodiscard]] bool ended() const;
  /// Why it takes no records, one of reasons(); empty while it does.
  [[nodiscard]] std::string reason() const;
  static std::vector<std::string_view> reasons();
  [[nodiscard]] bool has_reserve() const { return reserve_.taken(); }
  /// Closed, because what is on the disk only a new start can tell.
  [[nodiscard]] bool needs_restart() const { return needs_restart_.load(); }
  /// Whether this intent's outcome could not be written when it came, and it was concluded since.
  [[nodiscard]] bool was_abandoned(std::uint64_t intent) const;
  [[nodiscard]] std::uint64_t suspensions() const { return suspensions_.load(); }
  [[nodiscard]] std::string problem() const;
  [[nodiscard]] std::uint64_t entries() const { return entries_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t commits() const { return commits_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t waiting() const;

 private:
  /// What one transaction will hold. Those who submitted wait at `done`.
  struct Batch {
    std::vector<Submission*> submissions;
    Gate done;
  };

  LogWriter(Store& store, std::string reserve, GrowingTree tree, Time last_time, std::uint64_t mark,
            std::vector<OpenIntent> left_open);
  Result<std::shared_ptr<Batch>> enqueue(Submission& submission, Admission admission);
  void run();
  std::shared_ptr<Batch> next_batch();
  void gather(std::unique_lock<std::mutex>& guard);
  void serve(Batch& batch);
  void fail_all(Batch& batch);
  Result<void> write(Batch& batch);
  bool tidy();

  // After a failure.
  void suspend(const StoreFaultRow& fault, const Error& error);
  void close(const StoreFaultRow& fault, const Error& error);
  void end(std::string_view reason, const Error& error);
  void refuse_for_checkpoint();
  void write_outcomes(Batch& batch);
  void abandon(Batch& batch);
  bool read_back();
  void try_to_go_on();
  Result<std::vector<Submission>> what_is_owed();

  Result<void> write(Submission& submission);
  Result<void> write_entry(Submission& submission);
  [[nodiscard]] std::uint64_t first_open() const;
  Result<void> advance_mark();

  Store& store_;

  // The writer's own.
  GrowingTree tree_;
  const GrowingTree::TileSink put_tile_;
  std::set<std::uint64_t> open_intents_;
  std::uint64_t mark_;
  std::size_t shared_by_ = 0;  ///< how many the last commit was for
  Reserve reserve_;
  std::string_view suspended_for_;     ///< why, while it is suspended
  bool in_step_ = true;                ///< what is above is what the store has
  std::set<std::uint64_t> abandoned_;  ///< intents whose outcome could not be written
  const std::vector<OpenIntent> left_open_;

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<std::shared_ptr<Batch>> queue_;
  std::size_t waiting_ = 0;
  Time last_time_;
  bool idle_ = false;
  std::optional<std::string> held_;  ///< the problem
  bool stopping_ = false;
  bool closed_ = false;
  std::string problem_;
  std::string_view reason_;
  std::set<std::uint64_t> concluded_late_;
  MerkleFrontier durable_;
  std::uint64_t first_open_;

  std::atomic<bool> refusing_{false}, suspended_{false}, needs_restart_{false};
  std::atomic<std::uint64_t> suspensions_{0};
  std::atomic<std::uint64_t> entries_{0}, commits_{0};
  std::thread thread_;
};

}  // namespace chancery
