#include "api/endpoint.h"
#include "core/entry_view.h"
#include "core/policy_bundle.h"

namespace chancery {
namespace {

Result<void> check_version(const std::string& text) {
  if (is_policy_version(text)) return {};
  return invalid("version", "must be the 64 hexadecimal digits of a policy's version");
}

Result<HttpResponse> shown(Call& call, const std::string& version) {
  ASSIGN_OR_RETURN(const auto record, call.store().policy_version(version));
  if (!record) return fail(ErrorCode::not_found, "there was no policy " + version, "version");
  return json_response(200, {{"version", version},
                             {"text", record->text},
                             {"loaded_at", to_rfc3339_seconds(record->loaded_at)}});
}

Result<HttpResponse> show(Call& call) {
  RETURN_IF_ERROR(authorize(call, Operation::policy_read));
  return shown(call, call.service().policy()->version());
}

Result<HttpResponse> show_version(Call& call) {
  RETURN_IF_ERROR(authorize(call, Operation::policy_read));
  const std::string& version = call.request.path_value("version");
  RETURN_IF_ERROR(check_version(version));
  return shown(call, version);
}

/// Who put each version in force the last time, as far as the index of the log has come.
Result<std::map<std::string, std::string>> who_put_in_force(
    Call& call, const std::vector<PolicyVersionRecord>& versions) {
  std::map<std::string, std::string> who;
  if (versions.empty()) return who;
  std::map<std::string, Time> loaded;
  for (const PolicyVersionRecord& row : versions) loaded[row.version] = row.loaded_at;
  AuditQuery query{.kind = EntryKind::policy, .from = versions.back().loaded_at};
  const std::uint64_t size = call.instance().log().head().size;
  for (bool more = true; more;) {
    ASSIGN_OR_RETURN(const auto found, call.application.audit_index.search(query, size));
    for (const auto& entry : found.entries) {
      const auto view = EntryView::parse(entry.text);
      const auto row = view ? loaded.find(view->text("version")) : loaded.end();
      // A start puts it in force again, later than whoever changed it.
      if (row == loaded.end() || view->time() < row->second) continue;
      who.try_emplace(row->first, view->text("machine"));
    }
    more = found.next.has_value();
    query.first = found.next.value_or(0);
  }
  return who;
}

Result<HttpResponse> list_versions(Call& call) {
  RETURN_IF_ERROR(authorize(call, Operation::policy_read));
  ASSIGN_OR_RETURN(const auto versions,
                   call.store().policy_versions(limits::policy_versions_shown));
  ASSIGN_OR_RETURN(const auto who, who_put_in_force(call, versions));
  Json rows = Json::array();
  for (const PolicyVersionRecord& row : versions) {
    Json version = {{"version", row.version}, {"loaded_at", to_rfc3339_seconds(row.loaded_at)}};
    if (const auto by = who.find(row.version); by != who.end()) version["by"] = by->second;
    rows.push_back(std::move(version));
  }
  return json_response(
      200, {{"in_force", call.service().policy()->version()}, {"versions", std::move(rows)}});
}

HttpResponse in_force(const Call& call, bool changed) {
  return json_response(200,
                       {{"version", call.service().policy()->version()}, {"changed", changed}});
}

/// Others agree to one policy, not to whatever stands in the files by then.
Result<void> expect_version_to_approve(const Call& call,
                                       const std::optional<std::string>& version) {
  const Decision decision = call.service().policy()->decide(
      call.caller.context.machine, PolicyQuestion{.operation = Operation::policy_change});
  if (version || decision.duties() == nullptr || !decision.duties()->approval) return {};
  return invalid("version", "others have to agree to this policy; say which it is by its version");
}

Result<HttpResponse> reload(Call& call) {
  std::optional<std::string> version;
  if (!call.request.body.empty()) {
    ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(call.request.body));
    ASSIGN_OR_RETURN(version, body.optional_string("version"));
    RETURN_IF_ERROR(body.finish());
  }
  if (version) RETURN_IF_ERROR(check_version(*version));
  RETURN_IF_ERROR(expect_version_to_approve(call, version));
  ASSIGN_OR_RETURN(const Permit permitted,
                   call.instance().permit_change(call.caller, version.value_or("")));
  ASSIGN_OR_RETURN(const bool changed,
                   call.instance().reload_policy(call.caller, permitted, version.value_or("")));
  return in_force(call, changed);
}

Result<HttpResponse> apply(Call& call) {
  ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(call.request.body));
  Instance::NewPolicy wanted;
  ASSIGN_OR_RETURN(wanted.text, body.string("text"));
  ASSIGN_OR_RETURN(const auto replaces, body.optional_string("replaces"));
  ASSIGN_OR_RETURN(const auto allow_lockout, body.optional_boolean("allow_lockout"));
  ASSIGN_OR_RETURN(const auto dry_run, body.optional_boolean("dry_run"));
  RETURN_IF_ERROR(body.finish());
  wanted.replaces = replaces.value_or("");
  wanted.allow_lockout = allow_lockout.value_or(false);
  if (dry_run.value_or(false)) {
    RETURN_IF_ERROR(call.instance().check_policy(call.caller, wanted));
    return in_force(call, false);
  }
  ASSIGN_OR_RETURN(const bool changed, call.instance().apply_policy(call.caller, wanted));
  return in_force(call, changed);
}

Result<HttpResponse> roll_back(Call& call) {
  ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(call.request.body));
  ASSIGN_OR_RETURN(const auto version, body.optional_string("version"));
  ASSIGN_OR_RETURN(const auto allow_lockout, body.optional_boolean("allow_lockout"));
  RETURN_IF_ERROR(body.finish());
  if (version) RETURN_IF_ERROR(check_version(*version));
  RETURN_IF_ERROR(expect_version_to_approve(call, version));
  ASSIGN_OR_RETURN(const bool changed,
                   call.instance().roll_policy_back(call.caller, version.value_or(""),
                                                    allow_lockout.value_or(false)));
  return in_force(call, changed);
}

Result<HttpResponse> start_shadow(Call& call) {
  ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(call.request.body));
  ASSIGN_OR_RETURN(const std::string text, body.string("text"));
  RETURN_IF_ERROR(body.finish());
  ASSIGN_OR_RETURN(const std::string version, call.instance().start_shadow(call.caller, text));
  return json_response(200, {{"candidate", version}});
}

Result<HttpResponse> stop_shadow(Call& call) {
  RETURN_IF_ERROR(expect_no_members(call.request));
  ASSIGN_OR_RETURN(
      const Permit permitted,
      call.service().permit(call.caller, PolicyQuestion{.operation = Operation::policy_change}));
  RETURN_IF_ERROR(call.service().stop_shadow(call.caller, permitted));
  return json_response(200, Json::object());
}

Result<HttpResponse> show_shadow(Call& call) {
  RETURN_IF_ERROR(authorize(call, Operation::policy_read));
  const auto shadow = call.service().shadow();
  if (!shadow) return fail(ErrorCode::not_found, "there is no shadow policy", "shadow");
  const Shadow::Report report = shadow->report();
  Json last = Json::array();
  for (const Shadow::Difference& difference : report.last) {
    last.push_back({{"time", to_rfc3339(difference.at)},
                    {"machine", difference.machine},
                    {"operation", name_of(difference.operation)},
                    {"in_force", difference.in_force},
                    {"candidate", difference.candidate}});
  }
  return json_response(200, {{"candidate", report.version},
                             {"started_by", report.started_by},
                             {"since", to_rfc3339_seconds(report.since)},
                             {"decisions", report.decisions},
                             {"differences", report.differences},
                             {"refused", report.refused},
                             {"allowed", report.allowed},
                             {"last", std::move(last)}});
}

}  // namespace

std::vector<Route> policy_routes(Application& app) {
  return {
      authenticated(app, "GET", "/v1/policy", "showPolicy", show),
      authenticated(app, "POST", "/v1/policy", "applyPolicy", apply, true),
      authenticated(app, "POST", "/v1/policy/reload", "reloadPolicy", reload, true),
      authenticated(app, "POST", "/v1/policy/rollback", "rollBackPolicy", roll_back, true),
      authenticated(app, "GET", "/v1/policy/versions", "listPolicyVersions", list_versions),
      authenticated(app, "GET", "/v1/policy/versions/{version}", "showPolicyVersion", show_version),
      authenticated(app, "GET", "/v1/policy/shadow", "showShadowPolicy", show_shadow),
      authenticated(app, "POST", "/v1/policy/shadow", "startShadowPolicy", start_shadow, true),
      authenticated(app, "POST", "/v1/policy/shadow/stop", "stopShadowPolicy", stop_shadow, true),
  };
}

}  // namespace chancery
