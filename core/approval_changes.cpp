#include "core/approval_changes.h"

#include <limits>

#include "core/store_connections.h"
#include "core/store_rows.h"

namespace chancery {
namespace {

using store_rows::to_micros;

Error used_up(const UseQuota& change, std::int64_t ends) {
  UsedUp what{change.quota, change.limit, std::nullopt};
  std::string message = "the quota \"" + change.quota + "\" allows " +
                        std::to_string(change.limit) +
                        (change.machine.empty() ? " to all together" : "");
  if (change.window > Seconds{0}) {
    what.until = std::chrono::sys_seconds(
        std::chrono::duration_cast<Seconds>(std::chrono::microseconds(ends)));
    message += " per " + format_duration(change.window) + "; again from " +
               to_rfc3339_seconds(*what.until);
  } else {
    message += ", ever";
  }
  Error error{ErrorCode::quota_exceeded, std::move(message)};
  error.used_up = std::make_shared<const UsedUp>(std::move(what));
  return error;
}

}  // namespace

std::int64_t end_of_quota_window(Seconds window, Time at) {
  if (window <= Seconds{0}) return std::numeric_limits<std::int64_t>::max();
  const std::int64_t length = std::chrono::microseconds(window).count();
  return (to_micros(at) / length + 1) * length;
}

Result<Refusal> apply_use(sqlite::Connection& connection, const UseQuota& change) {
  // Time never runs backwards in the log: what has ended is never asked for again. Each use takes
  // up to two such rows away, so that the table does not grow for ever.
  RETURN_IF_ERROR(sqlite::run(connection,
                              "DELETE FROM quota_use WHERE (quota, machine, window, ends) IN"
                              " (SELECT quota, machine, window, ends FROM quota_use"
                              " WHERE ends <= ? ORDER BY ends LIMIT 2)",
                              to_micros(change.at)));
  const std::int64_t ends = end_of_quota_window(change.window, change.at);
  const auto changed =
      sqlite::run(connection,
                  "INSERT INTO quota_use (quota, machine, window, ends, used)"
                  " SELECT ?1, ?2, ?3, ?4, 1 WHERE ?5 > 0"
                  " ON CONFLICT (quota, machine, window, ends) DO UPDATE SET used = used + 1"
                  " WHERE used < ?5",
                  change.quota, change.machine, change.window.count(), ends, change.limit);
  if (!changed) return Failure(changed.error());
  if (*changed == 0) return Refusal(used_up(change, ends));
  return Refusal();
}

Result<Refusal> apply_approval(sqlite::Connection& connection, const AddApproval& change,
                               std::uint64_t /*index*/) {
  const ApprovalRecord& row = change.row;
  ASSIGN_OR_RETURN(const std::uint64_t waiting,
                   read_number(connection,
                               "SELECT count(*) FROM approval WHERE requester = ?"
                               " AND state IN ('waiting', 'approved')",
                               row.requester));
  if (waiting >= limits::approvals_pending) {
    return Refusal(Error{ErrorCode::busy,
                         std::to_string(waiting) +
                             " of this machine's requests wait for approval; cancel some first "
                             "(`chancery approvals cancel ID`)"});
  }
  return unless_changed(
      sqlite::run(connection,
                  "INSERT INTO approval (" CHANCERY_APPROVAL_COLUMNS ")"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, '', ?, ?)"
                  " ON CONFLICT DO NOTHING",
                  row.id.text(), row.rule, row.requester, row.requester_key, row.operation,
                  row.request_sha256, row.summary, row.needed, row.opens_for.count(),
                  to_micros(row.created_at), to_micros(row.expires_at), name_of(row.state),
                  row.entry, row.last_entry),
      ErrorCode::conflict, "the same request waits for approval already", "approval");
}

Result<Refusal> apply_approval(sqlite::Connection& connection, const GiveApproval& change,
                               std::uint64_t index) {
  const ApprovalSignatureRecord& row = change.row;
  ASSIGN_OR_RETURN(
      const Refusal refused,
      unless_changed(
          sqlite::run(connection,
                      "INSERT INTO approval_signature (" CHANCERY_APPROVAL_SIGNATURE_COLUMNS ")"
                      " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE EXISTS (SELECT 1 FROM approval"
                      " WHERE id = ?1 AND state IN ('waiting', 'approved') AND expires_at > ?7)"
                      " ON CONFLICT DO NOTHING",
                      row.approval.text(), row.approver, row.serial.bytes, row.spki_sha256,
                      row.algorithm, row.signature, to_micros(row.given_at), row.entry),
          ErrorCode::conflict,
          "it waits for nobody any more, or this approver or this key has agreed already",
          "approval"));
  if (refused) return refused;
  return always(sqlite::run(connection,
                            "UPDATE approval SET state = 'approved', approved_at = ?1,"
                            " last_entry = ?2 WHERE id = ?3 AND needed <="
                            " (SELECT count(*) FROM approval_signature WHERE approval = ?3)",
                            to_micros(row.given_at), index, row.approval.text()));
}

Result<Refusal> apply_approval(sqlite::Connection& connection, const MoveApproval& change,
                               std::uint64_t index) {
  return unless_changed(
      sqlite::run(connection,
                  "UPDATE approval SET state = ?, last_entry = ? WHERE id = ? AND state = ?",
                  name_of(change.to), index, change.id.text(), name_of(change.from)),
      ErrorCode::conflict, "the approval is no longer " + std::string(name_of(change.from)),
      "approval");
}

Result<Refusal> apply_approval(sqlite::Connection& connection, const UseApproval& change,
                               std::uint64_t index) {
  const auto used =
      sqlite::run(connection,
                  "UPDATE approval SET state = 'used', used_by = ?1, last_entry = ?2"
                  " WHERE id = ?3 AND state = 'approved' AND opens_for = 0 AND expires_at > ?4",
                  change.request, index, change.id.text(), to_micros(change.at));
  if (!used) return Failure(used.error());
  if (*used == 1) return Refusal();
  // Another record of the same request; or of break-glass, while it is open.
  ASSIGN_OR_RETURN(const std::uint64_t may,
                   read_number(connection,
                               "SELECT EXISTS (SELECT 1 FROM approval WHERE id = ?1 AND"
                               " ((state = 'used' AND used_by = ?2) OR (state = 'open'"
                               " AND approved_at + opens_for * 1000000 > ?3)))",
                               change.id.text(), change.request, to_micros(change.at)));
  if (may != 0) return Refusal();
  return Refusal(Error{ErrorCode::conflict,
                       "the approval " + change.id.text() + " is used, has expired or is closed",
                       "approval"});
}

}  // namespace chancery
