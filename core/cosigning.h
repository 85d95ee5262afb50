#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/witness_submission.h"

namespace chancery {

/// Has every signed checkpoint cosigned by the policy's witnesses, each on a thread of its own, so
/// that one which is slow or down delays no other. All of them are asked to sign the same
/// checkpoint, so that a quorum comes together, and go on to the newest one when they have, or when
/// limits::witness_round is over.
class Cosigning {
 public:
  /// Makes what sends to one witness; `stopping` becomes true when it should give up.
  using PostFactory = std::function<WitnessSubmission::Post(const std::atomic<bool>& stopping)>;

  /// Asks those of the policy's witnesses that have a URL. All that is given outlives this.
  Cosigning(AuditLog& log, Store& store, const WitnessPolicy& policy, const PostFactory& factory);
  /// Gives up what is under way.
  ~Cosigning();

  /// There is a new signed checkpoint.
  void wake();
  /// For the start: whether the witnesses let this log go on. Waits until each has answered or
  /// failed to, once; where nothing is signed yet not at all; at most limits::witness_deadline, so
  /// that one which is down keeps nobody from starting. internal with what a witness knows.
  Result<void> ask_all();

  /// How it stands with one witness.
  struct Status {
    std::string name;
    std::uint64_t size = 0;  ///< last cosigned since the start, or before it
    Time at{};               ///< when; the epoch where not since the start
    std::uint64_t failures = 0;
    std::string problem = {};  ///< of the last attempt; empty where it went well
  };
  [[nodiscard]] std::vector<Status> status() const;

 private:
  using SteadyClock = std::chrono::steady_clock;
  struct Worker {
    WitnessSubmission submission;
    Status status;
    std::uint64_t done = 0;  ///< size of the last target that it need not be asked for again
    bool asked = false;
    std::chrono::milliseconds delay{};
    SteadyClock::time_point retry_at{};
    std::thread thread = {};
  };
  void run(Worker& worker);
  void advance();
  void note_outcome(Worker& worker, std::uint64_t size, const Result<void>& outcome);

  AuditLog& log_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  AuditLog::SignedCheckpoint target_;
  SteadyClock::time_point target_since_{};
  std::deque<Worker> workers_;
};

}  // namespace chancery
