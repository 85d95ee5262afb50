#include "api/endpoint.h"
#include "core/renewal_window.h"

// When certificates are to be renewed, and which the service wants replaced.

namespace chancery {
namespace {

Result<HttpResponse> show_window(Call& call) {
  ASSIGN_OR_RETURN(const Serial serial, Serial::parse(call.request.path_value("serial")));
  ASSIGN_OR_RETURN(const auto record, call.store().certificate(serial));
  PolicyQuestion question{.operation = Operation::certificate_read};
  if (record) question.owner = record->machine.text();
  // Machines ask every hour, for what is no secret: only a no is recorded.
  RETURN_IF_ERROR(call.service().authorize_look(call.caller, question));
  if (!record) {
    return fail(ErrorCode::not_found, "there is no certificate " + serial.hex() + " here",
                "serial");
  }
  ASSIGN_OR_RETURN(const auto request, call.store().renewal_request(serial));
  ASSIGN_OR_RETURN(const bool revoked, call.service().is_revoked(serial));
  const RenewalWindow window = request || revoked
                                   ? passed_window(record->not_before)
                                   : usual_window(record->not_before, record->not_after);
  Json body = {
      {"suggestedWindow",
       {{"start", to_rfc3339_seconds(window.start)}, {"end", to_rfc3339_seconds(window.end)}}}};
  if (request && !request->explanation_url.empty()) {
    body["explanationURL"] = request->explanation_url;
  }
  HttpResponse response = json_response(200, body);
  const Seconds interval = look_interval(record->not_before, record->not_after);
  response.headers.emplace_back("Retry-After", std::to_string(interval.count()));
  return response;
}

Result<HttpResponse> replace(Call& call) {
  ASSIGN_OR_RETURN(const Serial serial, Serial::parse(call.request.path_value("serial")));
  ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(call.request.body));
  ReplaceCertificate request{.serial = serial, .reason = {}, .deadline = {}};
  ASSIGN_OR_RETURN(const std::string reason, body.string("reason"));
  ASSIGN_OR_RETURN(request.reason, parse_revocation_reason(reason));
  ASSIGN_OR_RETURN(const std::string deadline, body.string("deadline"));
  const auto time = from_rfc3339(deadline);
  if (!time) return invalid("deadline", time.error().message);
  request.deadline = std::chrono::floor<Seconds>(*time);
  ASSIGN_OR_RETURN(auto explanation_url, body.optional_string("explanation_url"));
  request.explanation_url = std::move(explanation_url).value_or("");
  RETURN_IF_ERROR(body.finish());
  ASSIGN_OR_RETURN(const RenewalRequestRecord row, call.service().replace(call.caller, request));
  Json answer = described(row);
  answer["serial"] = serial.hex();
  answer["request_id"] = call.caller.context.id;
  return json_response(200, answer);
}

Result<bool> pending_only(const HttpRequest& request) {
  const std::string* state = request.query_value("state");
  if (state && *state != "pending" && *state != "all") {
    return invalid("state", "must be pending or all");
  }
  return !state || *state == "pending";
}

Result<HttpResponse> list(Call& call) {
  ASSIGN_OR_RETURN(const Page page, page_of(call.request));
  if (!page.after.empty()) {
    RETURN_IF_ERROR(Serial::parse(page.after));
  }
  ASSIGN_OR_RETURN(const bool pending, pending_only(call.request));
  RETURN_IF_ERROR(authorize(call, Operation::certificate_read));
  ASSIGN_OR_RETURN(const auto requests, call.store().renewal_requests(pending, page));
  Json rows = Json::array();
  for (const RenewalRequestRecord& request : requests) {
    ASSIGN_OR_RETURN(const auto record, call.store().certificate(request.serial));
    if (!record) return fail(ErrorCode::internal, "a request to renew has no certificate");
    ASSIGN_OR_RETURN(const auto revocation, call.store().revocation(request.serial));
    Json row = described(request);
    row["serial"] = request.serial.hex();
    row["issuer"] = record->issuer.text();
    row["machine"] = record->machine.text();
    row["profile"] = record->profile.text();
    row["state"] = state_of(*record, revocation);
    row["not_after"] = to_rfc3339_seconds(record->not_after);
    rows.push_back(std::move(row));
  }
  Json body = {{"replacements", std::move(rows)}};
  if (requests.size() == page.limit) body["next"] = requests.back().serial.hex();
  return json_response(200, body);
}

}  // namespace

Json described(const RenewalRequestRecord& request) {
  Json shown = {{"reason", name_of(request.reason)},
                {"deadline", to_rfc3339_seconds(request.deadline)},
                {"entry", request.entry}};
  if (!request.explanation_url.empty()) shown["explanation_url"] = request.explanation_url;
  if (request.replaced_by) shown["replaced_by"] = request.replaced_by->hex();
  if (!request.incident.empty()) shown["incident"] = request.incident;
  return shown;
}

std::vector<Route> renewal_routes(Application& app) {
  return {
      authenticated(app, "GET", "/v1/certificates/{serial}/renewal", "showRenewal", show_window),
      authenticated(app, "POST", "/v1/certificates/{serial}/replace", "replaceCertificate", replace,
                    true),
      with_query(authenticated(app, "GET", "/v1/replacements", "listReplacements", list),
                 {"state", "after", "limit"}),
  };
}

}  // namespace chancery
