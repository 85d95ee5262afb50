#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace chancery {

/// How many characters `text` has. invalid_request on `field` where it is not UTF-8 (RFC 3629) or
/// has characters that a reader does not see or that change what he sees around them: two names
/// that look the same must not differ in these.
Result<std::size_t> count_visible(std::string_view text, const std::string& field);

}  // namespace chancery
