#include "api/endpoint.h"

namespace chancery {
namespace {

void append(std::vector<Route>& routes, std::vector<Route> more) {
  for (Route& route : more) routes.push_back(std::move(route));
}

}  // namespace

std::vector<Route> api_routes(Application& application) {
  std::vector<Route> routes = certificate_routes(application);
  append(routes, renewal_routes(application));
  append(routes, incident_routes(application));
  append(routes, approval_routes(application));
  append(routes, key_routes(application));
  append(routes, machine_routes(application));
  append(routes, policy_routes(application));
  append(routes, audit_routes(application));
  append(routes, log_routes(application));
  append(routes, status_routes(application));
  routes.push_back(list_cas_route(application));
  routes.push_back(grow_crl_shards_route(application));
  return routes;
}

std::vector<Route> public_routes(Application& application) {
  std::vector<Route> routes = distribution_routes(application);
  append(routes, crl_routes(application));
  append(routes, ocsp_routes(application));
  append(routes, health_routes(application));
  append(routes, public_log_routes(application));
  return routes;
}

}  // namespace chancery
