#include "api/endpoint.h"
#include "core/audit_verify.h"

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

Result<HttpResponse> entries(Call& call) {
  ASSIGN_OR_RETURN(const std::uint64_t first, number_of(call.request, "first", 0));
  ASSIGN_OR_RETURN(const std::uint64_t count, number_of(call.request, "count", limits::page_rows));
  if (count == 0 || count > limits::page_rows) {
    return invalid("count", "must be 1 to " + std::to_string(limits::page_rows));
  }
  RETURN_IF_ERROR(authorize(call, Operation::audit_read));
  const AuditLog::Head head = call.instance().log().head();
  ASSIGN_OR_RETURN(const auto texts, call.store().entries(first, count));
  return json_response(200, {{"first", first}, {"entries", texts}, {"size", head.size}});
}

Result<HttpResponse> verify(Call& call) {
  RETURN_IF_ERROR(expect_no_members(call.request));
  RETURN_IF_ERROR(authorize(call, Operation::audit_read));
  std::vector<NoteVerifier> verifiers;
  for (const std::string& vkey : call.application.checkpoints.vkeys()) {
    ASSIGN_OR_RETURN(NoteVerifier verifier, NoteVerifier::parse(vkey));
    verifiers.push_back(std::move(verifier));
  }
  ASSIGN_OR_RETURN(const VerifyReport report, verify_log(call.store(), verifiers, {}));
  return json_response(200, {{"good", report.good},
                             {"summary", summary(report)},
                             {"findings", report.findings},
                             {"entries", report.entries}});
}

}  // namespace

std::vector<Route> audit_routes(Application& app) {
  return {
      authenticated(app, "GET", "/v1/audit/keys", "auditKeys", keys),
      with_query(authenticated(app, "GET", "/v1/audit/entries", "auditEntries", entries),
                 {"first", "count"}),
      authenticated(app, "POST", "/v1/audit/verify", "auditVerify", verify, true),
  };
}

}  // namespace chancery
