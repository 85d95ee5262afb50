#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "api/application.h"
#include "api/openapi.h"
#include "tests/flow/flow_fixture.h"

namespace chancery {
namespace {

using Json = nlohmann::json;

/// "GET /v1/keys/{name} showKey takes a body"
using Surface = std::set<std::string>;

std::string line(const std::string& method, const std::string& path, const std::string& name,
                 bool body) {
  return method + " " + path + " " + name + (body ? " takes a body" : "");
}

Surface documented() {
  Surface surface;
  const Json document = Json::parse(openapi_document());
  for (const auto& [path, operations] : document.at("paths").items()) {
    for (const auto& [method, operation] : operations.items()) {
      if (!operation.is_object()) continue;  // what the path's operations share
      std::string upper = method;
      for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      surface.insert(
          line(upper, path, operation.at("operationId"), operation.contains("requestBody")));
    }
  }
  return surface;
}

BOOST_FIXTURE_TEST_CASE(the_routes_are_those_of_the_openapi_document, FlowFixture) {
  AuthenticationFailures failures(instance().log());
  const Authentication authentication(instance(), failures, {});
  auto checkpoints = CheckpointPublisher::create(instance().log(), token(), instance().keys(),
                                                 instance().config().log_origin);
  BOOST_REQUIRE(checkpoints);
  CrlPublisher crls(service(), store(), instance().config());
  Metrics metrics;
  Application application{
      instance(), **checkpoints,       crls, authentication, failures, metrics, "",
      [] {},      [] { return false; }};
  Surface served;
  for (const auto& routes : {api_routes(application), public_routes(application)}) {
    for (const Route& route : routes) {
      served.insert(line(route.method, route.pattern, route.name, !route.body_type.empty()));
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
