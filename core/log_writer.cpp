#include "core/log_writer.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/limits.h"

namespace chancery {
namespace {

// The mark may lag: recovery then reads this many entries more, and a commit writes a page less.
constexpr std::uint64_t kMarkStride = 1024;
constexpr std::size_t kScanRows = 1024;

// After a commit that this many shared, the next one lets the others run first, in rounds.
constexpr std::size_t kCrowd = 4;
constexpr int kGatherRounds = 8;

Failure refusal(std::string_view reason, const std::string& problem) {
  return fail(ErrorCode::store_unavailable,
              "the audit log takes no records: " + std::string(reason), "", problem);
}

/// The rows that a record adds name the entries that explain them.
struct FillIn {
  const Submission& submission;

  void operator()(AddCertificate& change) const {
    change.row.outcome = submission.index;
    if (submission.role == Submission::Role::outcome) change.row.intent = submission.concludes;
  }
  void operator()(AddRevocation& change) const {
    change.row.entry = submission.index;
    change.row.revoked_at = submission.time;
  }
  void operator()(PutRenewalRequest& change) const { change.row.entry = submission.index; }
  void operator()(AddKey& change) const { change.row.entry = submission.index; }
  void operator()(AddCa& change) const { change.row.entry = submission.index; }
  void operator()(AddLogKeys& change) const { change.row.entry = submission.index; }
  void operator()(AddCrlShards& change) const { change.row.entry = submission.index; }
  void operator()(AddMachine& change) const { change.row.entry = submission.index; }
  void operator()(ClaimRequest& change) const { change.row.intent = submission.index; }
  void operator()(AnswerRequest& change) const { change.outcome = submission.index; }
  void operator()(UseQuota& change) const { change.at = submission.time; }
  void operator()(AddApproval& change) const {
    change.row.entry = change.row.last_entry = submission.index;
  }
  void operator()(GiveApproval& change) const {
    change.row.entry = submission.index;
    change.row.given_at = submission.time;
  }
  void operator()(UseApproval& change) const { change.at = submission.time; }
  void operator()(const auto&) const {}
};

Failure malformed(std::uint64_t index) {
  return fail(ErrorCode::internal, "entry " + std::to_string(index) + " of the log does not parse");
}

/// Intents at or after `mark` without an outcome, in order.
Result<std::vector<LogWriter::OpenIntent>> find_open_intents(Store& store, std::uint64_t mark,
                                                             std::uint64_t size) {
  std::map<std::uint64_t, std::string> open;
  for (std::uint64_t index = mark; index < size;) {
    // Of those that end before the mark, some may have been removed.
    ASSIGN_OR_RETURN(auto entries, store.entries_from(index, size, kScanRows));
    if (entries.empty()) return malformed(index);
    for (auto& [number, text] : entries) {
      index = number;
      const auto entry = nlohmann::json::parse(text, nullptr, false);
      if (!entry.is_object()) return malformed(index);
      const auto kind = entry.value("kind", nlohmann::json());
      if (kind == name_of(EntryKind::intent)) open.emplace(index, std::move(text));
      if (kind == name_of(EntryKind::outcome)) {
        const auto intent = entry.find("intent");
        if (intent == entry.end() || !intent->is_number_unsigned()) return malformed(index);
        open.erase(intent->get<std::uint64_t>());
      }
      ++index;
    }
  }
  std::vector<LogWriter::OpenIntent> intents;
  for (auto& [index, text] : open) intents.push_back({index, std::move(text)});
  return intents;
}

Result<Time> time_of_entry(Store& store, std::uint64_t index) {
  ASSIGN_OR_RETURN(const std::string text, store.entry(index));
  const auto entry = nlohmann::json::parse(text, nullptr, false);
  if (!entry.is_object() || !entry.contains("time") || !entry["time"].is_string()) {
    return malformed(index);
  }
  const auto time = from_rfc3339(entry["time"].get<std::string>());
  if (!time) return malformed(index);
  return *time;
}

}  // namespace

Result<std::unique_ptr<LogWriter>> LogWriter::open(Store& store, std::string reserve) {
  ASSIGN_OR_RETURN(GrowingTree tree, GrowingTree::open(store));
  const std::uint64_t size = tree.size();
  Time last_time{};
  if (size > 0) {
    ASSIGN_OR_RETURN(last_time, time_of_entry(store, size - 1));
  }
  ASSIGN_OR_RETURN(const std::uint64_t mark, store.recovery_mark());
  if (mark > size) {
    return fail(ErrorCode::internal, "the log is shorter than where its recovery begins");
  }
  ASSIGN_OR_RETURN(auto left_open, find_open_intents(store, mark, size));
  std::unique_ptr<LogWriter> writer(new LogWriter(store, std::move(reserve), std::move(tree),
                                                  last_time, mark, std::move(left_open)));
  RETURN_IF_ERROR(writer->reserve_.take());
  return writer;
}

LogWriter::LogWriter(Store& store, std::string reserve, GrowingTree tree, Time last_time,
                     std::uint64_t mark, std::vector<OpenIntent> left_open)
    : store_(store),
      tree_(std::move(tree)),
      put_tile_([&store](unsigned level, std::uint64_t index, ByteView hashes, const Hash& root) {
        return store.put_tile(level, index, hashes, root);
      }),
      mark_(mark),
      reserve_(std::move(reserve)),
      left_open_(std::move(left_open)),
      last_time_(last_time),
      durable_(tree_.frontier()),
      first_open_(mark) {
  for (const OpenIntent& intent : left_open_) open_intents_.insert(intent.index);
  first_open_ = first_open();
  thread_ = std::thread([this] { run(); });
}

LogWriter::~LogWriter() {
  {
    std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  thread_.join();
}

Result<std::uint64_t> LogWriter::submit(Submission& submission, Admission admission) {
  ASSIGN_OR_RETURN(const auto batch, enqueue(submission, admission));
  batch->done.wait();
  if (submission.error) return Failure(*submission.error);
  return submission.index;
}

std::vector<Result<std::uint64_t>> LogWriter::submit_all(std::span<Submission> submissions) {
  std::vector<Result<std::shared_ptr<Batch>>> batches;
  batches.reserve(submissions.size());
  for (Submission& submission : submissions) {
    batches.push_back(enqueue(submission, Admission::bounded));
  }
  std::vector<Result<std::uint64_t>> results;
  results.reserve(submissions.size());
  for (std::size_t i = 0; i < submissions.size(); ++i) {
    if (batches[i]) (*batches[i])->done.wait();
    if (!batches[i]) {
      results.push_back(Failure(batches[i].error()));
    } else if (submissions[i].error) {
      results.push_back(Failure(*submissions[i].error));
    } else {
      results.emplace_back(submissions[i].index);
    }
  }
  return results;
}

Result<std::shared_ptr<LogWriter::Batch>> LogWriter::enqueue(Submission& submission,
                                                             Admission admission) {
  if (submission.draft.text.size() > limits::entry_bytes) {
    return fail(ErrorCode::too_large, "the record is longer than an entry of the log may be");
  }
  std::shared_ptr<Batch> batch;
  bool wake_writer = false;
  {
    std::lock_guard guard(mutex_);
    submission.reserved = admission == Admission::reserved;
    if (closed_ || (!submission.reserved && !healthy())) return refusal(reason_, problem_);
    if (admission == Admission::bounded && waiting_ >= limits::records_waiting) {
      return fail(ErrorCode::busy, "too many records wait for the audit log");
    }
    // The clock is read where the order is made, so that time never runs backwards in the log; a
    // clock that was set back stands still until it has caught up.
    last_time_ = std::max(now(), last_time_);
    submission.time = last_time_;
    if (queue_.empty() || queue_.back()->submissions.size() >= limits::records_per_commit) {
      queue_.push_back(std::make_shared<Batch>());
    }
    batch = queue_.back();
    batch->submissions.push_back(&submission);
    ++waiting_;
    wake_writer = std::exchange(idle_, false);
  }
  if (wake_writer) work_.notify_one();
  return batch;
}

MerkleFrontier LogWriter::durable() const {
  std::lock_guard guard(mutex_);
  return durable_;
}

std::uint64_t LogWriter::first_open_intent() const {
  std::lock_guard guard(mutex_);
  return first_open_;
}

std::string LogWriter::problem() const {
  std::lock_guard guard(mutex_);
  return problem_;
}

std::size_t LogWriter::waiting() const {
  std::lock_guard guard(mutex_);
  return waiting_;
}

void LogWriter::run() {
  while (const auto batch = next_batch()) {
    if (batch->submissions.empty()) {
      try_to_go_on();
    } else {
      serve(*batch);
      batch->done.open();
    }
  }
}

void LogWriter::serve(Batch& batch) {
  if (!in_step_ && !read_back()) return abandon(batch);
  const auto written = write(batch);
  if (written) {
    tidy();
    return;
  }
  const StoreFaultRow fault = store_.fault();
  store_.roll_back();
  in_step_ = false;
  if (fault.fault == StoreFault::passing) {
    suspend(fault, written.error());
    return write_outcomes(batch);
  }
  close(fault, written.error());
  fail_all(batch);
}

std::shared_ptr<LogWriter::Batch> LogWriter::next_batch() {
  std::unique_lock guard(mutex_);
  while (queue_.empty() && !stopping_) {
    idle_ = true;
    if (!suspended_) {
      work_.wait(guard);
    } else if (work_.wait_for(guard, limits::store_probe_interval) == std::cv_status::timeout) {
      return std::make_shared<Batch>();
    }
  }
  idle_ = false;
  gather(guard);
  if (queue_.empty()) return nullptr;
  auto batch = std::move(queue_.front());
  queue_.pop_front();
  shared_by_ = batch->submissions.size();
  waiting_ -= shared_by_;
  return batch;
}

/// Where many submit at once, more are about to: each that joins saves a commit of its own. So the
/// processor goes to whoever is ready to run, until nobody joins any more. With a processor idle
/// this waits for nothing; sleeping instead, 8 clients had a quarter fewer signatures.
void LogWriter::gather(std::unique_lock<std::mutex>& guard) {
  if (shared_by_ < kCrowd) return;
  std::size_t before = 0;
  for (int round = 0; round < kGatherRounds && waiting_ > before && !stopping_; ++round) {
    before = waiting_;
    guard.unlock();
    std::this_thread::yield();
    guard.lock();
  }
}

Result<void> LogWriter::write(Batch& batch) {
  const std::uint64_t before = tree_.size();
  RETURN_IF_ERROR(store_.begin());
  for (Submission* submission : batch.submissions) {
    RETURN_IF_ERROR(write(*submission));
    submission->written = true;
  }
  RETURN_IF_ERROR(advance_mark());
  // Crash point: nothing of this batch is on the disk, and nobody was told that it is.
  RETURN_IF_ERROR(store_.commit());
  // Crash point: all of it is on the disk, and nobody was told. An intent among it is found open at
  // the next start; an outcome's answer is given to whoever repeats the request.
  entries_.fetch_add(tree_.size() - before, std::memory_order_relaxed);
  commits_.fetch_add(1, std::memory_order_relaxed);
  std::lock_guard guard(mutex_);
  durable_ = tree_.frontier();
  first_open_ = first_open();
  return {};
}

Result<void> LogWriter::write(Submission& submission) {
  if (submission.checkpoint) return store_.put_checkpoint(*submission.checkpoint);
  if (submission.cosignature) return store_.put_cosignature(*submission.cosignature);
  if (submission.pruning) return store_.prune(*submission.pruning);
  return write_entry(submission);
}

Result<void> LogWriter::write_entry(Submission& submission) {
  submission.index = tree_.size();
  const std::string time = to_rfc3339(submission.time);
  std::string& text = submission.draft.text;
  text.replace(submission.draft.time_at, time.size(), time);
  for (StoreChange& change : submission.changes) std::visit(FillIn{submission}, change);

  Store::PendingEntry entry{submission.index, std::move(text), std::move(submission.changes)};
  auto applied = store_.apply(entry);
  text = std::move(entry.text);  // it may have to be written again
  submission.changes = std::move(entry.changes);
  if (!applied) return Failure(std::move(applied.error()));
  if (applied->refused) {
    submission.error = std::move(applied->refused);
    return {};
  }
  RETURN_IF_ERROR(tree_.append(bytes_of(text), put_tile_));
  switch (submission.role) {
    case Submission::Role::plain:
      break;
    case Submission::Role::intent:
      open_intents_.insert(submission.index);
      break;
    case Submission::Role::outcome:
      CHECK(open_intents_.erase(submission.concludes) == 1);
      break;
  }
  return {};
}

/// What is committed stays so; only what comes next is in doubt.
bool LogWriter::tidy() {
  const auto tidied = store_.tidy();
  if (tidied) return true;
  const StoreFaultRow fault = store_.fault();
  if (fault.fault == StoreFault::passing) {
    suspend(fault, tidied.error());
  } else {
    close(fault, tidied.error());
  }
  return false;
}

std::uint64_t LogWriter::first_open() const {
  return open_intents_.empty() ? tree_.size() : *open_intents_.begin();
}

Result<void> LogWriter::advance_mark() {
  if (first_open() < mark_ + kMarkStride) return {};
  mark_ = first_open();
  return store_.put_recovery_mark(mark_);
}

}  // namespace chancery
