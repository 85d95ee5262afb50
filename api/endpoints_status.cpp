#include "api/endpoint.h"

namespace chancery {
namespace {

/// Why the service cannot serve, or nothing.
std::string not_ready(const Application& application) {
  if (application.stopping()) return "the service is stopping";
  const Instance& instance = application.instance;
  if (!instance.log().healthy()) return "store: " + instance.log().problem();
  const TokenStatus token = instance.token().status();
  if (!token.up) return "token: " + token.problem;
  return "";
}

HttpResponse text(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.headers = {{"Cache-Control", "no-store"}};
  response.body = std::move(body);
  return response;
}

Result<HttpResponse> healthz(Call&) {
  return text(200, "ok\n");
}

Result<HttpResponse> readyz(Call& call) {
  const std::string problem = not_ready(call.application);
  if (!problem.empty()) return text(503, problem + "\n");
  return text(200, "ready: token, store, policy\n");
}

Result<HttpResponse> metrics(Call& call) {
  HttpResponse response = text(200, call.application.metrics.text());
  response.content_type = Metrics::content_type;
  return response;
}

Result<HttpResponse> openapi(Call& call) {
  HttpResponse response;
  response.content_type = "application/json";
  response.headers = {{"Cache-Control", "max-age=300"}};
  response.body = call.application.openapi;
  return response;
}

Json witnesses_json(const Application& application) {
  Json all = Json::array();
  if (!application.witnesses) return all;
  for (const Cosigning::Status& witness : application.witnesses()) {
    Json one = {{"name", witness.name}, {"size", witness.size}, {"failures", witness.failures}};
    if (!witness.problem.empty()) one["problem"] = witness.problem;
    all.push_back(std::move(one));
  }
  return all;
}

/// Those that were looked at.
Json faces_json(const Application& application) {
  Json all = Json::array();
  if (!application.faces) return all;
  for (const FaceState& state : application.faces()) {
    if (!state.checked_at) continue;
    Json one = {{"face", state.face},
                {"good", state.good},
                {"checked_at", to_rfc3339_seconds(*state.checked_at)}};
    if (!state.ca.empty()) one["ca"] = state.ca;
    if (state.as_of) one["as_of"] = to_rfc3339_seconds(*state.as_of);
    if (!state.problem.empty()) one["problem"] = state.problem;
    all.push_back(std::move(one));
  }
  return all;
}

/// Grants that are open to a machine for a while.
Result<Json> break_glass_json(const Call& call) {
  Json open = Json::array();
  ASSIGN_OR_RETURN(const auto approvals, call.store().open_approvals(limits::page_rows));
  for (const ApprovalRecord& approval : approvals) {
    if (approval.closes_at() <= now()) continue;
    open.push_back({{"approval", approval.id.text()},
                    {"rule", approval.rule},
                    {"machine", approval.requester},
                    {"closes_at", to_rfc3339_seconds(approval.closes_at())}});
  }
  return open;
}

Result<HttpResponse> status(Call& call) {
  RETURN_IF_ERROR(authorize(call, Operation::status_read));
  const Instance& instance = call.instance();
  const TokenStatus token = instance.token().status();
  const AuditLog::Head head = instance.log().head();
  const std::string version = call.service().policy()->version();
  ASSIGN_OR_RETURN(const auto policy, call.store().policy_version(version));
  Json body = {
      {"version", CHANCERY_VERSION},
      {"ready", not_ready(call.application).empty()},
      {"token",
       {{"up", token.up},
        {"lanes", token.lanes},
        {"lanes_busy", token.lanes_busy},
        {"restarts", token.restarts},
        {"signatures", token.signatures}}},
      {"log",
       {{"healthy", instance.log().healthy()},
        {"size", head.size},
        {"root", to_base64(head.root)},
        {"published", instance.log().published_size()},
        {"waiting", instance.log().counters().waiting}}},
      {"policy",
       {{"version", version}, {"loaded_at", policy ? to_rfc3339_seconds(policy->loaded_at) : ""}}}};
  body["witnesses"] = witnesses_json(call.application);
  body["faces"] = faces_json(call.application);
  ASSIGN_OR_RETURN(body["break_glass"], break_glass_json(call));
  if (!token.problem.empty()) body["token"]["problem"] = token.problem;
  if (!instance.log().healthy()) body["log"]["problem"] = instance.log().problem();
  return json_response(200, body);
}

}  // namespace

std::vector<Route> status_routes(Application& app) {
  return {
      authenticated(app, "GET", "/v1/status", "status", status),
      open(app, "GET", "/v1/openapi.json", "openapi", openapi),
  };
}

std::vector<Route> health_routes(Application& app) {
  return {
      open(app, "GET", "/healthz", "healthz", healthz),
      open(app, "GET", "/readyz", "readyz", readyz),
      open(app, "GET", "/metrics", "metrics", metrics),
  };
}

}  // namespace chancery
