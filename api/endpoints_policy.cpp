#include "api/endpoint.h"

namespace chancery {
namespace {

Result<HttpResponse> show(Call& call) {
  RETURN_IF_ERROR(authorize(call, Operation::policy_read));
  const std::string version = call.service().policy()->version();
  ASSIGN_OR_RETURN(const auto record, call.store().policy_version(version));
  if (!record) return fail(ErrorCode::internal, "the policy in force is not in the store");
  return json_response(200, {{"version", version},
                             {"text", record->text},
                             {"loaded_at", to_rfc3339_seconds(record->loaded_at)}});
}

Result<HttpResponse> reload(Call& call) {
  RETURN_IF_ERROR(expect_no_members(call.request));
  RETURN_IF_ERROR(authorize(call, Operation::policy_change));
  ASSIGN_OR_RETURN(const bool changed, call.instance().reload_policy(call.caller));
  return json_response(200,
                       {{"version", call.service().policy()->version()}, {"changed", changed}});
}

}  // namespace

std::vector<Route> policy_routes(Application& app) {
  return {
      authenticated(app, "GET", "/v1/policy", "showPolicy", show),
      authenticated(app, "POST", "/v1/policy/reload", "reloadPolicy", reload, true),
  };
}

}  // namespace chancery
