#include "naive_match.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace chancery::naive_match {
namespace {

Texts split(const std::string& text, char separator) {
  Texts parts(1);
  for (char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

bool covers_character(char c, char separator, bool dns) {
  const bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  if (separator == '/') return word || (c >= 'A' && c <= 'Z') || c == '.' || c == '~';
  if (separator == '@') return c != '@';
  if (separator == ' ' || separator == 't') return true;
  return word || (dns && c == '*');
}

/// Tries each length for the *.
bool segment(const std::string& pattern, const std::string& value, Syntax syntax) {
  const std::size_t star = pattern.find('\1');
  if (star == pattern.npos) return pattern == value;
  if (syntax.split_at() == '/' && (value == "." || value == "..")) return false;
  for (std::size_t length = 1; length <= value.size(); ++length) {
    if (star + length > value.size()) break;
    const std::string covered = value.substr(star, length);
    const bool good = std::all_of(covered.begin(), covered.end(), [&](char c) {
      return covers_character(c, syntax.separator, syntax.dns);
    });
    if (good && pattern.substr(0, star) + covered + pattern.substr(star + 1) == value) return true;
  }
  return false;
}

/// Tries each number of segments for the **.
bool segments(const Texts& pattern, std::size_t p, const Texts& value, std::size_t v,
              Syntax syntax) {
  if (p == pattern.size()) return v == value.size();
  if (v == value.size()) return false;
  if (pattern[p] != "\2") {
    return segment(pattern[p], value[v], syntax) && segments(pattern, p + 1, value, v + 1, syntax);
  }
  for (std::size_t end = v; end < value.size(); ++end) {
    if (!segment("\1", value[end], syntax)) return false;
    if (segments(pattern, p + 1, value, end + 1, syntax)) return true;
  }
  return false;
}

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

bool in_range(const std::string& range, const std::string& address) {
  unsigned a[4], b[4], bits = 32;
  if (std::sscanf(range.c_str(), "%u.%u.%u.%u/%u", &a[0], &a[1], &a[2], &a[3], &bits) < 4)
    return false;
  if (std::sscanf(address.c_str(), "%u.%u.%u.%u", &b[0], &b[1], &b[2], &b[3]) != 4) return false;
  for (unsigned bit = 0; bit < bits; ++bit) {
    const unsigned shift = 7 - bit % 8;
    if (((a[bit / 8] >> shift) & 1) != ((b[bit / 8] >> shift) & 1)) return false;
  }
  return true;
}

std::tm broken_down(std::time_t seconds) {
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return parts;
}

/// 01:00 UTC on the last Sunday of a month with 31 days.
std::time_t last_sunday(int year, int month) {
  std::tm parts{};
  parts.tm_year = year;
  parts.tm_mon = month;
  parts.tm_mday = 31;
  parts.tm_hour = 1;
  const std::time_t last = timegm(&parts);
  return last - broken_down(last).tm_wday * 86400;
}

std::time_t clock_in(const std::string& zone, std::time_t utc) {
  if (zone == "Asia/Kolkata") return utc + 19800;
  if (zone != "Europe/Zurich") return utc;
  const int year = broken_down(utc).tm_year;
  const bool summer = utc >= last_sunday(year, 2) && utc < last_sunday(year, 9);
  return utc + (summer ? 7200 : 3600);
}

}  // namespace

bool in(const Texts& values, std::string_view value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

bool matches(std::string pattern, const std::string& value, const Machine& machine, Syntax syntax) {
  pattern = replace_all(replace_all(pattern, "**", "\2"), "*", "\1");
  const std::string& name = machine.name.text();
  if (pattern.find("{machine.name}") != pattern.npos && name.empty()) return false;
  pattern = replace_all(pattern, "{machine.name}", name);
  if (pattern.find("{machine.spiffe_id}") != pattern.npos && machine.spiffe_id.empty())
    return false;
  pattern = replace_all(pattern, "{machine.spiffe_id}", machine.spiffe_id);
  const std::string before = "{machine.attribute.";
  for (std::size_t at; (at = pattern.find(before)) != pattern.npos;) {
    const std::size_t end = pattern.find('}', at);
    const std::string attribute = pattern.substr(at + before.size(), end - at - before.size());
    const auto found = std::find_if(machine.attributes.begin(), machine.attributes.end(),
                                    [&](const auto& one) { return one.name == attribute; });
    if (found == machine.attributes.end()) return false;
    pattern.replace(at, end + 1 - at, found->value);
  }
  return segments(split(pattern, syntax.split_at()), 0, split(value, syntax.split_at()), 0, syntax);
}

bool email_matches(const std::string& pattern, const std::string& value, const Machine& machine) {
  const Texts pattern_parts = split(pattern, '@'), value_parts = split(value, '@');
  if (value_parts.size() != 2) return false;
  const std::string local = replace_all(pattern_parts[0], "*", "\1");
  return segment(local, value_parts[0], {'@'}) &&
         matches(pattern_parts[1], value_parts[1], machine, {'.', true});
}

bool any_email(const Texts& patterns, const std::string& value, const Machine& machine) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return email_matches(pattern, value, machine);
  });
}

bool any(const Texts& patterns, const std::string& value, const Machine& machine, Syntax syntax) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return matches(pattern, value, machine, syntax);
  });
}

bool in_ranges(const Texts& ranges, const std::string& address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const std::string& range) { return in_range(range, address); });
}

/// Steps from minute to minute back to where the window may have begun.
bool in_hours(const Hours& hours, Time at) {
  const std::array<const char*, 7> names = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
  const std::time_t utc = to_unix_seconds(at);
  const std::time_t shown = clock_in(hours.zone, utc);
  const std::tm now = broken_down(shown);
  const int minute = now.tm_hour * 60 + now.tm_min;
  const auto begins = [&](int day) {
    return hours.days.empty() || in(hours.days, names[static_cast<std::size_t>(day)]);
  };
  const int length = hours.to > hours.from ? hours.to - hours.from : hours.to + 1440 - hours.from;
  for (int back = 0; back < length; ++back) {
    const int then = minute - back;
    const int day = then < 0 ? (now.tm_wday + 6) % 7 : now.tm_wday;
    if ((then + 1440) % 1440 == hours.from && begins(day)) return true;
  }
  return false;
}

}  // namespace chancery::naive_match
