#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "cli/service.h"
#include "core/audit_entry.h"
#include "core/identifier.h"

namespace chancery {

/// Which entries; what is not said is any.
struct AuditFilter {
  std::optional<MachineName> machine;
  std::optional<KeyName> key;
  std::optional<Serial> serial;
  std::optional<EntryKind> kind;
  std::string request, grant;
  std::optional<Time> from, until;
};

/// "?machine=…&kind=…", escaped; "?" where nothing is named.
std::string query_of(const AuditFilter& filter);

/// One page of /v1/audit/search, once the service has indexed all of its log; says on standard
/// error how far that is.
Result<nlohmann::json> search_log(Service& service, const std::string& query);

/// The index of the first entry at or after `time`; the log's size where there is none.
Result<std::uint64_t> first_entry_from(Service& service, Time time);

}  // namespace chancery
