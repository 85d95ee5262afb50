#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/renewal_state.h"
#include "core/clock.h"

namespace chancery {

/// How the renewing of one directory's certificate stands.
struct RenewalReport {
  std::string directory;
  std::string unreadable = {};  ///< why certificate or state cannot be read; the rest is empty then
  std::string subject = {}, serial = {};
  Time not_before = {}, not_after = {};
  bool running = false;  ///< somebody has its lock
  RenewalState state = {};
};

/// From the files of `directory`, where nothing is changed (but see Identity::load()).
RenewalReport report_renewal(const std::string& directory);

/// What needs a person: unreadable, expired, the last try refused or failed, the hook failed. Empty
/// when there is nothing.
std::string problem_of(const RenewalReport& report, Time now);

/// When something will be tried next; none where nothing is planned yet.
std::optional<Time> next_step(const RenewalReport& report, Time now);

/// For people, several lines.
std::string describe(const RenewalReport& report, Time now);
nlohmann::json report_json(const RenewalReport& report, Time now);

/// Prometheus's text format (version 0.0.4), for the textfile collector of its node exporter.
std::string renewal_metrics(const std::vector<RenewalReport>& reports, Time now);

}  // namespace chancery
