#include "core/renewal_window.h"

#include <algorithm>

#include "core/limits.h"

namespace chancery {

RenewalWindow usual_window(Time not_before, Time not_after) {
  const Seconds life = std::chrono::floor<Seconds>(not_after - not_before);
  const Time begin = std::chrono::floor<Seconds>(not_before);
  const Time start = begin + life * 2 / 3;
  return {start, std::max<Time>(begin + life * 5 / 6, start + Seconds{1})};
}

RenewalWindow passed_window(Time not_before) {
  const Time begin = std::chrono::floor<Seconds>(not_before);
  return {begin - Seconds{1}, begin};
}

Seconds look_interval(Time not_before, Time not_after) {
  constexpr Seconds kMost = std::chrono::hours{6};
  const Seconds life = std::chrono::floor<Seconds>(not_after - not_before);
  return std::clamp<Seconds>(life / 24, limits::renewal_look_at_least, kMost);
}

}  // namespace chancery
