#include "core/pruner.h"

#include <algorithm>

#include "core/limits.h"

namespace chancery {
namespace {

const PolicyQuestion kQuestion{.operation = Operation::log_prune};

}  // namespace

Result<void> Pruner::expect_possible(const Caller& caller) {
  const auto refuse = [&](std::string message) -> Failure {
    return instance_.service().refuse_malformed(
        caller, kQuestion.operation,
        Error{ErrorCode::conflict, std::move(message), "log.retention"});
  };
  if (!instance_.config().retention) {
    return refuse("config.yaml has no log.retention: nothing is ever removed from the log");
  }
  ASSIGN_OR_RETURN(const bool open, is_open());
  if (open) return refuse("an earlier pruning has not removed all it will yet");
  return {};
}

Result<PruningPlan> Pruner::plan(Time at) {
  return plan_pruning(instance_.store(), *instance_.config().retention, at,
                      instance_.log().published_size());
}

Result<PruningPlan> Pruner::preview(const Caller& caller) {
  // It reads the whole log below the minimum: one at a time.
  const std::unique_lock one_at_a_time(previewing_, std::try_to_lock);
  if (!one_at_a_time) return fail(ErrorCode::busy, "somebody else looks at what would go");
  RETURN_IF_ERROR(instance_.service().authorize_preview(caller, kQuestion));
  RETURN_IF_ERROR(expect_possible(caller));
  return plan(now());
}

Result<Pruner::Begun> Pruner::prune(const Caller& caller) {
  const std::lock_guard one_at_a_time(planning_);
  ASSIGN_OR_RETURN(const Permit permitted, instance_.service().permit(caller, kQuestion));
  RETURN_IF_ERROR(expect_possible(caller));
  const Time at = now();
  Begun begun;
  ASSIGN_OR_RETURN(begun.plan, plan(at));
  if (begun.plan.entries == 0) return begun;

  auto entry = record(caller, permitted, begun.plan, at);
  if (!entry) {
    (void)drop_plan();  // else work() does
    return Failure(std::move(entry.error()));
  }
  begun.entry = *entry;
  return begun;
}

Result<std::uint64_t> Pruner::record(const Caller& caller, const Permit& permitted,
                                     const PruningPlan& plan, Time at) {
  // From here on nobody changes the certificates that go. What was changed before is not in the
  // second plan, which begins after that.
  RETURN_IF_ERROR(write_down(plan));
  ASSIGN_OR_RETURN(const PruningPlan again, this->plan(at));
  if (!is_part_of(plan, again)) {
    return fail(ErrorCode::conflict,
                "a certificate that would be removed was changed meanwhile; ask again");
  }
  AuditEntry entry = pruning_entry(plan, *instance_.config().retention);
  // Crash point behind it: recorded, and nothing is removed. work() begins once a checkpoint is
  // published that covers the entry, in this run or the next.
  return instance_.log().record(caller.context, permitted, std::move(entry),
                                {AddPruning{{.minimum = plan.minimum,
                                             .entries = plan.entries,
                                             .certificates = plan.certificates,
                                             .revocations = plan.revocations}}});
}

Result<void> Pruner::write_down(const PruningPlan& plan) {
  AuditLog& log = instance_.log();
  RETURN_IF_ERROR(drop_plan());
  for (std::size_t next = 0; next < plan.ranges.size(); next += limits::pruning_ranges) {
    const auto begin = plan.ranges.begin() + static_cast<std::ptrdiff_t>(next);
    const auto left = plan.ranges.end() - begin;
    PlanPruning part{{begin, begin + std::min<std::ptrdiff_t>(left, limits::pruning_ranges)}};
    // Crash point: a part is planned and nothing recorded. The next start drops it.
    RETURN_IF_ERROR(log.prune(std::move(part)));
  }
  return {};
}

Result<std::optional<PruningRecord>> Pruner::open_one() {
  ASSIGN_OR_RETURN(auto all, instance_.store().prunings());
  if (all.empty() || all.back().done) return std::optional<PruningRecord>();
  return std::optional(all.back());
}

Result<bool> Pruner::is_open() {
  ASSIGN_OR_RETURN(const auto open, open_one());
  return open.has_value();
}

void Pruner::work() {
  const auto removed = remove();
  const std::lock_guard lock(mutex_);
  problem_ = removed ? "" : removed.error().message;
}

Result<void> Pruner::remove() {
  Store& store = instance_.store();
  ASSIGN_OR_RETURN(const auto open, open_one());
  if (!open) return drop_leftovers();
  if (instance_.log().published_size() <= open->entry) return {};
  const Time at = now();
  for (bool more = true; more && !stopping_;) {
    ASSIGN_OR_RETURN(more, store.has_expired_request(at));
    if (more) RETURN_IF_ERROR(instance_.log().prune(RemoveExpiredRequests{at}));
  }
  while (!stopping_) {
    ASSIGN_OR_RETURN(RemoveEntries step, next_removal(store));
    const bool last = step.ranges.empty();
    // Crash point: each step is whole or not there; the next start goes on with what is left.
    RETURN_IF_ERROR(instance_.log().prune(std::move(step)));
    if (last) return {};
  }
  return {};
}

/// A plan that a crash left before it was recorded.
Result<void> Pruner::drop_leftovers() {
  const std::unique_lock planning(planning_, std::try_to_lock);
  if (!planning) return {};
  return drop_plan();
}

/// In steps that nobody's record waits for long. Of an open pruning nothing is dropped.
Result<void> Pruner::drop_plan() {
  for (;;) {
    ASSIGN_OR_RETURN(const auto open, open_one());
    if (open) return {};
    ASSIGN_OR_RETURN(const auto ranges, instance_.store().pruning_ranges(0, 1));
    if (ranges.empty()) return {};
    RETURN_IF_ERROR(instance_.log().prune(DropPruningPlan{}));
  }
}

std::string Pruner::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

}  // namespace chancery
