#include "core/approval_changes.h"
#include "core/store.h"
#include "core/store_connections.h"
#include "core/store_rows.h"

// What the policy counts, and what waits for others to agree.

namespace chancery {

using store_rows::to_micros;

Result<std::uint64_t> Store::quota_used(const std::string& quota, const std::string& machine,
                                        Seconds window, Time at) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_number(*reader,
                     "SELECT coalesce((SELECT used FROM quota_use WHERE quota = ? AND machine = ?"
                     " AND window = ? AND ends = ?), 0)",
                     quota, machine, window.count(), end_of_quota_window(window, at));
}

Result<std::optional<ApprovalRecord>> Store::approval(const ApprovalId& id) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::approval,
                  "SELECT " CHANCERY_APPROVAL_COLUMNS " FROM approval WHERE id = ?", id.text());
}

Result<std::vector<ApprovalRecord>> Store::approvals(bool pending, std::uint64_t after,
                                                     std::size_t limit) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, store_rows::approval,
                  "SELECT " CHANCERY_APPROVAL_COLUMNS
                  " FROM approval WHERE entry > ?1"
                  " AND (?2 = 0 OR state IN ('waiting', 'approved', 'open'))"
                  " ORDER BY entry LIMIT ?3",
                  after, pending ? 1 : 0, limit);
}

Result<std::optional<ApprovalRecord>> Store::pending_approval(const std::string& requester,
                                                              const std::string& rule,
                                                              ByteView request_sha256) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::approval,
                  "SELECT " CHANCERY_APPROVAL_COLUMNS
                  " FROM approval WHERE requester = ? AND rule = ? AND request_sha256 = ?"
                  " AND state IN ('waiting', 'approved')",
                  requester, rule, request_sha256);
}

Result<std::uint64_t> Store::count_pending_approvals() {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_number(*reader,
                     "SELECT count(*) FROM approval WHERE state IN ('waiting', 'approved')");
}

Result<std::vector<ApprovalRecord>> Store::open_approvals(std::size_t limit) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, store_rows::approval,
                  "SELECT " CHANCERY_APPROVAL_COLUMNS
                  " FROM approval WHERE state = 'open' ORDER BY approved_at DESC LIMIT ?",
                  limit);
}

Result<bool> Store::has_certified(const MachineName& machine, ByteView spki_sha256) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  ASSIGN_OR_RETURN(const std::uint64_t exists,
                   read_number(*reader,
                               "SELECT EXISTS (SELECT 1 FROM certificate INDEXED BY"
                               " certificate_machine WHERE machine = ? AND spki_sha256 = ?)",
                               machine.text(), spki_sha256));
  return exists != 0;
}

Result<std::optional<ApprovalRecord>> Store::open_approval(const std::string& requester,
                                                           const std::string& rule, Time at) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_one(*reader, store_rows::approval,
                  "SELECT " CHANCERY_APPROVAL_COLUMNS
                  " FROM approval WHERE requester = ? AND rule = ? AND state = 'open'"
                  " AND approved_at + opens_for * 1000000 > ?"
                  " ORDER BY approved_at DESC LIMIT 1",
                  requester, rule, to_micros(at));
}

Result<std::vector<ApprovalRecord>> Store::ended_approvals(Time at, std::size_t limit) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, store_rows::approval,
                  "SELECT " CHANCERY_APPROVAL_COLUMNS
                  " FROM approval WHERE (state IN ('waiting', 'approved') AND expires_at <= ?1)"
                  " OR (state = 'open' AND approved_at + opens_for * 1000000 <= ?1) LIMIT ?2",
                  to_micros(at), limit);
}

Result<std::vector<ApprovalSignatureRecord>> Store::approval_signatures(const ApprovalId& id) {
  ASSIGN_OR_RETURN(auto reader, connections_->reader());
  return read_all(*reader, store_rows::approval_signature,
                  "SELECT " CHANCERY_APPROVAL_SIGNATURE_COLUMNS
                  " FROM approval_signature WHERE approval = ? ORDER BY entry",
                  id.text());
}

}  // namespace chancery
