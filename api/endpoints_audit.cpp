#include <algorithm>

#include "api/endpoint.h"
#include "core/audit_verify.h"
#include "core/key_changes.h"
#include "core/log_key_rotation.h"

namespace chancery {
namespace {

Result<std::uint64_t> number_of(const HttpRequest& request, std::string_view name,
                                std::uint64_t otherwise) {
  const std::string* text = request.query_value(name);
  if (!text) return otherwise;
  return parse_number(*text, name);
}

Result<HttpResponse> keys(Call& call) {
  RETURN_IF_ERROR(authorize(call, Operation::audit_read));
  return json_response(200, {{"origin", call.application.checkpoints.origin()},
                             {"vkeys", call.application.checkpoints.vkeys()}});
}

/// The keys in force after a change of them, once they have signed.
Result<HttpResponse> changed_keys(const Call& call) {
  CheckpointPublisher& checkpoints = call.application.checkpoints;
  if (const auto published = checkpoints.publish(); !published) {
    return fail(published.error().code,
                "the change is recorded, and the keys sign as soon as they can; no checkpoint "
                "could be signed now: " +
                    published.error().message);
  }
  RETURN_IF_ERROR(write_log_keys(call.instance().config().home, checkpoints));
  return json_response(200, {{"origin", checkpoints.origin()},
                             {"vkeys", checkpoints.vkeys()},
                             {"request_id", call.caller.context.id}});
}

Result<HttpResponse> key_changes(Call& call) {
  RETURN_IF_ERROR(authorize(call, Operation::audit_read));
  const std::string published = call.instance().log().published_checkpoint();
  KeyChanges changes;
  if (!published.empty()) {
    ASSIGN_OR_RETURN(changes, read_key_changes(call.store(), published));
  }
  HttpResponse response;
  response.content_type = "text/plain; charset=utf-8";
  response.headers = {{"Cache-Control", "no-store"}};
  response.body = to_text(changes);
  return response;
}

Result<HttpResponse> rotate_keys(Call& call) {
  RETURN_IF_ERROR(expect_no_members(call.request));
  RETURN_IF_ERROR(rotate_log_keys(call.instance(), call.application.checkpoints, call.caller));
  return changed_keys(call);
}

Result<HttpResponse> retire_keys(Call& call) {
  RETURN_IF_ERROR(expect_no_members(call.request));
  RETURN_IF_ERROR(retire_log_keys(call.instance(), call.application.checkpoints, call.caller));
  return changed_keys(call);
}

Result<HttpResponse> entries(Call& call) {
  ASSIGN_OR_RETURN(std::uint64_t first, number_of(call.request, "first", 0));
  ASSIGN_OR_RETURN(const std::uint64_t count, number_of(call.request, "count", limits::page_rows));
  if (count == 0 || count > limits::page_rows) {
    return invalid("count", "must be 1 to " + std::to_string(limits::page_rows));
  }
  RETURN_IF_ERROR(authorize(call, Operation::audit_read));
  const AuditLog::Head head = call.instance().log().head();
  ASSIGN_OR_RETURN(const std::uint64_t minimum, call.store().minimum());
  first = std::max(first, minimum);
  ASSIGN_OR_RETURN(const auto texts, call.store().entries(first, count));
  Json body = {{"first", first}, {"entries", texts}, {"size", head.size}};
  if (minimum > 0) body["minimum"] = minimum;
  return json_response(200, body);
}

Json described(const PruningPlan& plan, const Retention& retention) {
  return {{"minimum", plan.minimum},
          {"entries", plan.entries},
          {"certificates", plan.certificates},
          {"revocations", plan.revocations},
          {"retained", plan.retained},
          {"retention",
           {{"certificates", format_duration(retention.certificates)},
            {"other", format_duration(retention.other)}}}};
}

/// Without "confirm" it only says what would go.
Result<HttpResponse> prune(Call& call) {
  std::optional<bool> confirm;
  if (!call.request.body.empty()) {
    ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(call.request.body));
    ASSIGN_OR_RETURN(confirm, body.optional_boolean("confirm"));
    RETURN_IF_ERROR(body.finish());
  }
  Pruner& pruner = call.application.pruner;
  Pruner::Begun begun;
  if (confirm.value_or(false)) {
    ASSIGN_OR_RETURN(begun, pruner.prune(call.caller));
  } else {
    ASSIGN_OR_RETURN(begun.plan, pruner.preview(call.caller));
  }
  Json body = described(begun.plan, *call.instance().config().retention);
  body["request_id"] = call.caller.context.id;
  if (begun.entry > 0) body["entry"] = begun.entry;
  return json_response(begun.entry > 0 ? 202 : 200, body);
}

/// Each pruning so far, and whether all of it is gone.
Result<HttpResponse> prunings(Call& call) {
  RETURN_IF_ERROR(authorize(call, Operation::status_read));
  ASSIGN_OR_RETURN(const auto rows, call.store().prunings());
  Json listed = Json::array();
  for (const PruningRecord& row : rows) {
    listed.push_back({{"entry", row.entry},
                      {"minimum", row.minimum},
                      {"entries", row.entries},
                      {"certificates", row.certificates},
                      {"revocations", row.revocations},
                      {"done", row.done}});
  }
  ASSIGN_OR_RETURN(const std::uint64_t minimum, call.store().minimum());
  return json_response(200, {{"minimum", minimum}, {"prunings", listed}});
}

/// A query parameter through its parser; nothing where it is absent.
template <class Value>
Result<std::optional<Value>> parsed(const HttpRequest& request, std::string_view name,
                                    Result<Value> (*parse)(std::string_view)) {
  const std::string* text = request.query_value(name);
  if (!text) return std::nullopt;
  auto value = parse(*text);
  if (!value) return invalid(std::string(name), value.error().message);
  return std::optional(std::move(*value));
}

Result<std::string> short_text(const HttpRequest& request, std::string_view name) {
  const std::string* text = request.query_value(name);
  if (!text) return std::string();
  if (!text->empty() && text->size() <= limits::machine_name_bytes) return *text;
  return invalid(std::string(name),
                 "must have 1 to " + std::to_string(limits::machine_name_bytes) + " bytes");
}

Result<AuditQuery> audit_query(const HttpRequest& request) {
  AuditQuery query;
  ASSIGN_OR_RETURN(query.machine, parsed(request, "machine", MachineName::parse));
  ASSIGN_OR_RETURN(query.key, parsed(request, "key", KeyName::parse));
  ASSIGN_OR_RETURN(query.serial, parsed(request, "serial", Serial::parse));
  ASSIGN_OR_RETURN(query.kind, parsed(request, "kind", parse_entry_kind));
  ASSIGN_OR_RETURN(query.request, short_text(request, "request"));
  ASSIGN_OR_RETURN(query.grant, short_text(request, "grant"));
  ASSIGN_OR_RETURN(query.from, query_time(request, "from"));
  ASSIGN_OR_RETURN(query.until, query_time(request, "until"));
  ASSIGN_OR_RETURN(query.first, number_of(request, "first", 0));
  ASSIGN_OR_RETURN(const std::uint64_t limit, number_of(request, "limit", 100));
  if (limit == 0 || limit > limits::page_rows) {
    return invalid("limit", "must be 1 to " + std::to_string(limits::page_rows));
  }
  query.limit = static_cast<std::size_t>(limit);
  return query;
}

/// The query as it was asked, for the log.
std::string asked_for(const HttpRequest& request) {
  std::string text;
  for (const auto& [name, value] : request.query) {
    text += (text.empty() ? "" : " ") + name + "=" + value;
  }
  return text;
}

Result<HttpResponse> search(Call& call) {
  ASSIGN_OR_RETURN(const AuditQuery query, audit_query(call.request));
  RETURN_IF_ERROR(call.service().authorize(call.caller, {.operation = Operation::audit_read},
                                           asked_for(call.request)));
  const std::uint64_t size = call.instance().log().head().size;
  ASSIGN_OR_RETURN(const auto found, call.application.audit_index.search(query, size));
  Json rows = Json::array();
  for (const auto& entry : found.entries) {
    rows.push_back({{"index", entry.index}, {"entry", entry.text}});
  }
  Json body = {{"entries", std::move(rows)}, {"indexed", found.indexed}, {"size", size}};
  if (found.next) body["next"] = *found.next;
  return json_response(200, body);
}

/// "req-" and 32 hexadecimal digits, as new_request_id() makes them.
bool is_request_id(std::string_view text) {
  return text.size() == 36 && text.starts_with("req-") &&
         text.find_first_not_of("0123456789abcdef", 4) == text.npos;
}

Result<HttpResponse> commitment_salt(Call& call) {
  const std::string& request = call.request.path_value("request");
  if (!is_request_id(request)) return invalid("request", "is not the id of a request");
  RETURN_IF_ERROR(call.service().authorize(call.caller, {.operation = Operation::audit_read},
                                           "commitment-salt=" + request));
  return json_response(
      200, {{"request", request}, {"salt", to_hex(call.service().commitment_salt(request))}});
}

Result<HttpResponse> verify(Call& call) {
  RETURN_IF_ERROR(expect_no_members(call.request));
  RETURN_IF_ERROR(authorize(call, Operation::audit_read));
  std::vector<NoteVerifier> verifiers;
  for (const std::string& vkey : call.application.checkpoints.vkeys()) {
    ASSIGN_OR_RETURN(NoteVerifier verifier, NoteVerifier::parse(vkey));
    verifiers.push_back(std::move(verifier));
  }
  ASSIGN_OR_RETURN(const auto report, call.application.verification.run(
                                          [&] { return verify_log(call.store(), verifiers, {}); }));
  if (!*report) return Failure(report->error());
  return json_response(200, {{"good", (*report)->good},
                             {"summary", summary(**report)},
                             {"findings", (*report)->findings},
                             {"entries", (*report)->entries}});
}

}  // namespace

std::vector<Route> audit_routes(Application& app) {
  return {
      authenticated(app, "GET", "/v1/audit/keys", "auditKeys", keys),
      authenticated(app, "GET", "/v1/audit/keys/changes", "auditKeyChanges", key_changes),
      authenticated(app, "POST", "/v1/audit/keys/rotate", "rotateAuditKeys", rotate_keys, true),
      authenticated(app, "POST", "/v1/audit/keys/retire", "retireAuditKeys", retire_keys, true),
      with_query(authenticated(app, "GET", "/v1/audit/entries", "auditEntries", entries),
                 {"first", "count"}),
      with_query(authenticated(app, "GET", "/v1/audit/search", "auditSearch", search),
                 {"machine", "key", "serial", "request", "grant", "kind", "from", "until", "first",
                  "limit"}),
      authenticated(app, "GET", "/v1/audit/commitments/{request}", "commitmentSalt",
                    commitment_salt),
      authenticated(app, "POST", "/v1/audit/verify", "auditVerify", verify, true),
      authenticated(app, "GET", "/v1/audit/prunings", "listPrunings", prunings),
      authenticated(app, "POST", "/v1/audit/prune", "pruneAuditLog", prune, true),
  };
}

}  // namespace chancery
