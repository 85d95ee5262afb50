#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/http.h"
#include "core/result.h"

namespace chancery {

/// Every kind of failure that the API answers with.
enum class ProblemKind {
  invalid_request,
  unauthenticated,
  forbidden,
  approval_needed,
  not_found,
  method_not_allowed,
  conflict,
  too_large,
  uri_too_long,
  unsupported_media_type,
  expectation_failed,
  unprocessable,
  busy,
  quota_exceeded,
  headers_too_large,
  internal,
  not_implemented,
  overloaded,
  token_unavailable,
  store_unavailable,
  deadline_exceeded,
  version_not_supported,
};

/// One row a kind: the whole of what a problem says about its kind.
struct ProblemRow {
  ProblemKind kind;
  int status;              ///< RFC 9110 section 15
  std::string_view name;   ///< last part of the type, urn:chancery:problem:NAME
  std::string_view title;  ///< the same for every problem of the kind (RFC 9457 section 3.1.3)
  int retry_after = 0;     ///< seconds; 0: trying again as it is will not help
};

std::span<const ProblemRow> problems();
const ProblemRow& row(ProblemKind kind);
ProblemKind problem_kind(ErrorCode code);

/// An RFC 9457 problem document: type, title, status, detail, instance (urn:chancery:request:ID)
/// and, where they are not empty, `field` and the extra members.
HttpResponse problem(ProblemKind kind, std::string_view detail, std::string_view request_id,
                     std::string_view field = {}, const NamedValues& extra_members = {});

/// The same from an error of the core. Its `detail` stays inside.
HttpResponse problem(const Error& error, std::string_view request_id,
                     const NamedValues& extra_members = {});

}  // namespace chancery
