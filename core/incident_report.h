#pragma once

#include "core/store.h"

namespace chancery {

/// A part of an incident's report: lines of JSON, each with its newline.
struct IncidentReportPage {
  std::string lines;
  std::uint64_t replaced = 0;         ///< of the certificates in these lines, renewed before
  std::optional<std::uint64_t> next;  ///< where the next part begins; none: this was the last
};

/// The report of an incident that revokes no more: a first line about the incident, one for each
/// certificate in the order of the log, a last one with their count. The same whenever it is made,
/// since nothing that it tells of can change: its SHA-256 is in the entry that ended the incident,
/// and that entry's receipt is the report's signature. `first` is 0, or the last part's `next`.
/// docs/revocation.md has the members.
Result<IncidentReportPage> incident_report(Store& store, const IncidentRecord& incident,
                                           std::uint64_t first);

/// What the report amounts to.
struct IncidentReportSummary {
  std::uint64_t revoked = 0;
  std::uint64_t left = 0;  ///< of these, where machines had time to renew: not renewed before
  Bytes sha256;            ///< of the whole report
};
Result<IncidentReportSummary> summarize_incident_report(Store& store,
                                                        const IncidentRecord& incident);

}  // namespace chancery
