#include "policies/time_window.h"

#include <array>

#include "core/field_path.h"

namespace chancery {
namespace {

constexpr std::array<std::string_view, 4> kMembers = {"days", "from", "to", "zone"};
constexpr std::array<std::string_view, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr std::uint8_t kEveryDay = 0x7f;
constexpr unsigned kDayMinutes = 24 * 60;

std::uint8_t bit(unsigned day) {
  return static_cast<std::uint8_t>(1U << day % kDays.size());
}

Result<unsigned> parse_day(std::string_view text) {
  for (unsigned day = 0; day < kDays.size(); ++day) {
    if (kDays[day] == text) return day;
  }
  return invalid("", "\"" + std::string(text) +
                         "\" is no day: write mon, tue, wed, thu, fri, sat, "
                         "sun, or two of them with a hyphen");
}

/// "mon", or "fri-mon", which is four days.
Result<std::uint8_t> parse_days(std::string_view text) {
  const std::size_t hyphen = text.find('-');
  ASSIGN_OR_RETURN(const unsigned first, parse_day(text.substr(0, hyphen)));
  if (hyphen == text.npos) return bit(first);
  ASSIGN_OR_RETURN(const unsigned last, parse_day(text.substr(hyphen + 1)));
  std::uint8_t days = bit(last);
  for (unsigned day = first; day != last; day = (day + 1) % kDays.size()) days |= bit(day);
  return days;
}

Result<std::uint8_t> read_days(const YamlNode& node, const FieldPath& path) {
  ASSIGN_OR_RETURN(const std::vector<std::uint8_t> parts, read_list(node, path, parse_days));
  std::uint8_t days = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if ((days & parts[i]) != 0) {
      return path.item(i).refuse(node.children[i].place, "has a day that was given before");
    }
    days |= parts[i];
  }
  return days;
}

/// "08:00" up to "24:00".
Result<unsigned> read_minute(const YamlNode& node, const FieldPath& path) {
  ASSIGN_OR_RETURN(const std::string text, read_text(node, path));
  const auto digit = [&](std::size_t i) {
    return text[i] >= '0' && text[i] <= '9' ? static_cast<unsigned>(text[i] - '0') : 99U;
  };
  if (text.size() == 5 && text[2] == ':') {
    const unsigned hour = digit(0) * 10 + digit(1), minute = digit(3) * 10 + digit(4);
    if (minute < 60 && hour * 60 + minute <= kDayMinutes) return hour * 60 + minute;
  }
  return path.refuse(node.place, "must be a time of day such as \"08:00\", at most \"24:00\"");
}

Result<TimeWindow> read_window(const YamlNode& node, const FieldPath& path) {
  RETURN_IF_ERROR(expect_members(node, path, kMembers));
  if (node.children.empty()) return path.refuse(node.place, "says nothing; leave it out");
  TimeWindow window;
  window.days = kEveryDay;
  window.to = kDayMinutes;
  if (const YamlNode* days = find_member(node, "days")) {
    ASSIGN_OR_RETURN(window.days, read_days(*days, path.member("days")));
  }
  if (const YamlNode* from = find_member(node, "from")) {
    ASSIGN_OR_RETURN(window.from, read_minute(*from, path.member("from")));
    if (window.from == kDayMinutes) {
      return path.member("from").refuse(from->place, "is where the next day begins");
    }
  }
  if (const YamlNode* to = find_member(node, "to")) {
    ASSIGN_OR_RETURN(window.to, read_minute(*to, path.member("to")));
  }
  if (const YamlNode* zone = find_member(node, "zone")) {
    const FieldPath zone_path = path.member("zone");
    ASSIGN_OR_RETURN(const std::string name, read_text(*zone, zone_path));
    auto located = TimeZone::locate(name);
    if (!located) return zone_path.refuse(zone->place, located.error().message);
    window.zone = *std::move(located);
  }
  return window;
}

std::string text_of_minute(unsigned minute) {
  const auto two = [](unsigned number) {
    return std::string(number < 10 ? "0" : "") + std::to_string(number);
  };
  return two(minute / 60) + ":" + two(minute % 60);
}

/// "mon-fri", "sat,mon", or nothing for every day.
std::string text_of_days(std::uint8_t days) {
  if (days == kEveryDay) return {};
  std::string text;
  for (unsigned day = 0; day < kDays.size(); ++day) {
    if ((days & bit(day)) == 0) continue;
    unsigned last = day;
    while (last + 1 < kDays.size() && (days & bit(last + 1)) != 0) ++last;
    text += (text.empty() ? "" : ",") + std::string(kDays[day]);
    if (last != day) text += "-" + std::string(kDays[last]);
    day = last;
  }
  return text + " ";
}

}  // namespace

bool TimeWindow::contains(Time time) const {
  using namespace std::chrono;
  const auto shown = floor<minutes>(time + zone.offset_at(time));
  const auto today = floor<std::chrono::days>(shown);
  const unsigned day = weekday(today).iso_encoding() - 1;
  const auto minute = static_cast<unsigned>((shown - today).count());
  const bool begun_today = (days & bit(day)) != 0;
  if (from < to) return begun_today && minute >= from && minute < to;
  const bool begun_yesterday = (days & bit(day + 6)) != 0;
  return (begun_today && minute >= from) || (begun_yesterday && minute < to);
}

std::string TimeWindow::text() const {
  return text_of_days(days) + text_of_minute(from) + "-" + text_of_minute(to) + " " + zone.name();
}

Result<std::vector<TimeWindow>> read_time_windows(const YamlNode& node, const FieldPath& path) {
  RETURN_IF_ERROR(expect_list(node, path, limits::policy_windows));
  std::vector<TimeWindow> windows;
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    ASSIGN_OR_RETURN(TimeWindow window, read_window(node.children[i], path.item(i)));
    windows.push_back(std::move(window));
  }
  return windows;
}

}  // namespace chancery
