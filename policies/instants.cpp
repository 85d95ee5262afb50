#include "policies/instants.h"

#include <algorithm>
#include <map>

namespace chancery {
namespace {

using std::chrono::days;

struct Span {
  Time from, to;
};

/// When the clocks of the zone show `minute` of `day`; twice or never where they are changed then,
/// and the changes are instants of their own.
Time moment_of(const TimeZone& zone, std::chrono::sys_days day, unsigned minute) {
  const Time local = day + std::chrono::minutes(minute);
  const Time guess = local - zone.offset_at(local);
  return local - zone.offset_at(guess);
}

void append_edges(const TimeWindow& window, const Span& span, std::vector<Time>& edges) {
  for (auto day = std::chrono::floor<days>(span.from); day <= span.to; day += days(1)) {
    edges.push_back(moment_of(window.zone, day, window.from));
    edges.push_back(moment_of(window.zone, day, window.to));
  }
  for (const TimeZone::Change& change : window.zone.changes()) {
    if (change.begin >= span.from && change.begin <= span.to) edges.push_back(change.begin);
  }
}

}  // namespace

std::vector<Time> instants(Time around, std::span<const Time> moments,
                           std::span<const TimeWindow> windows) {
  std::vector<Span> spans = {{around - days(7), around + days(366)}};
  for (Time moment : moments) spans.push_back({moment - days(8), moment + days(8)});
  std::vector<Time> edges(moments.begin(), moments.end());
  for (const TimeWindow& window : windows) {
    for (const Span& span : spans) append_edges(window, span, edges);
  }
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());

  // Moments at which the same windows are open and the same dates have passed are one case.
  std::vector<Time> found;
  std::map<std::vector<bool>, Time> known;
  const auto take = [&](Time time) {
    std::vector<bool> signature;
    for (const TimeWindow& window : windows) signature.push_back(window.contains(time));
    for (Time moment : moments) signature.push_back(time >= moment);
    if (known.emplace(std::move(signature), time).second) found.push_back(time);
  };
  take(around);
  for (Time edge : edges) {
    take(edge - Seconds(1));
    take(edge);
  }
  // What is near is easier to follow.
  std::stable_sort(found.begin(), found.end(), [&](Time a, Time b) {
    return std::chrono::abs(a - around) < std::chrono::abs(b - around);
  });
  return found;
}

}  // namespace chancery
