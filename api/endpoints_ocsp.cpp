#include "api/caching.h"
#include "api/endpoint.h"

// RFC 6960 appendix A, RFC 5019 sections 5 and 6.

namespace chancery {
namespace {

constexpr const char* kContentType = "application/ocsp-response";

HttpResponse reply_to(const Call& call, ByteView request) {
  OcspResponder::Reply reply = call.application.ocsp->answer(request);
  HttpResponse response;
  if (reply.version.empty()) {
    response.content_type = kContentType;
    response.headers = {{"Cache-Control", "no-store"}};
  } else {
    const auto left = std::chrono::floor<Seconds>(reply.next_update - now());
    response = cached(call.request,
                      {.content_type = kContentType,
                       .version = reply.version,
                       .made = reply.this_update,
                       .max_age = std::clamp<Seconds>(left, Seconds{0}, limits::ocsp_max_age)});
  }
  if (response.status == 200) response.document = std::move(reply.der);
  return response;
}

Result<HttpResponse> post(Call& call) {
  return reply_to(call, call.request.body);
}

Result<HttpResponse> get(Call& call) {
  // What is not base64 is no request, and the answer to that is an OCSP response, too.
  const auto request = from_base64(call.request.path_value("request"));
  return reply_to(call, request ? ByteView(*request) : ByteView());
}

}  // namespace

std::vector<Route> ocsp_routes(Application& app) {
  if (!app.ocsp) return {};
  Route posted = open(app, "POST", "/ocsp", "ocspPost", post);
  posted.body_type = "application/ocsp-request";
  return {std::move(posted), open(app, "GET", "/ocsp/{request}", "ocspGet", get)};
}

}  // namespace chancery
