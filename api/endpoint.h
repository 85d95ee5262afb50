#pragma once

#include <nlohmann/json.hpp>

#include "api/application.h"
#include "api/json_body.h"
#include "api/problem.h"

// What the endpoint files share. Not for other folders: it brings nlohmann's full header.

namespace chancery {

using Json = nlohmann::json;

/// One request of an authenticated machine.
struct Call {
  Application& application;
  const HttpRequest& request;
  Caller caller;

  [[nodiscard]] Instance& instance() const { return application.instance; }
  [[nodiscard]] SigningService& service() const { return application.instance.service(); }
  [[nodiscard]] Store& store() const { return application.instance.store(); }
};

using Endpoint = Result<HttpResponse> (*)(Call& call);

/// A route whose handler authenticates the machine first. `takes_body`: JSON.
Route authenticated(Application& application, std::string method, std::string pattern,
                    std::string name, Endpoint endpoint, bool takes_body = false);
/// A route that anybody may ask.
Route open(Application& application, std::string method, std::string pattern, std::string name,
           Endpoint endpoint, bool takes_body = false);

/// The route with the query parameters that it takes.
Route with_query(Route route, std::vector<std::string> names);

HttpResponse json_response(int status, const Json& body);

/// Refuses a body with any member; for what takes a POST but no parameters.
Result<void> expect_no_members(const HttpRequest& request);

/// "after" and "limit" of a listing's query.
Result<Page> page_of(const HttpRequest& request);

/// A whole number in a path or query; `field` names it.
Result<std::uint64_t> parse_number(const std::string& text, std::string_view field);

/// Where the client prefers a receipt of the outcome `index`: waits for it within bounds, and adds
/// it to the answer's body. Without one in time the answer goes without: it can be fetched later.
Result<HttpResponse> with_receipt(const Call& call, std::uint64_t index, int status, Json body);

/// A moment in a body, to the second; nothing where the member is absent.
Result<std::optional<Time>> optional_time(JsonBody& body, std::string_view member);

/// A moment in a query; `name` names it.
Result<std::optional<Time>> query_time(const HttpRequest& request, std::string_view name);

/// Asks the policy, for reading what belongs to `owner` (may be empty).
Result<std::uint64_t> authorize(const Call& call, Operation operation,
                                const std::string& owner = {}, const std::string& key = {});

/// "issued", "held", "revoked", "unknown" or "expired".
std::string_view state_of(const CertificateRecord& record,
                          const std::optional<Revocation>& revocation);
Json described(const RenewalRequestRecord& request);
Json described(const std::vector<IncidentPreview::Dependants>& dependants);

// The endpoints, by file.
std::vector<Route> certificate_routes(Application& application);
std::vector<Route> renewal_routes(Application& application);
std::vector<Route> incident_routes(Application& application);
std::vector<Route> approval_routes(Application& application);
std::vector<Route> key_routes(Application& application);
std::vector<Route> machine_routes(Application& application);
std::vector<Route> policy_routes(Application& application);
std::vector<Route> audit_routes(Application& application);
std::vector<Route> status_routes(Application& application);
std::vector<Route> health_routes(Application& application);
std::vector<Route> distribution_routes(Application& application);
std::vector<Route> crl_routes(Application& application);
std::vector<Route> ocsp_routes(Application& application);
Route list_cas_route(Application& application);
Route grow_crl_shards_route(Application& application);
std::vector<Route> log_routes(Application& application);
std::vector<Route> public_log_routes(Application& application);

}  // namespace chancery
