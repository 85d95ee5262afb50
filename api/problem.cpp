#include "api/problem.h"

#include <array>
#include <nlohmann/json.hpp>

namespace chancery {
namespace {

using enum ProblemKind;

// In the order of ProblemKind.
constexpr std::array table{
    ProblemRow{invalid_request, 400, "invalid-request", "The request is not valid"},
    ProblemRow{unauthenticated, 401, "unauthenticated", "A valid identity is needed"},
    ProblemRow{forbidden, 403, "forbidden", "The policy does not allow it"},
    ProblemRow{approval_needed, 403, "approval-needed", "Others have to agree first"},
    ProblemRow{not_found, 404, "not-found", "There is no such thing"},
    ProblemRow{method_not_allowed, 405, "method-not-allowed", "The method is not allowed here"},
    ProblemRow{conflict, 409, "conflict", "The present state does not allow it"},
    ProblemRow{too_large, 413, "too-large", "The request is over a bound"},
    ProblemRow{uri_too_long, 414, "uri-too-long", "The request target is too long"},
    ProblemRow{unsupported_media_type, 415, "unsupported-media-type",
               "The body is of another type than this takes"},
    ProblemRow{expectation_failed, 417, "expectation-failed", "The expectation cannot be met"},
    ProblemRow{unprocessable, 422, "unprocessable", "It contradicts an earlier request"},
    ProblemRow{busy, 429, "busy", "There are too many requests at once", 1},
    ProblemRow{quota_exceeded, 429, "quota-exceeded", "The policy does not allow it so often"},
    ProblemRow{headers_too_large, 431, "headers-too-large", "The header fields are too large"},
    ProblemRow{internal, 500, "internal", "The service has a defect"},
    ProblemRow{not_implemented, 501, "not-implemented", "The service does not know how to do it"},
    ProblemRow{overloaded, 503, "overloaded", "The service has more requests than it can take", 1},
    ProblemRow{token_unavailable, 503, "token-unavailable", "The token does not answer", 5},
    ProblemRow{store_unavailable, 503, "store-unavailable", "The record cannot be written", 5},
    ProblemRow{deadline_exceeded, 504, "deadline-exceeded", "The request took too long"},
    ProblemRow{version_not_supported, 505, "version-not-supported",
               "Only HTTP/1.0 and HTTP/1.1 are served"},
};

consteval bool in_order() {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table[i].kind != static_cast<ProblemKind>(i)) return false;
  }
  return static_cast<std::size_t>(version_not_supported) + 1 == table.size();
}
static_assert(in_order(), "every kind of problem has its row, at its own place");

}  // namespace

std::span<const ProblemRow> problems() {
  return table;
}

const ProblemRow& row(ProblemKind kind) {
  return table.at(static_cast<std::size_t>(kind));
}

ProblemKind problem_kind(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_request:
      return invalid_request;
    case ErrorCode::unauthenticated:
      return unauthenticated;
    case ErrorCode::forbidden:
      return forbidden;
    case ErrorCode::approval_needed:
      return approval_needed;
    case ErrorCode::quota_exceeded:
      return quota_exceeded;
    case ErrorCode::not_found:
      return not_found;
    case ErrorCode::conflict:
      return conflict;
    case ErrorCode::unprocessable:
      return unprocessable;
    case ErrorCode::too_large:
      return too_large;
    case ErrorCode::busy:
      return busy;
    case ErrorCode::token_unavailable:
      return token_unavailable;
    case ErrorCode::store_unavailable:
      return store_unavailable;
    case ErrorCode::deadline_exceeded:
      return deadline_exceeded;
    case ErrorCode::internal:
      return internal;
  }
  CHECK(!"a code outside the enumeration");
}

HttpResponse problem(ProblemKind kind, std::string_view detail, std::string_view request_id,
                     std::string_view field, const NamedValues& extra_members) {
  const ProblemRow& of_kind = row(kind);
  nlohmann::ordered_json document = {
      {"type", "urn:chancery:problem:" + std::string(of_kind.name)},
      {"title", of_kind.title},
      {"status", of_kind.status},
      {"detail", detail},
      {"instance", "urn:chancery:request:" + std::string(request_id)},
  };
  if (!field.empty()) document["field"] = field;
  for (const auto& [name, value] : extra_members) document[name] = value;

  HttpResponse response{of_kind.status, "application/problem+json"};
  response.headers.emplace_back("Cache-Control", "no-store");
  if (of_kind.retry_after > 0) {
    response.headers.emplace_back("Retry-After", std::to_string(of_kind.retry_after));
  }
  // A detail may quote what a client sent: replace what is not UTF-8 instead of throwing.
  response.body =
      document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  return response;
}

HttpResponse problem(const Error& error, std::string_view request_id,
                     const NamedValues& extra_members) {
  return problem(problem_kind(error.code), error.message, request_id, error.field, extra_members);
}

}  // namespace chancery
