#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "core/duty_change.h"
#include "core/identifier.h"
#include "core/incident.h"
#include "core/pruning.h"
#include "core/revocation.h"
#include "core/store_fault.h"
#include "core/store_record.h"

namespace chancery {

// What one record changes beside the log. "fails" means: nothing of this record is written, the
// others of the same commit are not affected.

// Those about a certificate that is being removed (PruningRecord) fail with not_found.

/// An issued one that replaces another is noted with the request for that, if any. fails
/// (conflict): serial exists.
struct AddCertificate {
  CertificateRecord row;
};
/// Also what follows a hold. With keyCompromise the certificate's key is blocked. fails (conflict):
/// revoked for good already, or there is no hold that could end.
struct AddRevocation {
  Revocation row;
};
/// Also what changes a request. fails (conflict): the certificate has been replaced.
struct PutRenewalRequest {
  RenewalRequestRecord row;
};
/// fails (conflict): name exists.
struct AddIncident {
  IncidentRecord row;  ///< its entries are filled in
};
/// fails (conflict): it is not in the state `from`.
struct MoveIncident {
  IncidentName name;
  IncidentState from{}, to{};
};
/// Nothing where it is blocked already.
struct BlockKey {
  Bytes spki_sha256;
};
/// fails (conflict): name or id exists.
struct AddKey {
  KeyRecord row;
};
/// fails (conflict): name exists.
struct AddCa {
  CaRecord row;
};
/// fails (conflict): the issuer has had so many.
struct AddCrlShards {
  CrlShardsRecord row;
};
/// fails (conflict): name exists.
struct AddMachine {
  MachineRecord row;
};
/// All of them. fails (not_found): no such machine.
struct SetMachineAttributes {
  MachineName machine;
  std::vector<MachineAttribute> attributes;
};
struct AddEnrollment {
  EnrollmentRecord row;
};
/// fails (unauthenticated): no such token, used, or expired at `at`. One winner under a race.
struct ClaimEnrollment {
  Bytes token_sha256;
  Time at;
};
/// Undoes the claim that was made at `at`, for a request that was not carried out.
struct ReleaseEnrollment {
  Bytes token_sha256;
  Time at;
};
struct AddLogKeys {
  LogKeysRecord row;
};
/// fails (conflict): number not above the last of its scope.
struct PutCrl {
  CrlRecord row;
};
/// fails (busy): key exists, not expired. What has expired is judged by `at`, the clock's time: the
/// log's stands still after the clock was set back.
struct ClaimRequest {
  RequestRecord row;
  Time at;
};
/// Keeps the answer of a claimed request, once.
struct AnswerRequest {
  MachineName machine;
  std::string idempotency_key;
  std::string answer;
  std::uint64_t outcome = 0;  ///< filled in by the audit log
};
/// The request was not carried out and may be made again under the same key.
struct ReleaseRequest {
  MachineName machine;
  std::string idempotency_key;
};
/// Nothing when the version is there already.
struct AddPolicyVersion {
  PolicyVersionRecord row;
};
/// The entry is the newest start.
struct MarkStart {};
/// fails (conflict): an earlier one is not done.
struct AddPruning {
  PruningRecord row;
};
using StoreChange =
    std::variant<AddCertificate, AddRevocation, AddKey, AddCa, AddMachine, AddEnrollment,
                 ClaimEnrollment, ReleaseEnrollment, PutCrl, ClaimRequest, AnswerRequest,
                 ReleaseRequest, AddPolicyVersion, AddCrlShards, AddLogKeys, PutRenewalRequest,
                 MarkStart, AddIncident, MoveIncident, BlockKey, AddPruning, SetMachineAttributes,
                 UseQuota, AddApproval, GiveApproval, MoveApproval, UseApproval>;

/// Takes what a CRL says of one certificate.
using RevokedSink = std::function<void(const RevokedEntry&)>;

/// Rows of a listing with `after` exclusive, in key order; at most `limit`.
struct Page {
  std::string after;
  std::size_t limit = 100;
};

/// The database: SQLite in WAL mode with synchronous=FULL. This header is the whole of what the
/// rest knows of it; its SQL stays portable for a second implementation on PostgreSQL.
/// Reads are safe from many threads and see only what is durable. Writes come from the audit log's
/// one writer, so that rows and the entries that explain them commit together.
class Store {
 public:
  /// Opens or creates `path` (0600), and keeps everyone else from doing the same: a second open()
  /// of the same database, by any process, is refused. store_unavailable with the reason.
  static Result<std::unique_ptr<Store>> open(const std::string& path);
  /// A copy of a database, or one in use by a running service: nothing is written. A file without
  /// a -wal beside it is taken for a copy that nobody writes; a service that starts on it later
  /// confuses its readers.
  static Result<std::unique_ptr<Store>> open_read_only(const std::string& path);
  ~Store();

  /// One entry with what it changes, as the audit log's writer hands it over.
  struct PendingEntry {
    std::uint64_t index;  ///< dense, from log_size()
    std::string text;     ///< at most limits::entry_bytes
    std::vector<StoreChange> changes;
  };
  /// Outcome of one PendingEntry: applied, or the precondition that failed.
  struct Applied {
    std::optional<Error> refused;
  };

  /// Begins a transaction. Then apply() for each entry in order, then commit(), which returns after
  /// the data is on the disk. After an error of any of them fault() says what it means, until the
  /// next begin(); roll_back() comes next.
  Result<void> begin();
  /// Writes one entry and its changes, or nothing of it (a failed precondition; value = refused).
  Result<Applied> apply(const PendingEntry& entry);
  /// A full tile: 256 hashes of 32 bytes, and the root over them.
  Result<void> put_tile(unsigned level, std::uint64_t index, ByteView hashes, ByteView root);
  /// Every intent before `index` has its terminal record; where recovery begins to read.
  Result<void> put_recovery_mark(std::uint64_t index);
  Result<void> put_checkpoint(const CheckpointRecord& checkpoint);
  /// Nothing where the witness has signed this size already.
  Result<void> put_cosignature(const CosignatureRecord& cosignature);
  /// A step of a pruning (store_pruning.cpp). The database itself refuses to let go of an entry or
  /// row that is in no range of a pruning that is under a signed checkpoint.
  Result<void> prune(const PruningStep& step);
  Result<void> commit();
  void roll_back();
  /// What is on the disk stays as it is for the next start: nothing is copied at the end.
  void leave_as_is();
  /// Between transactions: copies what the write-ahead log holds into the database, where it has
  /// become long. What is committed stays so whatever this says; its failure too is in fault().
  Result<void> tidy();
  [[nodiscard]] StoreFaultRow fault() const;

  // Log
  Result<std::uint64_t> log_size();
  Result<std::uint64_t> recovery_mark();
  /// Index of the newest entry of kind start.
  Result<std::optional<std::uint64_t>> last_start();
  Result<std::string> entry(std::uint64_t index);
  /// Entries first … first+count-1, fewer at the end of the log, and where some were removed.
  Result<std::vector<std::string>> entries(std::uint64_t first, std::size_t count);
  /// The first `limit` of those from `first` to before `end` that are there.
  Result<std::vector<NumberedEntry>> entries_from(std::uint64_t first, std::uint64_t end,
                                                  std::size_t limit);
  // Pruning (store_pruning.cpp)
  /// Entries below this one may have been removed; 0 where none were.
  Result<std::uint64_t> minimum();
  /// In the order of the log.
  Result<std::vector<PruningRecord>> prunings();
  /// What the one that is not done has still to remove, or what is planned, from the entry `from`
  /// on.
  Result<std::vector<EntryRange>> pruning_ranges(std::uint64_t from, std::size_t limit);
  /// Certificates behind `after` in the order of issue that had expired by `expired`, with all that
  /// the log says of them below `limit_entry`, and that nothing else needs. Never the last row of
  /// its table: its number would be given again.
  Result<std::vector<PrunableCertificate>> prunable_certificates(std::uint64_t after,
                                                                 std::uint64_t limit_entry,
                                                                 Time expired, std::size_t limit);
  /// Intents below `limit_entry` of requests that may still be repeated at `at`.
  Result<std::vector<std::uint64_t>> repeatable_intents(std::uint64_t limit_entry, Time at);
  /// Whether a request has expired by then and is still there.
  Result<bool> has_expired_request(Time at);
  /// How many numbers have no row, below the last row's.
  struct MissingRows {
    std::uint64_t certificates = 0, revocations = 0;
  };
  Result<MissingRows> missing_rows();
  /// Numbers of the entries from `first` to before `end` that are there, at most `limit`.
  Result<std::vector<std::uint64_t>> entry_numbers(std::uint64_t first, std::uint64_t end,
                                                   std::size_t limit);
  /// A full tile of 256 hashes, or not_found.
  Result<Bytes> tile(unsigned level, std::uint64_t index);
  /// Roots of the full tiles first … first+count-1 of a level, one after the other: the hashes of
  /// the level above. Fewer where there are no more.
  Result<Bytes> tile_roots(unsigned level, std::uint64_t first, std::size_t count);
  /// The largest, signed or only written down.
  Result<std::optional<CheckpointRecord>> last_checkpoint();
  Result<std::optional<CheckpointRecord>> last_signed_checkpoint();
  /// Checkpoints with size above `after`, in order of size.
  Result<std::vector<CheckpointRecord>> checkpoints(std::uint64_t after, std::size_t limit);
  /// In the order of the log.
  Result<std::vector<LogKeysRecord>> log_keys();
  /// Of one size.
  Result<std::optional<CheckpointRecord>> checkpoint(std::uint64_t size);
  /// Of the checkpoint of one size, in the order of the witnesses' keys.
  Result<std::vector<CosignatureRecord>> cosignatures(std::uint64_t size);
  /// Sizes with a cosignature, the largest first, at most `limit`.
  Result<std::vector<std::uint64_t>> cosigned_sizes(std::size_t limit);
  /// Sizes with a cosignature and no signed checkpoint, which nothing of ours leaves.
  Result<std::vector<std::uint64_t>> cosigned_without_checkpoint(std::size_t limit);
  /// The largest size that the witness has signed; 0 where none.
  Result<std::uint64_t> cosigned_size(const std::string& vkey);

  // Inventory
  Result<std::optional<CertificateRecord>> certificate(const Serial& serial);
  /// In order of issue; `machine` empty means all. `page.after` is a serial.
  Result<std::vector<CertificateRecord>> certificates(const MachineName& machine, const Page& page);
  /// The last number that was given.
  Result<std::uint64_t> certificate_count();
  /// The first `count` certificates from the number `first` on, which are given in the order of
  /// their outcomes, from 1, and never again. What was removed leaves gaps.
  Result<std::vector<Numbered<CertificateRecord>>> certificates_by_number(std::uint64_t first,
                                                                          std::size_t count);
  /// The first one issued as the renewal of this.
  Result<std::optional<Serial>> replacement_of(const Serial& serial);
  Result<std::optional<RenewalRequestRecord>> renewal_request(const Serial& serial);
  /// In the order of their serials; `page.after` is one. `pending`: without a replacement.
  Result<std::vector<RenewalRequestRecord>> renewal_requests(bool pending, const Page& page);
  // Incidents (store_incidents.cpp)
  /// Those of the certificates first … last, in the order of issue, that fit the selector's members
  /// but `serials`, `machines` and the window, and had not expired at `at`; at most `limit`.
  Result<std::vector<SelectedCertificate>> select_certificates(const CertificateSelector& selector,
                                                               std::uint64_t first,
                                                               std::uint64_t last, Time at,
                                                               std::size_t limit);
  /// One of them, whatever it is.
  Result<std::optional<SelectedCertificate>> select_certificate(const Serial& serial);
  Result<std::optional<IncidentRecord>> incident(const IncidentName& name);
  /// By name. `open`: those that have not ended.
  Result<std::vector<IncidentRecord>> incidents(bool open, const Page& page);
  /// Those that have not ended, by name, each with an empty selector: these may be long.
  Result<std::vector<IncidentRecord>> open_incidents(const Page& page);
  /// In the order of the log, from the entry `first` on.
  Result<std::vector<Revocation>> revocations_of(const IncidentName& incident, std::uint64_t first,
                                                 std::size_t limit);
  Result<std::uint64_t> count_revocations_of(const IncidentName& incident);
  /// How many machines were asked for it, and how many of those have not renewed.
  struct Asked {
    std::uint64_t all = 0, pending = 0;
  };
  Result<Asked> count_asked_for(const IncidentName& incident);
  /// Whether one of those has not.
  Result<bool> is_replacement_pending(const IncidentName& incident);
  // Quotas and approvals (store_approvals.cpp)
  /// Uses that have begun in the window that `at` lies in.
  Result<std::uint64_t> quota_used(const std::string& quota, const std::string& machine,
                                   Seconds window, Time at);
  Result<std::optional<ApprovalRecord>> approval(const ApprovalId& id);
  /// In the order of the log, above the entry `after`. `pending`: waiting, approved or open.
  Result<std::vector<ApprovalRecord>> approvals(bool pending, std::uint64_t after,
                                                std::size_t limit);
  Result<std::optional<ApprovalRecord>> pending_approval(const std::string& requester,
                                                         const std::string& rule,
                                                         ByteView request_sha256);
  Result<std::uint64_t> count_pending_approvals();
  Result<std::optional<ApprovalRecord>> open_approval(const std::string& requester,
                                                      const std::string& rule, Time at);
  /// All that are open, also what is to close by now.
  Result<std::vector<ApprovalRecord>> open_approvals(std::size_t limit);
  /// Whether the key is, or ever was, in a certificate of the machine.
  Result<bool> has_certified(const MachineName& machine, ByteView spki_sha256);
  /// Pending ones that have expired at `at`, and open ones that are to close.
  Result<std::vector<ApprovalRecord>> ended_approvals(Time at, std::size_t limit);
  Result<std::vector<ApprovalSignatureRecord>> approval_signatures(const ApprovalId& id);
  Result<std::optional<BlockedKeyRecord>> blocked_key(ByteView spki_sha256);
  /// In the order of their hashes, above `after`.
  Result<std::vector<BlockedKeyRecord>> blocked_keys(ByteView after, std::size_t limit);
  Result<std::optional<Revocation>> revocation(const Serial& serial);
  /// Those that belong on a shard's list, or, of one shard, on that of the certificates that were
  /// issued while there was one: without released ones and those of certificates that had expired
  /// before `since`. One pass over an index that holds all of it.
  Result<void> each_revoked(const CaName& issuer, const CrlScope& shard, Time since,
                            const RevokedSink& sink);
  /// Those of all shards whose entry is at or above `first_entry`, released ones too.
  Result<void> each_revoked_from(const CaName& issuer, std::uint64_t first_entry,
                                 const RevokedSink& sink);
  /// How many there are on it.
  Result<std::uint64_t> count_revoked(const CaName& issuer, const CrlScope& shard, Time since);
  /// How many certificates left a shard's list by expiring: from `since` to before `until`.
  Result<std::uint64_t> revoked_and_expired(const CaName& issuer, const CrlScope& shard, Time since,
                                            Time until);
  /// How many of the issuer's are released now whose entry is at or above `first_entry`.
  Result<std::uint64_t> released_from(const CaName& issuer, std::uint64_t first_entry);
  /// The newest that stands below the entry `below` and is of a certificate that ends after `at`,
  /// among the last few: without released ones.
  Result<std::optional<Revocation>> newest_revocation(const CaName& issuer, std::uint64_t below,
                                                      Time at);
  /// The first on a list at or above the entry `from`, without released ones: what waits there.
  Result<std::optional<Revocation>> first_revocation(const CaName& issuer, const CrlScope& scope,
                                                     std::uint64_t from);
  /// How many the entries `from` to before `below` revoked, and how long they had waited at `at`.
  struct Waited {
    std::uint64_t count = 0;
    double seconds = 0, longest_seconds = 0;  ///< of all together, and of the first
  };
  Result<Waited> waited(const CaName& issuer, std::uint64_t from, std::uint64_t below, Time at);
  Result<std::uint64_t> revocation_count();
  /// As certificates_by_number.
  Result<std::vector<Numbered<Revocation>>> revocations_by_number(std::uint64_t first,
                                                                  std::size_t count);
  Result<std::optional<KeyRecord>> key(const KeyName& name);
  Result<std::vector<KeyRecord>> keys(const Page& page);
  Result<std::vector<CaRecord>> cas();
  Result<std::optional<MachineRecord>> machine(const MachineName& name);
  Result<std::vector<MachineRecord>> machines(const Page& page);
  Result<std::optional<CrlRecord>> crl(const CaName& issuer, const CrlScope& scope);
  /// Of all issuers, also those that are no CA.
  Result<std::vector<CrlRecord>> crls();
  /// In the order of the log.
  Result<std::vector<CrlShardsRecord>> crl_shards();
  Result<std::optional<RequestRecord>> request(const MachineName& machine,
                                               const std::string& idempotency_key);
  /// Those behind `after` in the order of machine and key, at most `limit`.
  Result<std::vector<RequestRecord>> requests(const RequestRecord& after, std::size_t limit);
  Result<std::optional<EnrollmentRecord>> enrollment(ByteView token_sha256);
  Result<std::vector<EnrollmentRecord>> enrollments(ByteView after_token_sha256, std::size_t limit);
  Result<std::optional<PolicyVersionRecord>> policy_version(const std::string& version);
  /// Without their texts, the last that came into force first.
  Result<std::vector<PolicyVersionRecord>> policy_versions(std::size_t at_most);

 private:
  struct Connections;
  explicit Store(std::unique_ptr<Connections> connections);
  std::unique_ptr<Connections> connections_;
  bool left_ = false;
};

}  // namespace chancery
