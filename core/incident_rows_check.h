#pragma once

#include <nlohmann/json_fwd.hpp>

#include "core/audit_findings.h"
#include "core/store.h"

namespace chancery {

/// Holds the rows of incidents and of blocked keys against the entries that made them: as the log
/// is read the rows of each entry, at the end the entry of each row. The report of an incident that
/// has ended is made again and compared with its hash in the log.
class IncidentRowsCheck {
 public:
  IncidentRowsCheck(Store& store, AuditFindings& findings) : store_(store), findings_(findings) {}

  Result<void> check_incident(std::uint64_t index, const nlohmann::json& entry);
  /// What was revoked for its key's sake by the entry `index`.
  Result<void> check_blocked(std::uint64_t index, ByteView spki_sha256);
  /// After the last entry.
  Result<void> finish();

 private:
  Result<void> check_report(std::uint64_t index, const nlohmann::json& entry,
                            const IncidentRecord& row);
  Result<void> finish_incidents();
  Result<void> finish_blocked_keys();
  Result<bool> blocks(const nlohmann::json& entry, const BlockedKeyRecord& row);

  Store& store_;
  AuditFindings& findings_;
};

}  // namespace chancery
