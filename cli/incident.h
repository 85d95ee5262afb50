#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/session.h"

namespace chancery {

/// How far an incident is, in one line.
std::string describe_incident(const nlohmann::json& incident);

/// A number of an answer, as text; "0" where it is absent.
std::string count_text(const nlohmann::json& object, const char* member);

/// What a dry run says, in lines.
std::string describe_preview(const nlohmann::json& preview);

/// Whom an incident waits for that gives machines time to renew, in lines that begin with a
/// newline; empty where nobody.
std::string describe_left(const nlohmann::json& incident);

/// Waits, with progress on standard error, until the incident has ended or waits for somebody: a
/// second person, or machines that have time to renew. Prints how it stands then, and keeps the
/// report of a finished one in `report_file` (none: not) with its receipt beside it.
Result<ExitCode> watch_incident(Session& session, const std::string& name,
                                const std::string& report_file);

/// Writes the report of a finished incident to `file` and the receipt of the entry that has its
/// hash to `file`.tlog-proof; internal where the report is not what that entry says.
Result<nlohmann::json> keep_incident_report(Session& session, const std::string& name,
                                            const std::string& file);

}  // namespace chancery
