#include "api/endpoint.h"
#include "core/incident_report.h"
#include "core/incidents.h"

// Many certificates at once: what would be revoked, revoking it, and how far that is.

namespace chancery {
namespace {

constexpr std::size_t kMachinesShown = 100;

Json counted(const std::map<std::string, std::uint64_t>& counts) {
  Json shown = Json::object();
  for (const auto& [name, count] : counts) shown[name] = count;
  return shown;
}

/// Those with the most certificates first.
Json most(const std::map<std::string, std::uint64_t>& machines) {
  std::vector<std::pair<std::uint64_t, std::string>> order;
  for (const auto& [name, count] : machines) order.emplace_back(count, name);
  const std::size_t shown = std::min(order.size(), kMachinesShown);
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(),
                    [](const auto& a, const auto& b) {
                      return a.first != b.first ? a.first > b.first : a.second < b.second;
                    });
  Json rows = Json::array();
  for (std::size_t i = 0; i < shown; ++i) {
    rows.push_back({{"machine", order[i].second}, {"certificates", order[i].first}});
  }
  return rows;
}

Json described(const IncidentPreview& preview) {
  Json serials = Json::array();
  for (const Serial& serial : preview.first) serials.push_back(serial.hex());
  Json shown = {{"matched", preview.matched},
                {"already_revoked", preview.already},
                {"not_known", preview.missing},
                {"not_permitted", preview.refused},
                {"not_renewable", preview.own},
                {"passed_over", preview.passed_over},
                {"issuers", counted(preview.issuers)},
                {"profiles", counted(preview.profiles)},
                {"machine_count", preview.machines.size()},
                {"more_machines", preview.more_machines},
                {"machines", most(preview.machines)},
                {"ending",
                 {{"within_a_day", preview.ending[0]},
                  {"within_a_week", preview.ending[1]},
                  {"within_a_month", preview.ending[2]},
                  {"later", preview.ending[3]}}},
                {"first", std::move(serials)},
                {"dependants", described(preview.dependants)}};
  if (preview.matched > preview.refused) shown["last_end"] = to_rfc3339_seconds(preview.last_end);
  if (!preview.refusal.empty()) shown["refusal"] = preview.refusal;
  return shown;
}

enum class Selector { shown, hidden };
Json described(const IncidentRecord& incident, Selector shows = Selector::shown) {
  Json shown = {{"name", incident.name.text()},
                {"state", name_of(incident.state)},
                {"reason", name_of(incident.reason)},
                {"opened_by", incident.opened_by.text()},
                {"opened_at", to_rfc3339_seconds(incident.opened_at)},
                {"matched", incident.matched},
                {"per_second", incident.per_second},
                {"entry", incident.entry},
                {"last_entry", incident.last_entry}};
  if (shows == Selector::shown && incident.selector.size() <= limits::incident_text_bytes) {
    const Json selector = Json::parse(incident.selector, nullptr, false);
    if (selector.is_object()) shown["selector"] = selector;
  }
  if (incident.invalidity_date) {
    shown["invalidity_date"] = to_rfc3339_seconds(*incident.invalidity_date);
  }
  if (incident.deadline) shown["replace_by"] = to_rfc3339_seconds(*incident.deadline);
  if (!incident.explanation_url.empty()) shown["explanation_url"] = incident.explanation_url;
  return shown;
}

Result<IncidentName> name_of_incident(const Call& call) {
  return IncidentName::parse(call.request.path_value("incident"));
}

Result<OpenIncident> opening(JsonBody& body) {
  OpenIncident request;
  ASSIGN_OR_RETURN(const auto name, body.optional_string("name"));
  if (name) {
    auto parsed = IncidentName::parse(*name);
    if (!parsed) return invalid("name", parsed.error().message);
    request.name = std::move(*parsed);
  }
  ASSIGN_OR_RETURN(const JsonBody selector, body.object("selector"));
  auto parsed = CertificateSelector::parse(selector.text());
  if (!parsed) {
    const std::string& field = parsed.error().field;
    return invalid(field.empty() || field == "selector" ? "selector" : "selector." + field,
                   parsed.error().message);
  }
  request.selector = std::move(*parsed);
  ASSIGN_OR_RETURN(const auto reason, body.optional_string("reason"));
  request.reason = RevocationReason::unspecified;
  if (reason) {
    ASSIGN_OR_RETURN(request.reason, parse_revocation_reason(*reason));
  }
  ASSIGN_OR_RETURN(request.invalidity_date, optional_time(body, "invalidity_date"));
  ASSIGN_OR_RETURN(request.reported_at, optional_time(body, "reported_at"));
  ASSIGN_OR_RETURN(request.deadline, optional_time(body, "replace_by"));
  ASSIGN_OR_RETURN(auto explanation, body.optional_string("explanation_url"));
  request.explanation_url = std::move(explanation).value_or("");
  ASSIGN_OR_RETURN(const auto rate,
                   body.optional_integer("per_second", 1, limits::incident_rate_at_most));
  if (rate) request.per_second = static_cast<std::uint64_t>(*rate);
  return request;
}

Result<HttpResponse> open_incident(Call& call) {
  ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(call.request.body));
  ASSIGN_OR_RETURN(const OpenIncident request, opening(body));
  ASSIGN_OR_RETURN(const auto dry_run, body.optional_boolean("dry_run"));
  RETURN_IF_ERROR(body.finish());
  Incidents& incidents = call.application.incidents;
  if (dry_run.value_or(false)) {
    ASSIGN_OR_RETURN(const IncidentPreview preview,
                     incidents.preview(call.caller, request.selector));
    return json_response(200, described(preview));
  }
  ASSIGN_OR_RETURN(const OpenedIncident incident, incidents.open(call.caller, request));
  call.application.incidents_soon();
  HttpResponse response = json_response(incident.again ? 200 : 201, described(incident));
  response.headers.emplace_back("Location", "/v1/incidents/" + incident.name.text());
  return response;
}

Result<HttpResponse> approve(Call& call) {
  ASSIGN_OR_RETURN(const IncidentName name, name_of_incident(call));
  Incidents& incidents = call.application.incidents;
  std::optional<std::int64_t> matched;
  if (!call.request.body.empty()) {
    ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(call.request.body));
    ASSIGN_OR_RETURN(matched, body.optional_integer("matched", 0, kLargestInteger));
    ASSIGN_OR_RETURN(const auto dry_run, body.optional_boolean("dry_run"));
    RETURN_IF_ERROR(body.finish());
    if (dry_run.value_or(false)) {
      ASSIGN_OR_RETURN(const IncidentPreview preview,
                       incidents.preview_approval(call.caller, name));
      return json_response(200, described(preview));
    }
  }
  std::optional<std::uint64_t> agreed;
  if (matched) agreed = static_cast<std::uint64_t>(*matched);
  ASSIGN_OR_RETURN(const IncidentRecord incident, incidents.approve(call.caller, name, agreed));
  call.application.incidents_soon();
  return json_response(200, described(incident));
}

Result<HttpResponse> cancel(Call& call) {
  ASSIGN_OR_RETURN(const IncidentName name, name_of_incident(call));
  RETURN_IF_ERROR(expect_no_members(call.request));
  ASSIGN_OR_RETURN(const IncidentRecord incident,
                   call.application.incidents.cancel(call.caller, name));
  call.application.incidents_soon();
  return json_response(200, described(incident));
}

Result<IncidentRecord> known(const Call& call) {
  ASSIGN_OR_RETURN(const IncidentName name, name_of_incident(call));
  // Progress is asked for each second: only a no is recorded.
  RETURN_IF_ERROR(call.service().authorize_look(
      call.caller, PolicyQuestion{.operation = Operation::incident_read}));
  ASSIGN_OR_RETURN(auto incident, call.store().incident(name));
  if (!incident) {
    return fail(ErrorCode::not_found, "there is no incident \"" + name.text() + "\"", "incident");
  }
  RETURN_IF_ERROR(call.application.incidents.expect_readable(call.caller, *incident));
  return std::move(*incident);
}

Json described(const LeftCertificates& left) {
  Json rows = Json::array();
  for (const LeftCertificate& one : left.first) {
    rows.push_back(
        {{"serial", one.serial.hex()}, {"machine", one.machine.text()}, {"why", one.why}});
  }
  return rows;
}

Result<HttpResponse> show(Call& call) {
  ASSIGN_OR_RETURN(const IncidentRecord incident, known(call));
  Json body = described(incident);
  ASSIGN_OR_RETURN(body["revoked"], call.store().count_revocations_of(incident.name));
  if (incident.deadline) {
    ASSIGN_OR_RETURN(const Store::Asked asked, call.store().count_asked_for(incident.name));
    body["asked"] = asked.all;
    body["left"] = asked.pending;
  }
  if (incident.state == IncidentState::replacing) {
    ASSIGN_OR_RETURN(const LeftCertificates left, call.application.incidents.left(incident));
    body["waits_for"] = described(left);
    body["waits_for_more"] = left.more;
  }
  if (incident.state == IncidentState::finished) {
    ASSIGN_OR_RETURN(const std::string text, call.store().entry(incident.last_entry));
    const Json entry = Json::parse(text, nullptr, false);
    if (entry.is_object()) {
      body["report_sha256"] = entry.value("report_sha256", "");
      body["passed_over"] = entry.value("passed_over", 0);
    }
  }
  return json_response(200, body);
}

Result<HttpResponse> report(Call& call) {
  std::uint64_t first = 0;
  if (const std::string* text = call.request.query_value("first")) {
    ASSIGN_OR_RETURN(first, parse_number(*text, "first"));
  }
  ASSIGN_OR_RETURN(const IncidentRecord incident, known(call));
  if (incident.state != IncidentState::finished) {
    return fail(ErrorCode::conflict,
                "the incident is " + std::string(name_of(incident.state)) +
                    "; its report comes when it has finished",
                "incident");
  }
  // Each part: wherever somebody begins, it is known what was read.
  RETURN_IF_ERROR(call.service().authorize(
      call.caller, PolicyQuestion{.operation = Operation::incident_read},
      "report of " + incident.name.text() + " from " + std::to_string(first)));
  ASSIGN_OR_RETURN(const IncidentReportPage page, incident_report(call.store(), incident, first));
  Json body = {{"lines", page.lines}};
  if (page.next) body["next"] = *page.next;
  return json_response(200, body);
}

Result<HttpResponse> list(Call& call) {
  ASSIGN_OR_RETURN(const Page page, page_of(call.request));
  const std::string* state = call.request.query_value("state");
  if (state && *state != "open" && *state != "all") return invalid("state", "must be open or all");
  RETURN_IF_ERROR(authorize(call, Operation::incident_read));
  ASSIGN_OR_RETURN(const auto incidents, call.store().incidents(!state || *state == "open", page));
  Json rows = Json::array();
  const bool reads_all = call.application.incidents.reads_all(call.caller);
  for (const IncidentRecord& incident : incidents) {
    const bool reads = reads_all || Incidents::is_opener(call.caller, incident);
    rows.push_back(described(incident, reads ? Selector::shown : Selector::hidden));
  }
  Json body = {{"incidents", std::move(rows)}};
  if (incidents.size() == page.limit) body["next"] = incidents.back().name.text();
  return json_response(200, body);
}

}  // namespace

Json described(const std::vector<IncidentPreview::Dependants>& dependants) {
  Json rows = Json::array();
  for (const IncidentPreview::Dependants& of : dependants) {
    rows.push_back({{"ca", of.ca.text()}, {"certificates", of.certificates}});
  }
  return rows;
}

std::vector<Route> incident_routes(Application& app) {
  return {
      with_query(authenticated(app, "GET", "/v1/incidents", "listIncidents", list),
                 {"state", "after", "limit"}),
      authenticated(app, "POST", "/v1/incidents", "openIncident", open_incident, true),
      authenticated(app, "GET", "/v1/incidents/{incident}", "showIncident", show),
      authenticated(app, "POST", "/v1/incidents/{incident}/approve", "approveIncident", approve,
                    true),
      authenticated(app, "POST", "/v1/incidents/{incident}/cancel", "cancelIncident", cancel, true),
      with_query(
          authenticated(app, "GET", "/v1/incidents/{incident}/report", "reportIncident", report),
          {"first"}),
  };
}

}  // namespace chancery
