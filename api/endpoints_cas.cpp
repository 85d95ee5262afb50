#include "api/caching.h"
#include "api/endpoint.h"

namespace chancery {
namespace {

Result<HttpResponse> list(Call& call) {
  RETURN_IF_ERROR(authorize(call, Operation::status_read));
  Json rows = Json::array();
  for (const CertificateAuthority* ca : call.service().cas()) {
    rows.push_back({{"name", ca->record.name.text()},
                    {"issuer", ca->record.issuer.text()},
                    {"key", ca->record.key.text()},
                    {"certificate", to_pem(ca->record.certificate, "CERTIFICATE")},
                    {"crl_url", ca->issuer.crl_url(CrlScope::all())},
                    {"crl_shards", call.service().crl_shard_counts(ca->record.name)},
                    {"not_after", to_rfc3339_seconds(ca->issuer.not_after())}});
  }
  return json_response(200, {{"cas", std::move(rows)}});
}

Result<const CertificateAuthority*> find_ca(const Call& call) {
  ASSIGN_OR_RETURN(const CaName name, CaName::parse(call.request.path_value("ca")));
  return call.service().ca(name);
}

constexpr Seconds kCaMaxAge{3600};

Result<HttpResponse> ca_pem(Call& call) {
  ASSIGN_OR_RETURN(const CertificateAuthority* ca, find_ca(call));
  const Bytes& der = ca->record.certificate;
  HttpResponse response = cached(call.request, {.content_type = "application/x-pem-file",
                                                .version = certificate_fingerprint(der) + "-pem",
                                                .max_age = kCaMaxAge});
  if (response.status == 200) response.body = to_pem(der, "CERTIFICATE");
  return response;
}

Result<HttpResponse> ca_der(Call& call) {
  ASSIGN_OR_RETURN(const CertificateAuthority* ca, find_ca(call));
  const Bytes& der = ca->record.certificate;
  HttpResponse response = cached(call.request, {.content_type = "application/pkix-cert",
                                                .version = certificate_fingerprint(der),
                                                .max_age = kCaMaxAge});
  if (response.status == 200) response.body = std::string(text_of(der));
  return response;
}

Result<HttpResponse> grow_shards(Call& call) {
  ASSIGN_OR_RETURN(const CaName name, CaName::parse(call.request.path_value("ca")));
  ASSIGN_OR_RETURN(JsonBody body, JsonBody::parse(call.request.body));
  ASSIGN_OR_RETURN(const std::int64_t shards, body.integer("shards", 2, limits::crl_shards));
  RETURN_IF_ERROR(body.finish());
  RETURN_IF_ERROR(
      call.service().grow_crl_shards(call.caller, {name, static_cast<unsigned>(shards)}));
  call.application.publish_soon();
  return json_response(200, {{"name", name.text()},
                             {"crl_shards", call.service().crl_shard_counts(name)},
                             {"request_id", call.caller.context.id}});
}

}  // namespace

Route grow_crl_shards_route(Application& app) {
  return authenticated(app, "POST", "/v1/cas/{ca}/crl-shards", "growCrlShards", grow_shards, true);
}

Route list_cas_route(Application& app) {
  return authenticated(app, "GET", "/v1/cas", "listCas", list);
}

std::vector<Route> distribution_routes(Application& app) {
  return {
      open(app, "GET", "/ca/{ca}.pem", "caPem", ca_pem),
      open(app, "GET", "/ca/{ca}.crt", "caDer", ca_der),
  };
}

}  // namespace chancery
