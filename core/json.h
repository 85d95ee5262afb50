#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "core/result.h"

namespace chancery {

/// Strict RFC 8259: duplicate member names, depth beyond limits::json_depth, trailing text, invalid
/// UTF-8 are invalid_request, with the place.
Result<nlohmann::json> parse_json(std::string_view text);

}  // namespace chancery
