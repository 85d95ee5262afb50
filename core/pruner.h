#pragma once

#include <atomic>
#include <mutex>

#include "core/instance.h"
#include "core/pruning_plan.h"

namespace chancery {

/// Removes from the log what its retention (config.yaml's log.retention) allows: recorded first,
/// under a published checkpoint before anything goes, and then in small steps beside all else. What
/// a crash leaves to be removed, work() goes on with.
class Pruner {
 public:
  /// `instance` outlives it.
  explicit Pruner(Instance& instance) : instance_(instance) {}

  /// What would go now. conflict where config.yaml names no retention, and while an earlier one
  /// still removes; busy while another caller looks; forbidden by the policy.
  Result<PruningPlan> preview(const Caller& caller);
  /// Records the pruning; work() carries it out. The value's entry is that which records it; 0
  /// where there is nothing to remove, and nothing was recorded. The errors of preview(), and
  /// conflict where a certificate that would have gone was changed meanwhile.
  struct Begun {
    PruningPlan plan;
    std::uint64_t entry = 0;
  };
  Result<Begun> prune(const Caller& caller);

  /// Removes what a published checkpoint lets go, until nothing is left or stop().
  void work();
  /// Ends work() soon, for good.
  void stop() { stopping_ = true; }
  /// Whether a pruning is not done.
  [[nodiscard]] Result<bool> is_open();
  /// Why it could not go on; empty where it did the last time.
  [[nodiscard]] std::string problem() const;

 private:
  Result<void> expect_possible(const Caller& caller);
  Result<PruningPlan> plan(Time at);
  Result<std::uint64_t> record(const Caller& caller, const Permit& permitted,
                               const PruningPlan& plan, Time at);
  Result<void> write_down(const PruningPlan& plan);
  Result<std::optional<PruningRecord>> open_one();
  Result<void> remove();
  Result<void> drop_leftovers();
  Result<void> drop_plan();

  Instance& instance_;
  std::mutex previewing_, planning_;  ///< one at a time
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::string problem_;
};

}  // namespace chancery
