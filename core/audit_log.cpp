#include "core/audit_log.h"

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "core/durable_file.h"
#include "core/log_writer.h"
#include "core/signed_note.h"
#include "core/tile.h"
#include "core/unknown_outcome.h"

namespace chancery {
namespace {

// How far back a start looks for the checkpoint that was published last: witnesses that do not keep
// up with each other leave some without their quorum.
constexpr std::size_t kCosignedSizes = 1000;

using Role = Submission::Role;
using Admission = LogWriter::Admission;

std::string_view name_of(Conclusion conclusion) {
  switch (conclusion) {
    case Conclusion::ok:
      return "ok";
    case Conclusion::failed:
      return "failed";
    case Conclusion::unknown:
      return "unknown";
  }
  return "unknown";
}

void set_if_absent(AuditEntry& entry, std::string_view member, std::string_view value) {
  if (!entry.has(member)) entry.set(member, value);
}

void add_context(AuditEntry& entry, const RequestContext& context) {
  set_if_absent(entry, "request", context.id);
  set_if_absent(entry, "machine", context.machine.text());
  set_if_absent(entry, "source", context.machine.source);
}

void add_input(AuditEntry& entry, const SigningInput& input) {
  const auto& algorithm = row(input.algorithm);
  set_if_absent(entry, "key", input.key->name.text());
  set_if_absent(entry, "algorithm", algorithm.name);
  // Ed25519 signs the message itself, which stays out of the log (it may be long, or secret).
  set_if_absent(entry, "digest_algorithm",
                algorithm.digest ? row(*algorithm.digest).name : row(DigestAlgorithm::sha256).name);
  set_if_absent(entry, "digest", to_hex(algorithm.digest ? input.input : sha256(input.input)));
}

Bytes to_bytes(const Hash& hash) {
  return Bytes(hash.begin(), hash.end());
}

Failure rolled_back(const std::string& what, const std::string& where) {
  return fail(ErrorCode::internal,
              "the audit log " + what + " than the checkpoint in " + where +
                  ": the database was set back or changed; nothing may be signed with it");
}

/// I4 and I5: what was signed (or written down to be signed) once is in the log for ever.
Result<void> require_checkpoint(Store& store, std::uint64_t size, const Bytes& root,
                                const std::string& where) {
  ASSIGN_OR_RETURN(const std::uint64_t log_size, store.log_size());
  if (log_size < size) {
    return rolled_back(
        "is shorter (" + std::to_string(log_size) + " entries, not " + std::to_string(size) + ")",
        where);
  }
  ASSIGN_OR_RETURN(const Hash have, root_at(store, size));
  if (to_bytes(have) != root) return rolled_back("has other entries", where);
  return {};
}

/// The size of the checkpoint that is kept apart; 0 where none is.
Result<std::uint64_t> require_checkpoint_file(Store& store, const std::string& path) {
  if (path.empty()) return 0;
  ASSIGN_OR_RETURN(const auto note, read_durable_file(path));
  if (!note) return 0;
  const auto checkpoint = parse_checkpoint(*note);
  if (!checkpoint) {
    return fail(ErrorCode::internal, "the file " + path + " does not hold a checkpoint", "",
                checkpoint.error().message);
  }
  RETURN_IF_ERROR(require_checkpoint(store, checkpoint->size, checkpoint->root, path));
  return checkpoint->size;
}

}  // namespace

struct AuditLog::Writer {
  explicit Writer(Store& from) : store(from) {}

  Store& store;
  std::unique_ptr<LogWriter> log;
  std::string checkpoint_file;
  Quorum quorum;
  std::uint64_t began_at = 0;

  std::mutex publishing;  ///< one checkpoint at a time
  mutable std::mutex mutex;
  mutable std::condition_variable grown;
  SignedCheckpoint signed_last;
  std::optional<SignedCheckpoint> unkept;  ///< signed, and its file could not be written
  std::string published;
  std::uint64_t published_size = 0;

  Result<void> keep(const std::string& note, std::uint64_t size);
  Result<void> keep_what_was_not();
  Result<std::string> cosigned_note(std::uint64_t size) const;
  void publish(std::string note, std::uint64_t size);
  Result<void> publish_cosigned(std::uint64_t size);
  Result<void> publish_last_with_quorum();
};

AuditLog::AuditLog(std::unique_ptr<Writer> writer) : writer_(std::move(writer)) {}

AuditLog::~AuditLog() = default;

Result<std::unique_ptr<AuditLog>> AuditLog::open(Store& store, std::string checkpoint_file,
                                                 Quorum quorum, std::string reserve) {
  auto writer = std::make_unique<Writer>(store);
  ASSIGN_OR_RETURN(writer->log, LogWriter::open(store, std::move(reserve)));
  writer->began_at = writer->log->durable().size();
  ASSIGN_OR_RETURN(const auto last, store.last_checkpoint());
  if (last) RETURN_IF_ERROR(require_checkpoint(store, last->size, last->root, "the database"));
  ASSIGN_OR_RETURN(const std::uint64_t kept_size, require_checkpoint_file(store, checkpoint_file));

  writer->checkpoint_file = std::move(checkpoint_file);
  writer->quorum = std::move(quorum);
  ASSIGN_OR_RETURN(const auto last_signed, store.last_signed_checkpoint());
  // After a crash in publish_checkpoint() the note may be in the database and not yet in its file.
  if (last_signed && last_signed->size >= kept_size) {
    RETURN_IF_ERROR(writer->keep(last_signed->note, last_signed->size));
    RETURN_IF_ERROR(writer->publish_last_with_quorum());
  }
  return std::unique_ptr<AuditLog>(new AuditLog(std::move(writer)));
}

Result<std::uint64_t> AuditLog::record(const RequestContext& context, AuditEntry entry,
                                       std::vector<StoreChange> changes) {
  CHECK(entry.kind() != EntryKind::intent && entry.kind() != EntryKind::outcome);
  add_context(entry, context);
  if (entry.kind() == EntryKind::start) changes.emplace_back(MarkStart{});
  Submission submission{entry.draft(), std::move(changes)};
  return writer_->log->submit(submission, Admission::bounded);
}

std::vector<Result<std::uint64_t>> AuditLog::record_all(const RequestContext& context,
                                                        std::vector<Record> records) {
  std::vector<Submission> submissions;
  submissions.reserve(records.size());
  for (Record& record : records) {
    CHECK(record.entry.kind() != EntryKind::intent && record.entry.kind() != EntryKind::outcome);
    add_context(record.entry, context);
    submissions.push_back({record.entry.draft(), std::move(record.changes)});
  }
  return writer_->log->submit_all(submissions);
}

Result<std::uint64_t> AuditLog::record(const RequestContext& context, const Permit& permit,
                                       AuditEntry entry, std::vector<StoreChange> changes) {
  CHECK(entry.kind() != EntryKind::intent && entry.kind() != EntryKind::outcome);
  add_context(entry, context);
  permit.name_in(entry);
  return submit(context, permit, {entry.draft(), std::move(changes)});
}

/// The record's own preconditions come first: a repeat that races, or what somebody else did
/// meanwhile, is not counted.
Result<std::uint64_t> AuditLog::submit(const RequestContext& context, const Permit& permit,
                                       Submission submission) {
  submission.changes.insert(submission.changes.end(), permit.changes_.begin(),
                            permit.changes_.end());
  auto index = writer_->log->submit(submission, Admission::bounded);
  if (!index && index.error().code == ErrorCode::quota_exceeded) {
    RETURN_IF_ERROR(record(context, permit.denial(index.error())));
  }
  return index;
}

Result<Intent> AuditLog::intend(const RequestContext& context, const Permit& permit,
                                AuditEntry entry, SigningInput input,
                                std::vector<StoreChange> changes) {
  CHECK(entry.kind() == EntryKind::intent);
  add_context(entry, context);
  permit.name_in(entry);
  if (input.key) add_input(entry, input);
  ASSIGN_OR_RETURN(const std::uint64_t index,
                   submit(context, permit, {entry.draft(), std::move(changes), Role::intent}));
  return Intent(index, context.id, std::move(input), permit.decision_.grant(),
                permit.decision_.policy_version());
}

Result<Concluded> AuditLog::conclude(const RequestContext& context, Intent intent,
                                     Conclusion conclusion, AuditEntry entry,
                                     std::vector<StoreChange> changes) {
  CHECK(entry.kind() == EntryKind::outcome);
  auto write = [&](AuditEntry outcome, Conclusion result, std::vector<StoreChange> effects) {
    add_context(outcome, context);
    outcome.set("intent", intent.index()).set("result", name_of(result));
    Submission submission{outcome.draft(), std::move(effects), Role::outcome, intent.index()};
    return writer_->log->submit(submission, Admission::reserved);
  };
  for (StoreChange& change : changes) {
    if (auto* added = std::get_if<AddCertificate>(&change)) {
      added->row.grant = intent.grant();
      added->row.policy = intent.policy();
    }
  }
  const auto index = write(std::move(entry), conclusion, std::move(changes));
  if (index) return Concluded(intent.index(), *index);
  if (index.error().code == ErrorCode::store_unavailable) return Failure(index.error());
  // I3: the intent gets its terminal record also where what it brought about cannot be kept.
  AuditEntry refused(EntryKind::outcome);
  refused.set("reason", "not recorded: " + index.error().message);
  RETURN_IF_ERROR(write(std::move(refused), Conclusion::failed, {}));
  return Failure(index.error());
}

Result<std::size_t> AuditLog::recover() {
  const auto& left_open = writer_->log->left_open();
  for (const LogWriter::OpenIntent& open : left_open) {
    ASSIGN_OR_RETURN(Submission submission, unknown_outcome(open, "crash"));
    // Crash point between any two: the rest is still open, and the next start goes on with it.
    RETURN_IF_ERROR(writer_->log->submit(submission, Admission::reserved));
  }
  return left_open.size();
}

Result<void> AuditLog::prune(PruningStep step) {
  Submission submission;
  submission.pruning = std::move(step);
  RETURN_IF_ERROR(writer_->log->submit(submission, Admission::bounded));
  return {};
}

AuditLog::Head AuditLog::head() const {
  const MerkleFrontier durable = writer_->log->durable();
  return {durable.size(), to_bytes(durable.root())};
}

std::uint64_t AuditLog::first_open_intent() const {
  return writer_->log->first_open_intent();
}

Result<std::optional<CheckpointText>> AuditLog::prepare_checkpoint(const std::string& origin) {
  const std::lock_guard one_at_a_time(writer_->publishing);
  RETURN_IF_ERROR(writer_->keep_what_was_not());
  const Head head = this->head();
  {
    const std::lock_guard guard(writer_->mutex);
    if (head.size == writer_->signed_last.size) return std::optional<CheckpointText>();
  }
  Submission submission;
  submission.checkpoint = CheckpointRecord{head.size, head.root, ""};
  RETURN_IF_ERROR(writer_->log->submit(submission, Admission::reserved));
  // Crash point: it may be signed or not. No other root of this size can be: the next start demands
  // that the log still has this one.
  return std::optional(CheckpointText(checkpoint_text({origin, head.size, head.root})));
}

Result<void> AuditLog::publish_checkpoint(const CheckpointText& text, const std::string& note) {
  const std::lock_guard one_at_a_time(writer_->publishing);
  ASSIGN_OR_RETURN(const Checkpoint checkpoint, parse_checkpoint(note));
  if (!note.starts_with(text.text() + "\n")) {
    return invalid("checkpoint", "the note is not of the checkpoint that was prepared");
  }
  {
    const std::lock_guard guard(writer_->mutex);
    if (checkpoint.size <= writer_->signed_last.size) {
      return fail(ErrorCode::conflict, "a checkpoint as large as this is signed already");
    }
  }
  Submission submission;
  submission.checkpoint = CheckpointRecord{checkpoint.size, checkpoint.root, note};
  RETURN_IF_ERROR(writer_->log->submit(submission, Admission::reserved));
  // Crash point: signed and kept, not published. The next start publishes it.
  auto kept = writer_->keep(note, checkpoint.size);
  if (!kept) {
    writer_->unkept = SignedCheckpoint{checkpoint.size, note};
    writer_->log->hold(kept.error());
  }
  if (kept && (!writer_->quorum || writer_->quorum(note))) writer_->publish(note, checkpoint.size);
  return kept;
}

/// Nobody, no witness either, sees a checkpoint before the file apart from the database demands it
/// from every start.
Result<void> AuditLog::Writer::keep(const std::string& note, std::uint64_t size) {
  if (!checkpoint_file.empty()) RETURN_IF_ERROR(replace_durable_file(checkpoint_file, note));
  const std::lock_guard guard(mutex);
  signed_last = {size, note};
  return {};
}

/// Once the disk takes the file again, the log goes on.
Result<void> AuditLog::Writer::keep_what_was_not() {
  if (!unkept) return {};
  RETURN_IF_ERROR(keep(unkept->note, unkept->size));
  const SignedCheckpoint kept = *std::exchange(unkept, std::nullopt);
  if (!quorum || quorum(kept.note)) publish(kept.note, kept.size);
  log->release();
  return {};
}

void AuditLog::Writer::publish(std::string note, std::uint64_t size) {
  {
    const std::lock_guard guard(mutex);
    published = std::move(note);
    published_size = size;
  }
  grown.notify_all();
}

Result<void> AuditLog::add_cosignature(CosignatureRecord cosignature) {
  const std::lock_guard one_at_a_time(writer_->publishing);
  const std::uint64_t size = cosignature.size;
  Submission submission;
  submission.cosignature = std::move(cosignature);
  RETURN_IF_ERROR(writer_->log->submit(submission, Admission::reserved));
  if (size < published_size()) return {};
  return writer_->publish_cosigned(size);
}

/// The signed note of that size with every cosignature that is kept.
Result<std::string> AuditLog::Writer::cosigned_note(std::uint64_t size) const {
  ASSIGN_OR_RETURN(const auto checkpoint, store.checkpoint(size));
  CHECK(checkpoint && !checkpoint->note.empty());
  ASSIGN_OR_RETURN(const auto cosignatures, store.cosignatures(size));
  std::string note = checkpoint->note;
  for (const CosignatureRecord& cosignature : cosignatures) note += cosignature.line + "\n";
  return note;
}

Result<void> AuditLog::Writer::publish_cosigned(std::uint64_t size) {
  ASSIGN_OR_RETURN(std::string note, cosigned_note(size));
  if (!quorum || quorum(note)) publish(std::move(note), size);
  return {};
}

/// After a start. Where the quorum is new, none of the earlier checkpoints may have it.
Result<void> AuditLog::Writer::publish_last_with_quorum() {
  RETURN_IF_ERROR(publish_cosigned(signed_last.size));
  if (published_size != 0) return {};
  ASSIGN_OR_RETURN(const auto sizes, store.cosigned_sizes(kCosignedSizes));
  for (const std::uint64_t size : sizes) {
    RETURN_IF_ERROR(publish_cosigned(size));
    if (published_size != 0) return {};
  }
  return {};
}

AuditLog::SignedCheckpoint AuditLog::signed_checkpoint() const {
  const std::lock_guard guard(writer_->mutex);
  return writer_->signed_last;
}

void AuditLog::refuse(const std::string& problem) {
  writer_->log->close({ErrorCode::store_unavailable, problem});
}

std::string AuditLog::published_checkpoint() const {
  const std::lock_guard guard(writer_->mutex);
  return writer_->published;
}

std::uint64_t AuditLog::published_size() const {
  const std::lock_guard guard(writer_->mutex);
  return writer_->published_size;
}

bool AuditLog::wait_until_published(std::uint64_t index, std::chrono::milliseconds at_most) const {
  std::unique_lock lock(writer_->mutex);
  return writer_->grown.wait_for(lock, at_most, [&] { return writer_->published_size > index; });
}

std::uint64_t AuditLog::began_at() const {
  return writer_->began_at;
}

bool AuditLog::healthy() const {
  return writer_->log->healthy();
}

std::string AuditLog::problem() const {
  return writer_->log->problem();
}

bool AuditLog::ended() const {
  return writer_->log->ended();
}

std::string AuditLog::reason() const {
  return writer_->log->reason();
}

std::vector<std::string_view> AuditLog::reasons() {
  return LogWriter::reasons();
}

bool AuditLog::has_reserve() const {
  return writer_->log->has_reserve();
}

bool AuditLog::needs_restart() const {
  return writer_->log->needs_restart();
}

bool AuditLog::was_abandoned(std::uint64_t intent) const {
  return writer_->log->was_abandoned(intent);
}

AuditLog::Counters AuditLog::counters() const {
  return {writer_->log->entries(), writer_->log->commits(), writer_->log->waiting(),
          writer_->log->suspensions()};
}

}  // namespace chancery
