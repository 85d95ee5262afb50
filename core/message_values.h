#pragma once

#include <cstdint>
#include <string>

#include "core/message_class.h"

namespace chancery {

/// Adds a value to the field of this name, which the class must have. invalid_request on `part`:
/// text that is not visible UTF-8, longer than limits::message_value_bytes, or more than
/// limits::message_values in one message.
Result<void> add_value(MessageContent& content, std::string_view field, std::string value,
                       const std::string& part);

/// How long it is from `at` until a message that ends then, in seconds since 1970, is over; zero
/// where it is. Not from its own beginning: whoever asks may choose that, and many readers do not
/// look at it. invalid_request on `part` beyond the year 9999.
Result<Seconds> time_left(std::uint64_t end, Time at, const std::string& part);

}  // namespace chancery
