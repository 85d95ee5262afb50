#include "core/incident_report.h"

#include <nlohmann/json.hpp>

#include "core/digest_stream.h"
#include "core/limits.h"

namespace chancery {
namespace {

using nlohmann::json;

std::string line_of(const json& object) {
  return object.dump(-1, ' ', true, json::error_handler_t::replace) + "\n";
}

std::string first_line(const IncidentRecord& incident) {
  // What somebody wrote into the row is found by the report's hash.
  const json selector = json::parse(incident.selector, nullptr, false);
  json line = {{"incident", incident.name.text()},
               {"version", 1},
               {"selector", selector.is_discarded() ? json() : selector},
               {"reason", name_of(incident.reason)},
               {"opened_by", incident.opened_by.text()},
               {"opened_at", to_rfc3339_seconds(incident.opened_at)},
               {"matched", incident.matched},
               {"entry", incident.entry}};
  if (incident.invalidity_date) {
    line["invalidity_date"] = to_rfc3339_seconds(*incident.invalidity_date);
  }
  if (incident.deadline) line["replace_by"] = to_rfc3339_seconds(*incident.deadline);
  return line_of(line);
}

/// The renewal that had been issued when the certificate was revoked.
Result<std::optional<Serial>> replaced_before(Store& store, const Revocation& revocation) {
  ASSIGN_OR_RETURN(auto serial, store.replacement_of(revocation.serial));
  if (!serial) return serial;
  ASSIGN_OR_RETURN(const auto renewal, store.certificate(*serial));
  if (!renewal || renewal->outcome > revocation.entry) serial.reset();
  return serial;
}

struct Line {
  std::string text;
  bool replaced = false;
};

Result<Line> line_of(Store& store, const Revocation& revocation) {
  ASSIGN_OR_RETURN(const auto certificate, store.select_certificate(revocation.serial));
  if (!certificate) return fail(ErrorCode::internal, "a revocation has no certificate");
  json line = {{"serial", revocation.serial.hex()},
               {"issuer", revocation.issuer.text()},
               {"machine", certificate->machine.text()},
               {"profile", certificate->profile.text()},
               {"not_after", to_rfc3339_seconds(certificate->not_after)},
               {"revoked_at", to_rfc3339_seconds(revocation.revoked_at)},
               {"entry", revocation.entry}};
  ASSIGN_OR_RETURN(const auto renewal, replaced_before(store, revocation));
  if (renewal) line["replaced_by"] = renewal->hex();
  return Line{line_of(line), renewal.has_value()};
}

}  // namespace

Result<IncidentReportPage> incident_report(Store& store, const IncidentRecord& incident,
                                           std::uint64_t first) {
  IncidentReportPage page;
  if (first == 0) page.lines = first_line(incident);
  ASSIGN_OR_RETURN(const auto rows, store.revocations_of(incident.name, first, limits::page_rows));
  for (const Revocation& row : rows) {
    ASSIGN_OR_RETURN(const Line line, line_of(store, row));
    page.lines += line.text;
    page.replaced += line.replaced ? 1 : 0;
  }
  if (rows.size() == limits::page_rows) {
    page.next = rows.back().entry + 1;
    return page;
  }
  ASSIGN_OR_RETURN(const std::uint64_t count, store.count_revocations_of(incident.name));
  page.lines += line_of(json{{"revoked", count}});
  return page;
}

Result<IncidentReportSummary> summarize_incident_report(Store& store,
                                                        const IncidentRecord& incident) {
  DigestStream hash(DigestAlgorithm::sha256);
  IncidentReportSummary summary;
  std::uint64_t replaced = 0;
  for (std::optional<std::uint64_t> first = 0; first;) {
    ASSIGN_OR_RETURN(const IncidentReportPage page, incident_report(store, incident, *first));
    hash.add(bytes_of(page.lines));
    replaced += page.replaced;
    first = page.next;
  }
  summary.sha256 = hash.finish();
  ASSIGN_OR_RETURN(summary.revoked, store.count_revocations_of(incident.name));
  if (incident.deadline) summary.left = summary.revoked - replaced;
  return summary;
}

}  // namespace chancery
