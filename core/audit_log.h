#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/audit_entry.h"
#include "core/intent.h"
#include "core/merkle.h"
#include "core/permit.h"
#include "core/policy.h"
#include "core/store.h"

namespace chancery {

/// Who asked, under which id; goes into every entry of the request.
struct RequestContext {
  std::string id;
  Machine machine;
};

struct Submission;

/// An intent concluded: its terminal record is durable. A response is built from one of these.
class Concluded {
 public:
  [[nodiscard]] std::uint64_t intent() const { return intent_; }
  [[nodiscard]] std::uint64_t outcome() const { return outcome_; }

 private:
  friend class AuditLog;
  Concluded(std::uint64_t intent, std::uint64_t outcome) : intent_(intent), outcome_(outcome) {}
  std::uint64_t intent_, outcome_;
};

enum class Conclusion { ok, failed, unknown };

/// The append-only log and, beside it, every change of the inventory.
///
/// One writer thread takes everything that waits, commits it in one transaction (one fsync) and
/// wakes those who wait. Each method returns only after its entry is durable. When the store fails,
/// the log closes: every call from then on answers store_unavailable and nothing is signed.
class AuditLog {
 public:
  /// Reads the right edge of the tree from the store. store_unavailable; internal when the stored
  /// tiles and the log's size contradict each other, or the log is shorter than, or another one
  /// than, the last checkpoint that was written down in it or kept in `checkpoint_file`.
  /// That file is the last published note, kept apart from the database so that a database that was
  /// set back is noticed; empty: none is kept. To accept a restored backup, remove the file: then
  /// the log's own last checkpoint takes its place.
  /// `quorum` says whether a note carries the cosignatures that it needs to be published; empty:
  /// none are needed. `reserve` is a file of room for outcomes on a full disk; empty: none.
  using Quorum = std::function<bool(std::string_view note)>;
  static Result<std::unique_ptr<AuditLog>> open(Store& store, std::string checkpoint_file = {},
                                                Quorum quorum = {}, std::string reserve = {});
  /// Commits what waits, then stops the writer.
  ~AuditLog();

  /// Appends an entry, with what it changes. Returns its index. A failed precondition of a change
  /// is returned as that change's error and nothing of the record is written. Rows among `changes`
  /// get this entry's index, and a revocation also its time.
  Result<std::uint64_t> record(const RequestContext& context, AuditEntry entry,
                               std::vector<StoreChange> changes = {});

  /// Of what was permitted: the entry gets grant and policy version, and the duties are discharged
  /// with it. Where a quota is used up (quota_exceeded) nothing of the record is written, but a
  /// denial that says so.
  Result<std::uint64_t> record(const RequestContext& context, const Permit& permit,
                               AuditEntry entry, std::vector<StoreChange> changes = {});

  /// The same for many at once, which wait for the disk together: what became of each.
  struct Record {
    AuditEntry entry;
    std::vector<StoreChange> changes;
  };
  std::vector<Result<std::uint64_t>> record_all(const RequestContext& context,
                                                std::vector<Record> records);

  /// Records that the token is about to be used. The entry gets the grant and policy version
  /// from `permit`, whose duties are discharged as by record(), the key, algorithm and digest from
  /// `input`.
  Result<Intent> intend(const RequestContext& context, const Permit& permit, AuditEntry entry,
                        SigningInput input, std::vector<StoreChange> changes = {});

  /// Writes the one terminal record of an intent. AddCertificate and AddRevocation rows among
  /// `changes` get the indices of the intent and of this entry. When a precondition fails, that is
  /// the error, and the terminal record is "failed" with it as the reason.
  Result<Concluded> conclude(const RequestContext& context, Intent intent, Conclusion conclusion,
                             AuditEntry entry, std::vector<StoreChange> changes = {});

  /// After a crash: every intent without a terminal record gets an outcome "unknown"; a certificate
  /// it may have produced is listed as such. Call once after open(), before serving.
  /// Returns how many there were.
  Result<std::size_t> recover();

  /// A step of a pruning, between other records.
  Result<void> prune(PruningStep step);

  /// Size and root of what is durable.
  struct Head {
    std::uint64_t size = 0;
    Bytes root;
  };
  [[nodiscard]] Head head() const;
  /// Every intent before this entry has its terminal record, durably.
  [[nodiscard]] std::uint64_t first_open_intent() const;

  /// Writes down (durably) that this head will be signed, and gives its text to be signed; nothing
  /// when the last signed checkpoint has the same size. One at a time.
  Result<std::optional<CheckpointText>> prepare_checkpoint(const std::string& origin);
  /// Keeps the signed note durably; from now on it is the published one, unless a quorum of
  /// witnesses has to cosign it before.
  Result<void> publish_checkpoint(const CheckpointText& text, const std::string& note);
  /// Keeps a witness's signature on the signed checkpoint of that size (CHECK: there is one);
  /// publishes that checkpoint where it has its quorum now and no later one is published. The
  /// caller has verified the line.
  Result<void> add_cosignature(CosignatureRecord cosignature);
  /// The newest that is signed, published or not.
  struct SignedCheckpoint {
    std::uint64_t size = 0;
    std::string note;  ///< empty before the first one; without cosignatures
  };
  [[nodiscard]] SignedCheckpoint signed_checkpoint() const;
  /// With the cosignatures that have come.
  [[nodiscard]] std::string published_checkpoint() const;
  [[nodiscard]] std::uint64_t published_size() const;
  /// Waits until a published checkpoint covers the entry `index`; false when none does in time.
  [[nodiscard]] bool wait_until_published(std::uint64_t index,
                                          std::chrono::milliseconds at_most) const;

  /// Size at open(): what no longer runs, however it ended, has its intent below this.
  [[nodiscard]] std::uint64_t began_at() const;

  /// Ends the log as a store failure would: somebody holds a checkpoint that contradicts it.
  void refuse(const std::string& problem);
  /// False after a store failure, until it has passed, and after refuse(); `problem` says why.
  [[nodiscard]] bool healthy() const;
  [[nodiscard]] std::string problem() const;
  /// Will not be healthy again in this process.
  [[nodiscard]] bool ended() const;
  /// Why it is not healthy, one of reasons(); empty while it is.
  [[nodiscard]] std::string reason() const;
  static std::vector<std::string_view> reasons();
  /// Whether there is room for outcomes on a full disk; true where none is asked for.
  [[nodiscard]] bool has_reserve() const;
  /// What is on the disk only a new start can tell: the process is to end.
  [[nodiscard]] bool needs_restart() const;
  /// Whether this intent's outcome could not be written when it came, and is "unknown" since.
  [[nodiscard]] bool was_abandoned(std::uint64_t intent) const;

  struct Counters {
    std::uint64_t entries = 0, commits = 0, waiting = 0, suspensions = 0;
  };
  [[nodiscard]] Counters counters() const;

 private:
  struct Writer;
  Result<std::uint64_t> submit(const RequestContext& context, const Permit& permit,
                               Submission submission);
  explicit AuditLog(std::unique_ptr<Writer> writer);
  std::unique_ptr<Writer> writer_;
};

}  // namespace chancery
