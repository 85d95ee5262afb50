#include "core/clock.h"

#include <array>
#include <cstdio>

namespace chancery {
namespace {

struct Unit {
  char letter;
  std::int64_t seconds;
};
constexpr std::array kUnits = {Unit{'y', 365 * 86400}, Unit{'d', 86400}, Unit{'h', 3600},
                               Unit{'m', 60}, Unit{'s', 1}};
constexpr std::int64_t kLongest = 100LL * 365 * 86400;

/// Digits at [at, at+count) as a number, or -1.
int number(std::string_view text, std::size_t at, std::size_t count) {
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

}  // namespace

std::string to_rfc3339(Time time) {
  const auto micros = (time - std::chrono::floor<Seconds>(time)).count();
  std::string text = to_rfc3339_seconds(time);
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%06dZ", static_cast<int>(micros));
  text.replace(19, 1, fraction.data());
  return text;
}

std::string to_rfc3339_seconds(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{std::chrono::floor<Seconds>(time - day)};
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

Result<Time> from_rfc3339(std::string_view text) {
  const bool fraction = text.size() == 27;
  const bool shape = (text.size() == 20 || fraction) && text[4] == '-' && text[7] == '-' &&
                     text[10] == 'T' && text[13] == ':' && text[16] == ':' && text.back() == 'Z' &&
                     (!fraction || text[19] == '.');
  if (!shape) return invalid("", "is not a time such as 2026-11-22T09:40:50Z");
  const int hour = number(text, 11, 2);
  const int minute = number(text, 14, 2);
  const int second = number(text, 17, 2);
  const int micros = fraction ? number(text, 20, 6) : 0;
  const int year = number(text, 0, 4);
  const int month = number(text, 5, 2);
  const int day = number(text, 8, 2);
  if (year < 0 || month < 0 || day < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 59 || micros < 0) {
    return invalid("", "is not a time such as 2026-11-22T09:40:50Z");
  }
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return invalid("", "is not a date that exists");
  return Time{std::chrono::sys_days{date}} + std::chrono::hours{hour} +
         std::chrono::minutes{minute} + Seconds{second} + std::chrono::microseconds{micros};
}

Result<Seconds> parse_duration(std::string_view text) {
  const char* shape = "must be a duration such as 90s, 15m, 24h, 30d or 1y";
  if (text.size() < 2 || text.size() > 10) return invalid("", shape);
  std::int64_t value = 0;
  for (char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return invalid("", shape);
    value = value * 10 + (c - '0');
  }
  for (const Unit& unit : kUnits) {
    if (unit.letter != text.back()) continue;
    if (value == 0) return invalid("", "must be longer than zero");
    if (value > kLongest / unit.seconds) return invalid("", "must be at most 100 years");
    return Seconds{value * unit.seconds};
  }
  return invalid("", shape);
}

std::string format_duration(Seconds duration) {
  for (const Unit& unit : kUnits) {
    if (duration.count() != 0 && duration.count() % unit.seconds == 0) {
      return std::to_string(duration.count() / unit.seconds) + unit.letter;
    }
  }
  return "0s";
}

}  // namespace chancery
