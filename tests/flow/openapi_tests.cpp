#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "api/application.h"
#include "api/openapi.h"
#include "tests/flow/flow_fixture.h"

namespace chancery {
namespace {

using Json = nlohmann::json;

/// "GET /v1/keys/{name} showKey takes a body ?limit"
using Surface = std::set<std::string>;

std::string line(const std::string& method, const std::string& path, const std::string& name,
                 bool body, const std::set<std::string>& query) {
  std::string text = method + " " + path + " " + name + (body ? " takes a body" : "");
  for (const std::string& parameter : query) text += " ?" + parameter;
  return text;
}

std::set<std::string> query_of(const Json& document, const Json& operation) {
  std::set<std::string> names;
  for (const Json& given : operation.value("parameters", Json::array())) {
    const bool shared = given.contains("$ref");
    const Json& parameter =
        shared ? document.at(Json::json_pointer(given.at("$ref").get<std::string>().substr(1)))
               : given;
    if (parameter.at("in") == "query") names.insert(parameter.at("name").get<std::string>());
  }
  return names;
}

/// OpenAPI has no word for a parameter that contains slashes.
std::string in_openapi(std::string pattern) {
  const auto rest = pattern.find("...}");
  return rest == pattern.npos ? pattern : pattern.erase(rest, 3);
}

Surface documented() {
  Surface surface;
  const Json document = Json::parse(openapi_document());
  for (const auto& [path, operations] : document.at("paths").items()) {
    for (const auto& [method, operation] : operations.items()) {
      if (!operation.is_object()) continue;  // what the path's operations share
      std::string upper = method;
      for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      surface.insert(line(upper, path, operation.at("operationId"),
                          operation.contains("requestBody"), query_of(document, operation)));
    }
  }
  return surface;
}

BOOST_FIXTURE_TEST_CASE(the_routes_are_those_of_the_openapi_document, FlowFixture) {
  AuthenticationFailures failures(instance().log());
  const Authentication authentication(instance(), failures, {});
  auto checkpoints = CheckpointPublisher::create(instance().log(), instance().store(), token(),
                                                 instance().keys(), instance().config().log_origin);
  BOOST_REQUIRE(checkpoints);
  CrlPublisher crls(service(), store(), instance().config());
  OcspResponder ocsp(instance());
  AuditIndex index(store(), home() / "audit-index.db");
  Metrics metrics;
  Incidents incidents(service(), store(), instance().log(), instance().config(), {});
  LogVerification verification;
  Places receipt_places(1);
  Pruner pruner(instance());
  Application application{instance(),   **checkpoints,  crls,     index,
                          verification, receipt_places, &ocsp,    incidents,
                          pruner,       authentication, failures, metrics,
                          "",           [] {},          [] {},    [] { return false; }};
  Surface served;
  for (const auto& routes : {api_routes(application), public_routes(application)}) {
    for (const Route& route : routes) {
      served.insert(line(route.method, in_openapi(route.pattern), route.name,
                         !route.body_type.empty(), {route.query.begin(), route.query.end()}));
    }
  }
  for (const std::string& one : documented()) {
    BOOST_TEST(served.contains(one), "documented, not served: " << one);
  }
  for (const std::string& one : served) {
    BOOST_TEST(documented().contains(one), "served, not documented: " << one);
  }
}

}  // namespace
}  // namespace chancery
