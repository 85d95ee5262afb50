#include "core/cosigning.h"

#include <algorithm>
#include <cstdio>

#include "core/limits.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;

// How late a retry, or the end of a round, may be noticed.
constexpr auto kTick = 200ms;

}  // namespace

Cosigning::Cosigning(AuditLog& log, Store& store, const WitnessPolicy& policy,
                     const PostFactory& factory)
    : log_(log) {
  for (const WitnessPolicy::Witness& witness : policy.witnesses()) {
    if (witness.url.empty()) continue;
    const auto size = store.cosigned_size(witness.verifier.vkey());
    workers_.push_back({WitnessSubmission(log, store, witness, factory(stopping_)),
                        {.name = witness.name, .size = size.value_or(0), .problem = {}}});
  }
  for (Worker& worker : workers_) worker.thread = std::thread([this, &worker] { run(worker); });
}

Cosigning::~Cosigning() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (Worker& worker : workers_) worker.thread.join();
}

void Cosigning::wake() {
  changed_.notify_all();
}

Result<void> Cosigning::ask_all() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limits::witness_deadline, [this] {
    return log_.signed_checkpoint().note.empty() ||
           std::ranges::all_of(workers_, [](const Worker& worker) { return worker.asked; });
  });
  if (log_.healthy()) return {};
  return fail(ErrorCode::internal, log_.problem());
}

std::vector<Cosigning::Status> Cosigning::status() const {
  const std::lock_guard lock(mutex_);
  std::vector<Status> all;
  for (const Worker& worker : workers_) all.push_back(worker.status);
  return all;
}

void Cosigning::run(Worker& worker) {
  std::unique_lock lock(mutex_);
  while (!stopping_ && !log_.ended()) {
    advance();
    if (target_.note.empty() || worker.done == target_.size ||
        SteadyClock::now() < worker.retry_at) {
      changed_.wait_for(lock, kTick);
      continue;
    }
    const AuditLog::SignedCheckpoint target = target_;
    lock.unlock();
    const auto outcome = worker.submission.submit(target);
    lock.lock();
    note_outcome(worker, target.size, outcome);
    changed_.notify_all();
  }
  worker.asked = true;  // nothing more will come
  changed_.notify_all();
}

/// The newest checkpoint becomes the target once nobody works at the one before it, or too long.
void Cosigning::advance() {
  AuditLog::SignedCheckpoint newest = log_.signed_checkpoint();
  if (newest.size == target_.size) return;
  const auto at = SteadyClock::now();
  const bool over = at - target_since_ >= limits::witness_round;
  const bool all = std::ranges::all_of(workers_, [this](const Worker& worker) {
    return worker.done == target_.size || worker.delay > 0ms;
  });
  if (!over && !all) return;
  target_ = std::move(newest);
  target_since_ = at;
  changed_.notify_all();
}

void Cosigning::note_outcome(Worker& worker, std::uint64_t size, const Result<void>& outcome) {
  worker.asked = true;
  if (outcome) {
    worker.done = size;
    worker.delay = 0ms;
    worker.status.size = std::max(worker.status.size, size);
    worker.status.at = now();
    worker.status.problem.clear();
    return;
  }
  if (stopping_) return;
  ++worker.status.failures;
  // One line when it begins, not one for each attempt.
  if (worker.status.problem.empty()) {
    std::fprintf(stderr, "chanceryd: witness %s: %s%s%s\n", worker.status.name.c_str(),
                 outcome.error().message.c_str(), outcome.error().detail.empty() ? "" : ": ",
                 outcome.error().detail.c_str());
  }
  worker.status.problem = outcome.error().message;
  worker.delay = worker.delay == 0ms ? std::chrono::milliseconds(limits::witness_retry_delay)
                                     : std::min<std::chrono::milliseconds>(
                                           worker.delay * 2, limits::witness_retry_delay_at_most);
  worker.retry_at = SteadyClock::now() + worker.delay;
}

}  // namespace chancery
