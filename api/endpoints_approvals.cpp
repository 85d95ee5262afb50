#include "api/endpoint.h"
#include "core/approvals.h"

// What the policy wants others to agree to: looking at it, agreeing, and taking it back.

namespace chancery {
namespace {

Json described(const Call& call, const ApprovalView& view) {
  const ApprovalRecord& approval = view.record;
  Json given = Json::array();
  for (const ApprovalView::Given& one : view.given) {
    Json row = {{"approver", one.signature.approver},
                {"serial", one.signature.serial.hex()},
                {"algorithm", one.signature.algorithm},
                {"signature", to_base64(one.signature.signature)},
                {"given_at", to_rfc3339_seconds(one.signature.given_at)},
                {"entry", one.signature.entry},
                {"counts", one.why_not.empty()}};
    if (!one.why_not.empty()) row["why_not"] = one.why_not;
    given.push_back(std::move(row));
  }
  Json shown = {{"id", approval.id.text()},
                {"state", name_of(approval.state)},
                {"rule", approval.rule},
                {"requester", approval.requester},
                {"operation", approval.operation},
                {"request_sha256", to_hex(approval.request_sha256)},
                {"summary", Json::parse(approval.summary, nullptr, false)},
                {"statement", call.service().approvals().statement(approval)},
                {"needed", approval.needed},
                {"counted", view.count()},
                {"given", std::move(given)},
                {"created_at", to_rfc3339_seconds(approval.created_at)},
                {"expires_at", to_rfc3339_seconds(approval.expires_at)},
                {"entry", approval.entry},
                {"last_entry", approval.last_entry}};
  if (approval.opens_for > Seconds{0}) {
    shown["opens_for"] = format_duration(approval.opens_for);
    if (approval.approved_at) shown["closes_at"] = to_rfc3339_seconds(approval.closes_at());
  }
  if (!approval.used_by.empty()) shown["used_by"] = approval.used_by;
  return shown;
}

Result<ApprovalId> id_of(const Call& call) {
  return ApprovalId::parse(call.request.path_value("approval"));
}

Result<HttpResponse> show(Call& call) {
  ASSIGN_OR_RETURN(const ApprovalId id, id_of(call));
  ASSIGN_OR_RETURN(const ApprovalView view, call.service().show_approval(call.caller, id));
  return json_response(200, described(call, view));
}

/// Who may read all sees all. Everybody else sees what it has asked for and what waits for it; that
/// it looked is recorded all the same.
Result<bool> reads_all(const Call& call) {
  const PolicyQuestion question{.operation = Operation::approval_read};
  const auto policy = call.service().policy();
  if (policy->decide(call.caller.context.machine, question).allowed()) {
    RETURN_IF_ERROR(authorize(call, question.operation));
    return true;
  }
  AuditEntry entry(EntryKind::read);
  entry.set("operation", name_of(question.operation)).set("asked", "its own");
  entry.set("policy", policy->version());
  RETURN_IF_ERROR(call.instance().log().record(call.caller.context, std::move(entry)));
  return false;
}

Result<HttpResponse> list(Call& call) {
  ASSIGN_OR_RETURN(const Page page, page_of(call.request));
  std::uint64_t after = 0;
  if (!page.after.empty()) {
    ASSIGN_OR_RETURN(after, parse_number(page.after, "after"));
  }
  const std::string* state = call.request.query_value("state");
  if (state && *state != "pending" && *state != "all") {
    return invalid("state", "must be pending or all");
  }
  ASSIGN_OR_RETURN(const bool all, reads_all(call));
  ASSIGN_OR_RETURN(auto rows,
                   call.store().approvals(!state || *state == "pending", after, page.limit));
  const auto policy = call.service().policy();
  Json body = {{"approvals", Json::array()}};
  if (rows.size() == page.limit) body["next"] = std::to_string(rows.back().entry);
  for (ApprovalRecord& row : rows) {
    if (!all && !call.service().concerns(call.caller, row)) continue;
    ASSIGN_OR_RETURN(const ApprovalView view,
                     call.service().approvals().view(*policy, std::move(row)));
    body["approvals"].push_back(described(call, view));
  }
  return json_response(200, body);
}

Result<HttpResponse> approve(Call& call) {
  ASSIGN_OR_RETURN(const ApprovalId id, id_of(call));
  ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(call.request.body));
  ASSIGN_OR_RETURN(const Bytes signature, body.base64("signature"));
  ASSIGN_OR_RETURN(const auto name, body.optional_string("algorithm"));
  RETURN_IF_ERROR(body.finish());
  std::optional<SignatureAlgorithm> algorithm;
  if (name) {
    ASSIGN_OR_RETURN(algorithm, parse_signature_algorithm(*name));
  }
  const auto policy = call.service().policy();
  ASSIGN_OR_RETURN(const ApprovalView view,
                   call.service().approvals().give(call.caller, *policy, id, algorithm, signature));
  return json_response(200, described(call, view));
}

Result<HttpResponse> cancel(Call& call) {
  ASSIGN_OR_RETURN(const ApprovalId id, id_of(call));
  RETURN_IF_ERROR(expect_no_members(call.request));
  ASSIGN_OR_RETURN(const ApprovalView view, call.service().cancel_approval(call.caller, id));
  return json_response(200, described(call, view));
}

}  // namespace

std::vector<Route> approval_routes(Application& app) {
  return {
      with_query(authenticated(app, "GET", "/v1/approvals", "listApprovals", list),
                 {"state", "after", "limit"}),
      authenticated(app, "GET", "/v1/approvals/{approval}", "showApproval", show),
      authenticated(app, "POST", "/v1/approvals/{approval}/approve", "giveApproval", approve, true),
      authenticated(app, "POST", "/v1/approvals/{approval}/cancel", "cancelApproval", cancel, true),
  };
}

}  // namespace chancery
