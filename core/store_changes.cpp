#include "core/store_changes.h"

#include <algorithm>

#include "core/approval_changes.h"
#include "core/store_connections.h"
#include "core/store_rows.h"

namespace chancery {
namespace {

using store_rows::to_micros;

std::optional<ByteView> blob_of(const std::optional<Serial>& serial) {
  return serial ? std::optional<ByteView>(serial->bytes) : std::nullopt;
}

struct Apply {
  sqlite::Connection& connection;
  std::uint64_t index;

  /// A certificate that a pruning takes away, or is about to, stays as it was planned; one that it
  /// has taken away gets no rows any more.
  Result<Refusal> unless_going(const Serial& serial) const {
    ASSIGN_OR_RETURN(const std::uint64_t going,
                     read_number(connection,
                                 "SELECT EXISTS (SELECT 1 FROM certificate WHERE serial = ?1"
                                 " AND outcome <= (SELECT last FROM pruning_range"
                                 " WHERE first <= outcome ORDER BY first DESC LIMIT 1))"
                                 " OR (EXISTS (SELECT 1 FROM pruning) AND NOT EXISTS"
                                 " (SELECT 1 FROM certificate WHERE serial = ?1))",
                                 serial.bytes));
    if (going == 0) return Refusal();
    return Refusal(Error{ErrorCode::not_found,
                         "the certificate is past its retention and is being removed", "serial"});
  }

  Result<Refusal> operator()(const AddPruning& change) const {
    const PruningRecord& row = change.row;
    return unless_changed(
        sqlite::run(connection,
                    "INSERT INTO pruning (entry, minimum, entries, certificates, revocations, done)"
                    " SELECT ?, ?, ?, ?, ?, 0"
                    " WHERE NOT EXISTS (SELECT 1 FROM pruning WHERE done = 0)",
                    index, row.minimum, row.entries, row.certificates, row.revocations),
        ErrorCode::conflict, "an earlier pruning has not removed all it will yet");
  }

  Result<Refusal> operator()(const AddCertificate& change) const {
    const CertificateRecord& row = change.row;
    // What a crash left is concluded whatever became of the certificate that it was to replace.
    if (row.replaces && row.state == CertificateState::issued) {
      ASSIGN_OR_RETURN(Refusal going, unless_going(*row.replaces));
      if (going) return going;
    }
    ASSIGN_OR_RETURN(
        auto refused,
        unless_changed(
            sqlite::run(connection,
                        "INSERT INTO certificate (" CHANCERY_CERTIFICATE_COLUMNS ")"
                        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                        " (SELECT number FROM policy_version WHERE version = ?))"
                        " ON CONFLICT (serial) DO NOTHING",
                        row.serial.bytes, row.issuer.text(), row.machine.text(), row.profile.text(),
                        to_micros(row.not_before), to_micros(row.not_after), row.spki_sha256,
                        row.der, store_rows::name_of(row.state), row.intent, row.outcome,
                        row.crl_shards, blob_of(row.replaces), row.grant, row.policy),
            ErrorCode::conflict, "a certificate with this serial exists", "serial"));
    if (refused || !row.replaces || row.state != CertificateState::issued) return refused;
    return always(sqlite::run(connection,
                              "UPDATE renewal_request SET replaced_by = ?"
                              " WHERE serial = ? AND replaced_by IS NULL",
                              row.serial.bytes, row.replaces->bytes));
  }

  Result<Refusal> operator()(const PutRenewalRequest& change) const {
    const RenewalRequestRecord& row = change.row;
    ASSIGN_OR_RETURN(Refusal going, unless_going(row.serial));
    if (going) return going;
    return unless_changed(
        sqlite::run(connection,
                    "INSERT INTO renewal_request (" CHANCERY_RENEWAL_REQUEST_COLUMNS ")"
                    " SELECT ?1, ?2, ?3, ?4, ?5, NULL, ?6, ?7 WHERE NOT EXISTS (SELECT 1 FROM"
                    " certificate WHERE replaces = ?1 AND state = 'issued')"
                    " ON CONFLICT (serial) DO UPDATE SET reason = excluded.reason,"
                    " deadline = excluded.deadline, explanation_url = excluded.explanation_url,"
                    " entry = excluded.entry, incident = excluded.incident"
                    " WHERE renewal_request.replaced_by IS NULL",
                    row.serial.bytes, row.issuer.text(), name_of(row.reason),
                    to_micros(row.deadline), row.explanation_url, row.entry, row.incident),
        ErrorCode::conflict, "the certificate has been replaced already", "serial");
  }

  Result<Refusal> operator()(const AddRevocation& change) const {
    const Revocation& row = change.row;
    ASSIGN_OR_RETURN(Refusal going, unless_going(row.serial));
    if (going) return going;
    if (row.reason == RevocationReason::remove_from_crl) return release(row);
    // What it says again when it follows a hold is the same but for these columns.
    ASSIGN_OR_RETURN(
        auto refused,
        unless_changed(
            sqlite::run(connection,
                        "INSERT INTO revocation (" CHANCERY_REVOCATION_COLUMNS ")"
                        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (serial) DO UPDATE"
                        " SET reason = excluded.reason, revoked_at = excluded.revoked_at,"
                        " by = excluded.by, invalidity_date = excluded.invalidity_date,"
                        " incident = excluded.incident, entry = excluded.entry"
                        " WHERE revocation.reason = 'removeFromCRL'"
                        " OR (revocation.reason = 'certificateHold'"
                        " AND excluded.reason <> 'certificateHold')",
                        row.serial.bytes, row.issuer.text(), name_of(row.reason),
                        to_micros(row.revoked_at), row.by.text(), to_micros(row.not_after),
                        row.crl_shards, to_micros(row.invalidity_date), row.incident, row.entry,
                        row.serial.shard(row.crl_shards)),
            ErrorCode::conflict, "the certificate is revoked already", "serial"));
    if (refused || row.reason != RevocationReason::key_compromise) return refused;
    return always(sqlite::run(connection,
                              "INSERT INTO blocked_key (spki_sha256, entry)"
                              " SELECT spki_sha256, ? FROM certificate WHERE serial = ?"
                              " ON CONFLICT DO NOTHING",
                              index, row.serial.bytes));
  }

  Result<Refusal> release(const Revocation& row) const {
    return unless_changed(
        sqlite::run(connection,
                    "UPDATE revocation SET reason = 'removeFromCRL', revoked_at = ?, by = ?,"
                    " invalidity_date = NULL, incident = ?, entry = ?"
                    " WHERE serial = ? AND reason = 'certificateHold'",
                    to_micros(row.revoked_at), row.by.text(), row.incident, row.entry,
                    row.serial.bytes),
        ErrorCode::conflict, "the certificate is not on hold", "serial");
  }

  Result<Refusal> operator()(const AddIncident& change) const {
    const IncidentRecord& row = change.row;
    return unless_changed(
        sqlite::run(connection,
                    "INSERT INTO incident (" CHANCERY_INCIDENT_COLUMNS ")"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13)"
                    " ON CONFLICT (name) DO NOTHING",
                    row.name.text(), row.selector, name_of(row.reason),
                    to_micros(row.invalidity_date), row.opened_by.text(), to_micros(row.opened_at),
                    row.through, row.matched, row.per_second, to_micros(row.deadline),
                    row.explanation_url, name_of(row.state), index),
        ErrorCode::conflict, "an incident of this name exists", "name");
  }

  Result<Refusal> operator()(const MoveIncident& change) const {
    return unless_changed(
        sqlite::run(connection,
                    "UPDATE incident SET state = ?, last_entry = ? WHERE name = ? AND state = ?",
                    name_of(change.to), index, change.name.text(), name_of(change.from)),
        ErrorCode::conflict, "the incident is no longer " + std::string(name_of(change.from)),
        "name");
  }

  Result<Refusal> operator()(const BlockKey& change) const {
    return always(sqlite::run(connection,
                              "INSERT INTO blocked_key (spki_sha256, entry) VALUES (?, ?)"
                              " ON CONFLICT DO NOTHING",
                              change.spki_sha256, index));
  }

  Result<Refusal> operator()(const AddKey& change) const {
    const KeyRecord& key = change.row;
    return unless_changed(
        sqlite::run(connection,
                    "INSERT INTO key (" CHANCERY_KEY_COLUMNS ")"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    key.name.text(), key.id.bytes, name_of(key.purpose), row(key.type).name,
                    store_rows::join(key.algorithms), key.creator.text(), to_micros(key.created_at),
                    key.spki, key.entry, name_of(key.message_class), key.context),
        ErrorCode::conflict, "a key of this name or id exists", "key");
  }

  Result<Refusal> operator()(const AddCa& change) const {
    const CaRecord& row = change.row;
    ASSIGN_OR_RETURN(
        auto refused,
        unless_changed(sqlite::run(connection,
                                   "INSERT INTO ca (" CHANCERY_CA_COLUMNS ")"
                                   " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
                                   row.name.text(), row.key.text(), row.issuer.text(),
                                   row.certificate, row.crl_shards, row.entry),
                       ErrorCode::conflict, "a CA of this name exists", "issuer"));
    if (refused) return refused;
    return always(sqlite::run(connection,
                              "INSERT INTO crl_shards (issuer, shards, entry) VALUES (?, ?, ?)"
                              " ON CONFLICT DO NOTHING",
                              row.name.text(), row.crl_shards, row.entry));
  }

  Result<Refusal> operator()(const AddLogKeys& change) const {
    std::string vkeys;
    for (const std::string& vkey : change.row.vkeys) vkeys += (vkeys.empty() ? "" : "\n") + vkey;
    return always(sqlite::run(connection, "INSERT INTO log_keys (vkeys, entry) VALUES (?, ?)",
                              vkeys, change.row.entry));
  }

  Result<Refusal> operator()(const AddCrlShards& change) const {
    const CrlShardsRecord& row = change.row;
    return unless_changed(sqlite::run(connection,
                                      "INSERT INTO crl_shards (issuer, shards, entry)"
                                      " VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                                      row.issuer.text(), row.shards, row.entry),
                          ErrorCode::conflict, "the CA has had so many shards before", "shards");
  }

  Result<Refusal> operator()(const AddMachine& change) const {
    const MachineRecord& row = change.row;
    return unless_changed(
        sqlite::run(connection,
                    "INSERT INTO machine (" CHANCERY_MACHINE_COLUMNS ")"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?4) ON CONFLICT (name) DO NOTHING",
                    row.name.text(), row.added_by.text(), to_micros(row.added_at), row.entry,
                    store_rows::join(row.attributes)),
        ErrorCode::conflict, "a machine of this name exists", "machine");
  }

  Result<Refusal> operator()(const SetMachineAttributes& change) const {
    return unless_changed(
        sqlite::run(connection,
                    "UPDATE machine SET attributes = ?, attributes_entry = ? WHERE name = ?",
                    store_rows::join(change.attributes), index, change.machine.text()),
        ErrorCode::not_found, "there is no machine \"" + change.machine.text() + "\"", "name");
  }

  Result<Refusal> operator()(const AddEnrollment& change) const {
    const EnrollmentRecord& row = change.row;
    return always(sqlite::run(connection,
                              "INSERT INTO enrollment (" CHANCERY_ENROLLMENT_COLUMNS ")"
                              " VALUES (?, ?, ?, ?, ?, ?)",
                              row.token_sha256, row.machine.text(), row.profile.text(),
                              to_micros(row.expires_at), to_micros(row.used_at), index));
  }

  Result<Refusal> operator()(const ClaimEnrollment& change) const {
    // One statement, and one writer: the second of two claims finds used_at set.
    return unless_changed(
        sqlite::run(connection,
                    "UPDATE enrollment SET used_at = ?1"
                    " WHERE token_sha256 = ?2 AND used_at IS NULL AND expires_at > ?1",
                    to_micros(change.at), change.token_sha256),
        ErrorCode::unauthenticated, "the enrolment token is unknown, used or expired", "token");
  }

  Result<Refusal> operator()(const ReleaseEnrollment& change) const {
    return always(sqlite::run(connection,
                              "UPDATE enrollment SET used_at = NULL"
                              " WHERE token_sha256 = ? AND used_at = ?",
                              change.token_sha256, to_micros(change.at)));
  }

  Result<Refusal> operator()(const PutCrl& change) const {
    const CrlRecord& row = change.row;
    const bool decimal =
        !row.number.empty() && row.number.front() != '0' &&
        std::ranges::all_of(row.number, [](char c) { return c >= '0' && c <= '9'; });
    if (!decimal) return Refusal(Error{ErrorCode::internal, "a CRL number is not decimal"});
    // Up to 20 octets (RFC 5280 section 5.2.3), so compared as text: first length, then digits.
    return unless_changed(
        sqlite::run(connection,
                    "INSERT INTO crl (" CHANCERY_CRL_COLUMNS ")"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (issuer, scope) DO UPDATE SET number = excluded.number,"
                    " this_update = excluded.this_update, next_update = excluded.next_update,"
                    " since = excluded.since, covers = excluded.covers,"
                    " entries = excluded.entries, sha256 = excluded.sha256,"
                    " base_number = excluded.base_number, base_covers = excluded.base_covers,"
                    " entry = excluded.entry"
                    " WHERE length(excluded.number) > length(crl.number)"
                    " OR (length(excluded.number) = length(crl.number)"
                    " AND excluded.number > crl.number)",
                    row.issuer.text(), row.scope.name(), row.number, to_micros(row.this_update),
                    to_micros(row.next_update), to_micros(row.since), row.covers, row.entries,
                    row.sha256, row.base_number, row.base_covers, index),
        ErrorCode::conflict, "the CRL's number is not above the last one's", "number");
  }

  Result<Refusal> operator()(const ClaimRequest& change) const {
    const RequestRecord& row = change.row;
    // Each claim takes up to two expired ones away, so that the table does not grow for ever.
    RETURN_IF_ERROR(sqlite::run(connection,
                                "DELETE FROM request WHERE rowid IN (SELECT rowid FROM request"
                                " WHERE expires_at <= ? ORDER BY expires_at LIMIT 2)",
                                to_micros(change.at)));
    return unless_changed(
        sqlite::run(connection,
                    "INSERT INTO request (" CHANCERY_REQUEST_COLUMNS ")"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                    " ON CONFLICT (machine, idempotency_key) DO UPDATE SET"
                    " request_sha256 = excluded.request_sha256, request_id = excluded.request_id,"
                    " intent = excluded.intent, answer = excluded.answer,"
                    " expires_at = excluded.expires_at, outcome = excluded.outcome"
                    " WHERE request.expires_at <= ?9",
                    row.machine.text(), row.idempotency_key, row.request_sha256, row.request_id,
                    row.intent, row.answer, to_micros(row.expires_at), row.outcome,
                    to_micros(change.at)),
        ErrorCode::busy, "the first request with this idempotency key is under way");
  }

  Result<Refusal> operator()(const AnswerRequest& change) const {
    // No row: the claim has expired meanwhile, and nobody can ask for its answer any more.
    return always(sqlite::run(connection,
                              "UPDATE request SET answer = ?, outcome = ?"
                              " WHERE machine = ? AND idempotency_key = ? AND answer IS NULL",
                              change.answer, change.outcome, change.machine.text(),
                              change.idempotency_key));
  }

  Result<Refusal> operator()(const ReleaseRequest& change) const {
    return always(sqlite::run(connection,
                              "DELETE FROM request"
                              " WHERE machine = ? AND idempotency_key = ? AND answer IS NULL",
                              change.machine.text(), change.idempotency_key));
  }

  Result<Refusal> operator()(const AddPolicyVersion& change) const {
    const PolicyVersionRecord& row = change.row;
    return always(sqlite::run(connection,
                              "INSERT INTO policy_version (version, text, loaded_at, number)"
                              " SELECT ?, ?, ?, coalesce(max(number), 0) + 1 FROM policy_version"
                              " WHERE true ON CONFLICT (version) DO UPDATE"
                              " SET loaded_at = excluded.loaded_at"
                              " WHERE version <> (SELECT version FROM policy_version"
                              " ORDER BY loaded_at DESC, number DESC LIMIT 1)",
                              row.version, row.text, to_micros(row.loaded_at)));
  }

  Result<Refusal> operator()(const UseQuota& change) const { return apply_use(connection, change); }
  Result<Refusal> operator()(const AddApproval& change) const {
    return apply_approval(connection, change, index);
  }
  Result<Refusal> operator()(const GiveApproval& change) const {
    return apply_approval(connection, change, index);
  }
  Result<Refusal> operator()(const MoveApproval& change) const {
    return apply_approval(connection, change, index);
  }
  Result<Refusal> operator()(const UseApproval& change) const {
    return apply_approval(connection, change, index);
  }

  Result<Refusal> operator()(const MarkStart&) const {
    return always(
        sqlite::run(connection, "UPDATE recovery SET last_start = ? WHERE only = 1", index));
  }
};

}  // namespace

Result<Refusal> unless_changed(const Result<int>& changed, ErrorCode code, std::string message,
                               std::string field) {
  if (!changed) return Failure(changed.error());
  if (*changed == 0) return Refusal(Error{code, std::move(message), std::move(field)});
  return Refusal();
}

Result<Refusal> always(const Result<int>& changed) {
  if (!changed) return Failure(changed.error());
  return Refusal();
}

Result<Refusal> apply_change(sqlite::Connection& connection, const StoreChange& change,
                             std::uint64_t index) {
  return std::visit(Apply{connection, index}, change);
}

}  // namespace chancery
