#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/audit_entry.h"
#include "core/gate.h"
#include "core/growing_tree.h"
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

  Time time = {};
  std::uint64_t index = 0;
  std::optional<Error> error = {};
};

/// One thread that writes what all others submit: it takes whatever waits, up to
/// limits::records_per_commit, commits it in one transaction, and wakes those who wait for it.
/// While it is at that, the next batch gathers.
class LogWriter {
 public:
  /// An intent that had no terminal record when the log was opened.
  struct OpenIntent {
    std::uint64_t index = 0;
    std::string text;
  };

  /// Reads the right edge of the tree, the last time and the open intents from the store.
  static Result<std::unique_ptr<LogWriter>> open(Store& store);
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

  /// Ends it as a failure of the store would, for what must be durable beside the store.
  void close(const Error& error);

  [[nodiscard]] const std::vector<OpenIntent>& left_open() const { return left_open_; }
  [[nodiscard]] MerkleFrontier durable() const;
  [[nodiscard]] bool healthy() const { return !closed_.load(std::memory_order_acquire); }
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

  LogWriter(Store& store, GrowingTree tree, Time last_time, std::uint64_t mark,
            std::vector<OpenIntent> left_open);
  Result<std::shared_ptr<Batch>> enqueue(Submission& submission, Admission admission);
  void run();
  std::shared_ptr<Batch> next_batch();
  void gather(std::unique_lock<std::mutex>& guard);
  Result<void> write(Batch& batch);
  Result<void> write(Submission& submission);
  Result<void> write_entry(Submission& submission);
  Result<void> advance_mark();

  Store& store_;

  // The writer's own.
  GrowingTree tree_;
  const GrowingTree::TileSink put_tile_;
  std::set<std::uint64_t> open_intents_;
  std::uint64_t mark_;
  std::size_t shared_by_ = 0;  ///< how many the last commit was for
  const std::vector<OpenIntent> left_open_;

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<std::shared_ptr<Batch>> queue_;
  std::size_t waiting_ = 0;
  Time last_time_;
  bool idle_ = false;
  bool stopping_ = false;
  std::string problem_;
  MerkleFrontier durable_;

  std::atomic<bool> closed_{false};
  std::atomic<std::uint64_t> entries_{0}, commits_{0};
  std::thread thread_;
};

}  // namespace chancery
