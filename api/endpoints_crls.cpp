#include <algorithm>

#include "api/caching.h"
#include "api/endpoint.h"

namespace chancery {
namespace {

using Found = Result<std::shared_ptr<const PublishedCrl>>;

Found find(const Call& call, const CrlScope& scope) {
  ASSIGN_OR_RETURN(const CaName name, CaName::parse(call.request.path_value("ca")));
  RETURN_IF_ERROR(call.service().ca(name));
  auto crl = call.application.crls.current(name, scope);
  if (!crl) return fail(ErrorCode::not_found, "there is no such list of this CA");
  return crl;
}

Found find_all(const Call& call) {
  return find(call, CrlScope::all());
}

Found find_delta(const Call& call) {
  return find(call, CrlScope::delta_of_all());
}

Found find_shard(const Call& call) {
  const auto scope =
      CrlScope::parse(call.request.path_value("shards") + "/" + call.request.path_value("shard"));
  if (!scope) return fail(ErrorCode::not_found, scope.error().message);
  return find(call, *scope);
}

CachedDocument document_of(const PublishedCrl& crl) {
  // A reader should see a revocation within seconds, so a cache may keep the list only shortly.
  const auto left = std::chrono::floor<Seconds>(crl.next_update - now());
  return {.content_type = "application/pkix-crl",
          .version = crl.number,
          .made = crl.this_update,
          .max_age = std::clamp(left, Seconds{0}, Seconds{10})};
}

template <Found (*Find)(const Call&)>
Result<HttpResponse> crl_der(Call& call) {
  ASSIGN_OR_RETURN(const auto crl, Find(call));
  CachedDocument document = document_of(*crl);
  const bool compressed = crl->gzip && accepts_gzip(call.request);
  if (compressed) document.version += "-gzip";
  HttpResponse response = cached(call.request, document);
  response.headers.emplace_back("Vary", "Accept-Encoding");
  if (response.status != 200) return response;
  if (compressed) response.headers.emplace_back("Content-Encoding", "gzip");
  // No copy of what may be megabytes.
  response.document = compressed ? crl->gzip : crl->der;
  return response;
}

template <Found (*Find)(const Call&)>
Result<HttpResponse> crl_pem(Call& call) {
  ASSIGN_OR_RETURN(const auto crl, Find(call));
  if (crl->der->size() > limits::crl_pem_bytes) {
    return fail(ErrorCode::not_found, "the list is too long for PEM; take the .crl");
  }
  CachedDocument document = document_of(*crl);
  document.content_type = "application/x-pem-file";
  document.version += "-pem";
  HttpResponse response = cached(call.request, document);
  if (response.status == 200) {
    ASSIGN_OR_RETURN(const Bytes der, crl->der->all());
    response.body = to_pem(der, "X509 CRL");
  }
  return response;
}

}  // namespace

std::vector<Route> crl_routes(Application& app) {
  return {
      open(app, "GET", "/crl/{ca}.crl", "crl", crl_der<find_all>),
      open(app, "GET", "/crl/{ca}.pem", "crlPem", crl_pem<find_all>),
      open(app, "GET", "/crl/{ca}/delta.crl", "crlDelta", crl_der<find_delta>),
      open(app, "GET", "/crl/{ca}/delta.pem", "crlDeltaPem", crl_pem<find_delta>),
      open(app, "GET", "/crl/{ca}/{shards}/{shard}.crl", "crlShard", crl_der<find_shard>),
      open(app, "GET", "/crl/{ca}/{shards}/{shard}.pem", "crlShardPem", crl_pem<find_shard>),
  };
}

}  // namespace chancery
