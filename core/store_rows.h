#pragma once

#include "core/sqlite.h"
#include "core/store.h"

/// From rows to records, and the columns in the order in which these read them. What does not parse
/// was not written by this program: internal.
namespace chancery::store_rows {

inline std::int64_t to_micros(Time time) {
  return time.time_since_epoch().count();
}
inline std::optional<std::int64_t> to_micros(std::optional<Time> time) {
  return time ? std::optional(to_micros(*time)) : std::nullopt;
}

std::string_view name_of(CertificateState state);
/// Names with a comma between.
std::string join(const std::vector<SignatureAlgorithm>& algorithms);
std::string join(const std::vector<MachineAttribute>& attributes);

#define CHANCERY_CERTIFICATE_COLUMNS                                                           \
  "serial, issuer, machine, profile, not_before, not_after, spki_sha256, der, state, intent, " \
  "outcome, crl_shards, replaces, grant_name, policy"
/// The same with the policy's version instead of its number.
#define CHANCERY_CERTIFICATE_ROW                                                               \
  "serial, issuer, machine, profile, not_before, not_after, spki_sha256, der, state, intent, " \
  "outcome, crl_shards, replaces, grant_name, (SELECT version FROM policy_version"             \
  " WHERE policy_version.number = certificate.policy)"
#define CHANCERY_RENEWAL_REQUEST_COLUMNS \
  "serial, issuer, reason, deadline, explanation_url, replaced_by, entry, incident"
#define CHANCERY_INCIDENT_TERMS                                                   \
  "reason, invalidity_date, opened_by, opened_at, through, matched, per_second, " \
  "deadline, explanation_url, state, entry, last_entry"
#define CHANCERY_INCIDENT_COLUMNS "name, selector, " CHANCERY_INCIDENT_TERMS
#define CHANCERY_REVOCATION_COLUMNS                                                  \
  "serial, issuer, reason, revoked_at, by, not_after, crl_shards, invalidity_date, " \
  "incident, entry, shard"
#define CHANCERY_KEY_COLUMNS                                                \
  "name, id, purpose, type, algorithms, creator, created_at, spki, entry, " \
  "message_class, context"
#define CHANCERY_CA_COLUMNS "name, key, issuer, certificate, crl_shards, entry"
#define CHANCERY_MACHINE_COLUMNS "name, added_by, added_at, entry, attributes, attributes_entry"
#define CHANCERY_ENROLLMENT_COLUMNS "token_sha256, machine, profile, expires_at, used_at, entry"
#define CHANCERY_CRL_COLUMNS                                                          \
  "issuer, scope, number, this_update, next_update, since, covers, entries, sha256, " \
  "base_number, base_covers, entry"
#define CHANCERY_REQUEST_COLUMNS \
  "machine, idempotency_key, request_sha256, request_id, intent, answer, expires_at, outcome"

#define CHANCERY_APPROVAL_COLUMNS                                                    \
  "id, rule, requester, requester_key, operation, request_sha256, summary, needed, " \
  "opens_for, created_at, expires_at, state, approved_at, used_by, entry, last_entry"
#define CHANCERY_APPROVAL_SIGNATURE_COLUMNS \
  "approval, approver, serial, spki_sha256, algorithm, signature, given_at, entry"

/// Column: serial.
Result<Serial> serial(const sqlite::Statement& row);
Result<CertificateRecord> certificate(const sqlite::Statement& row);
Result<RenewalRequestRecord> renewal_request(const sqlite::Statement& row);
/// Columns: number, serial, issuer, machine, profile, not_after, crl_shards.
Result<SelectedCertificate> selected_certificate(const sqlite::Statement& row);
Result<IncidentRecord> incident(const sqlite::Statement& row);
/// Columns: spki_sha256, entry.
Result<BlockedKeyRecord> blocked_key(const sqlite::Statement& row);
Result<Revocation> revocation(const sqlite::Statement& row);
Result<KeyRecord> key(const sqlite::Statement& row);
Result<CaRecord> ca(const sqlite::Statement& row);
Result<MachineRecord> machine(const sqlite::Statement& row);
Result<EnrollmentRecord> enrollment(const sqlite::Statement& row);
Result<CrlRecord> crl(const sqlite::Statement& row);
/// Columns: issuer, shards, entry.
Result<CrlShardsRecord> crl_shards(const sqlite::Statement& row);
/// Columns: vkeys, entry.
Result<LogKeysRecord> log_keys(const sqlite::Statement& row);
/// Columns: serial, revoked_at, reason, invalidity_date.
Result<RevokedEntry> revoked_entry(const sqlite::Statement& row);
Result<RequestRecord> request(const sqlite::Statement& row);
/// Columns: size, root, note.
Result<CheckpointRecord> checkpoint(const sqlite::Statement& row);
Result<ApprovalRecord> approval(const sqlite::Statement& row);
Result<ApprovalSignatureRecord> approval_signature(const sqlite::Statement& row);
/// Columns: version, text, loaded_at.
Result<PolicyVersionRecord> policy_version(const sqlite::Statement& row);

}  // namespace chancery::store_rows
