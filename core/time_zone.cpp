#include "core/time_zone.h"

#include <date/tz.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <stdexcept>

#include "core/field_path.h"

namespace chancery {
namespace {

constexpr std::string_view kUtc = "UTC";

// Of the changes that are kept; policies are about the present.
constexpr std::chrono::sys_seconds kFirst{std::chrono::sys_days(std::chrono::year(2000) / 1 / 1)};
constexpr std::chrono::sys_seconds kLast{std::chrono::sys_days(std::chrono::year(2100) / 1 / 1)};

std::vector<TimeZone::Change> read_changes(const date::time_zone& zone) {
  std::vector<TimeZone::Change> changes;
  for (std::chrono::sys_seconds at = kFirst; at < kLast;) {
    const date::sys_info info = zone.get_info(at);
    if (changes.empty() || changes.back().offset != info.offset) {
      changes.push_back({Time(at), info.offset});
    }
    at = info.end;
  }
  changes.front().begin = Time::min();
  return changes;
}

/// Nothing where there is no such zone.
const date::time_zone* find_zone(std::string_view name) {
  const auto& zones = date::get_tzdb().zones;
  const auto found = std::find_if(zones.begin(), zones.end(),
                                  [&](const date::time_zone& zone) { return zone.name() == name; });
  return found == zones.end() ? nullptr : &*found;
}

Failure unknown(std::string_view name) {
  std::vector<std::string_view> known;
  for (const date::time_zone& zone : date::get_tzdb().zones) known.push_back(zone.name());
  return invalid("",
                 "there is no time zone \"" + std::string(name) + "\"" + did_you_mean(name, known));
}

}  // namespace

TimeZone::TimeZone() {
  static const auto utc =
      std::make_shared<const Clocks>(Clocks{std::string(kUtc), {{Time::min(), Seconds(0)}}});
  clocks_ = utc;
}

Result<TimeZone> TimeZone::locate(std::string_view name) {
  if (name == kUtc) return TimeZone();
  // Read once: a policy may name one zone 100,000 times, and the database does not change under a
  // process that has read it.
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const Clocks>, std::less<>> known;
  const std::lock_guard lock(mutex);
  if (const auto found = known.find(name); found != known.end()) return TimeZone(found->second);
  try {
    const date::time_zone* zone = find_zone(name);
    if (zone == nullptr) return unknown(name);
    auto clocks = std::make_shared<const Clocks>(Clocks{std::string(name), read_changes(*zone)});
    known.emplace(name, clocks);
    return TimeZone(std::move(clocks));
  } catch (const std::exception& error) {
    return fail(ErrorCode::internal,
                "the time zones of this system cannot be read; install tzdata, or write UTC", {},
                error.what());
  }
}

Seconds TimeZone::offset_at(Time time) const {
  const std::vector<Change>& all = clocks_->changes;
  const auto after = std::upper_bound(
      all.begin(), all.end(), time, [](Time t, const Change& change) { return t < change.begin; });
  return std::prev(after)->offset;
}

const std::string& TimeZone::name() const {
  return clocks_->name;
}

const std::vector<TimeZone::Change>& TimeZone::changes() const {
  return clocks_->changes;
}

}  // namespace chancery
