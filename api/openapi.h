#pragma once

#include <string_view>

namespace chancery {

/// api/openapi.json, compiled in.
std::string_view openapi_document();

}  // namespace chancery
