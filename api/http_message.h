#pragma once

#include <string>
#include <string_view>

#include "api/http.h"
#include "core/result.h"

namespace chancery {

/// The request in a head that check_request_head() accepted; its id is the offered one or a new
/// one. `body` and `peer` are the caller's to fill in. A target that does not parse is
/// invalid_request, and `request_id` is set all the same.
Result<HttpRequest> read_request(std::string_view head, std::string& request_id);

/// What the connection decides about an answer.
struct ResponseFraming {
  bool keep_alive = true;
  bool head_only = false;  ///< the request was a HEAD: everything but the body
};

/// Status line and header fields of a response, with the empty line.
std::string write_response_head(const HttpResponse& response, std::string_view request_id,
                                ResponseFraming framing);

}  // namespace chancery
