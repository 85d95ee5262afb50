#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/http.h"
#include "core/result.h"

namespace chancery {

/// The request target in origin form (RFC 9112 section 3.2.1), taken apart.
struct Target {
  std::string path;                   ///< as sent, without the query
  std::vector<std::string> segments;  ///< percent-decoded; none for "/"
  NamedValues query;                  ///< percent-decoded; names are not repeated
};

/// Reads a target with one reading only. invalid_request (field "path" or "query") for anything
/// that two readers could understand differently: a character that RFC 3986 does not allow there,
/// a bad percent sequence, an empty or a dot segment (also an encoded one), a decoded slash or
/// control character, invalid UTF-8, a query parameter without a name or "=", or a repeated one.
/// A "+" means itself. Only behind /ocsp/ a slash does, too: all of that is one segment.
Result<Target> parse_target(std::string_view text);

}  // namespace chancery
