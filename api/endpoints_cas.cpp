#include <algorithm>

#include "api/endpoint.h"

namespace chancery {
namespace {

/// RFC 9110 section 5.6.7.
std::string http_date(Time time) {
  const std::time_t seconds = to_unix_seconds(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text.data();
}

Result<HttpResponse> list(Call& call) {
  RETURN_IF_ERROR(authorize(call, Operation::status_read));
  Json rows = Json::array();
  for (const CertificateAuthority* ca : call.service().cas()) {
    rows.push_back({{"name", ca->record.name.text()},
                    {"issuer", ca->record.issuer.text()},
                    {"key", ca->record.key.text()},
                    {"certificate", to_pem(ca->record.certificate, "CERTIFICATE")},
                    {"crl_url", ca->issuer.crl_url(0)},
                    {"not_after", to_rfc3339_seconds(ca->issuer.not_after())}});
  }
  return json_response(200, {{"cas", std::move(rows)}});
}

/// 304 when the client has this very document (RFC 9110 section 13.1.2).
HttpResponse cached(const HttpRequest& request, std::string content_type, std::string etag,
                    std::int64_t max_age) {
  HttpResponse response;
  response.content_type = std::move(content_type);
  response.headers = {{"ETag", etag},
                      {"Cache-Control", "public, max-age=" + std::to_string(max_age)}};
  const std::string* known = request.header("If-None-Match");
  if (known && (*known == etag || *known == "*")) response.status = 304;
  return response;
}

/// The CRL in force and its answer, still without a body.
struct CrlAnswer {
  std::shared_ptr<const PublishedCrl> crl;
  HttpResponse response;
};

Result<CrlAnswer> find_crl(const Call& call, std::string content_type) {
  ASSIGN_OR_RETURN(const CaName name, CaName::parse(call.request.path_value("ca")));
  RETURN_IF_ERROR(call.service().ca(name));
  auto crl = call.application.crls.current(name);
  if (!crl) return fail(ErrorCode::not_found, "this CA has not published a CRL yet");
  // A reader should see a revocation within seconds, so a cache may keep the list only shortly.
  const auto left = std::chrono::floor<Seconds>(crl->next_update - now()).count();
  const std::int64_t max_age = std::clamp<std::int64_t>(left, 0, 10);
  HttpResponse response =
      cached(call.request, std::move(content_type), "\"" + crl->number + "\"", max_age);
  response.headers.emplace_back("Last-Modified", http_date(crl->this_update));
  response.headers.emplace_back("Expires", http_date(now() + Seconds{max_age}));
  return CrlAnswer{std::move(crl), std::move(response)};
}

Result<HttpResponse> crl_der(Call& call) {
  ASSIGN_OR_RETURN(CrlAnswer answer, find_crl(call, "application/pkix-crl"));
  if (answer.response.status == 200) {
    // Shares the list's owner: no copy of what may be megabytes.
    answer.response.document = std::shared_ptr<const Bytes>(answer.crl, &answer.crl->der);
  }
  return std::move(answer.response);
}

Result<HttpResponse> crl_pem(Call& call) {
  ASSIGN_OR_RETURN(CrlAnswer answer, find_crl(call, "application/x-pem-file"));
  if (answer.response.status == 200) answer.response.body = to_pem(answer.crl->der, "X509 CRL");
  return std::move(answer.response);
}

Result<const CertificateAuthority*> find_ca(const Call& call) {
  ASSIGN_OR_RETURN(const CaName name, CaName::parse(call.request.path_value("ca")));
  return call.service().ca(name);
}

constexpr std::int64_t kCaMaxAge = 3600;

Result<HttpResponse> ca_pem(Call& call) {
  ASSIGN_OR_RETURN(const CertificateAuthority* ca, find_ca(call));
  const Bytes& der = ca->record.certificate;
  HttpResponse response = cached(call.request, "application/x-pem-file",
                                 "\"" + certificate_fingerprint(der) + "\"", kCaMaxAge);
  if (response.status == 200) response.body = to_pem(der, "CERTIFICATE");
  return response;
}

Result<HttpResponse> ca_der(Call& call) {
  ASSIGN_OR_RETURN(const CertificateAuthority* ca, find_ca(call));
  const Bytes& der = ca->record.certificate;
  HttpResponse response = cached(call.request, "application/pkix-cert",
                                 "\"" + certificate_fingerprint(der) + "\"", kCaMaxAge);
  if (response.status == 200) response.body = std::string(text_of(der));
  return response;
}

}  // namespace

Route list_cas_route(Application& app) {
  return authenticated(app, "GET", "/v1/cas", "listCas", list);
}

std::vector<Route> distribution_routes(Application& app) {
  return {
      open(app, "GET", "/crl/{ca}.crl", "crl", crl_der),
      open(app, "GET", "/crl/{ca}.pem", "crlPem", crl_pem),
      open(app, "GET", "/ca/{ca}.pem", "caPem", ca_pem),
      open(app, "GET", "/ca/{ca}.crt", "caDer", ca_der),
  };
}

}  // namespace chancery
