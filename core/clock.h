#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace chancery {

/// A moment in UTC, to the microsecond.
using Time = std::chrono::sys_time<std::chrono::microseconds>;
using Seconds = std::chrono::seconds;

inline Time now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}
inline std::int64_t to_unix_seconds(Time time) {
  return std::chrono::floor<Seconds>(time).time_since_epoch().count();
}
inline Time from_unix_seconds(std::int64_t seconds) {
  return Time{Seconds{seconds}};
}

/// RFC 3339 in UTC, always 27 characters: 2026-11-22T09:40:50.123456Z.
std::string to_rfc3339(Time time);
/// RFC 3339 in UTC to the second: 2026-11-22T09:40:50Z (20 characters). For people and the API.
std::string to_rfc3339_seconds(Time time);
/// Reads either form above; anything else is invalid_request.
Result<Time> from_rfc3339(std::string_view text);

/// "90s", "15m", "24h", "30d", "10y" (365 days); a bare number, zero, a sign or another unit is
/// invalid_request. At most 100 years.
Result<Seconds> parse_duration(std::string_view text);
/// The shortest of the forms above that is exact.
std::string format_duration(Seconds duration);

}  // namespace chancery
