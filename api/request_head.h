#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "api/problem.h"

namespace chancery {

/// Why a request is answered before anybody handled it.
struct Refusal {
  ProblemKind kind = ProblemKind::invalid_request;
  std::string detail;
};

/// What decides where a request ends and what happens to its connection.
struct RequestHead {
  enum class Body { none, sized, chunked };
  Body body = Body::none;
  std::uint64_t content_length = 0;  ///< of a sized body
  bool expects_continue = false;     ///< RFC 9110 section 10.1.1
  bool keep_alive = true;            ///< RFC 9112 section 9.3
};

/// Checks a request's head, from the method to the empty line, with the grammar of RFC 9112 and
/// without any of the tolerances that it permits.
///
/// Poco's HTTPRequest reads the head after this. It accepts what other readers in front of the
/// service may read differently: bare LF, white space before the colon, folded and colonless lines,
/// a head cut off by the end of the connection, Content-Length beside Transfer-Encoding, repeated
/// or signed Content-Length. Two readers who disagree about where a request ends are request
/// smuggling (RFC 9112 section 11.2), so all of that is refused here.
tl::expected<RequestHead, Refusal> check_request_head(std::string_view head);

}  // namespace chancery
