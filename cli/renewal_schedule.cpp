#include "cli/renewal_schedule.h"

#include <algorithm>
#include <cstring>

#include "core/bytes.h"
#include "core/limits.h"

namespace chancery {

std::uint64_t random_below(std::uint64_t bound) {
  CHECK(bound > 0);
  // The last, incomplete round of `bound` would make small numbers likelier.
  const std::uint64_t complete = UINT64_MAX - UINT64_MAX % bound;
  for (;;) {
    std::uint64_t number = 0;
    std::memcpy(&number, random_bytes(sizeof number).data(), sizeof number);
    if (number < complete) return number % bound;
  }
}

Time choose_moment(const RenewalWindow& window, const RandomBelow& random) {
  CHECK(window.end > window.start);
  const auto width = static_cast<std::uint64_t>((window.end - window.start).count());
  return window.start + Time::duration(static_cast<std::int64_t>(random(width)));
}

Seconds look_delay(std::optional<Seconds> retry_after, Time not_before, Time not_after) {
  const Seconds wanted = retry_after.value_or(look_interval(not_before, not_after));
  return std::clamp<Seconds>(wanted, limits::renewal_look_soonest, limits::renewal_look_latest);
}

Seconds retry_delay(unsigned failures, std::optional<Seconds> retry_after, Seconds left,
                    const RandomBelow& random) {
  constexpr Seconds kLeast = limits::renewal_retry_delay;
  constexpr Seconds kMost = limits::renewal_retry_delay_at_most;
  // Once it has ended, hurry brings nothing: only a person can help.
  const Seconds most = left.count() <= 0 ? kMost : std::clamp<Seconds>(left / 8, kLeast, kMost);
  Seconds bound = kLeast;
  for (unsigned i = 1; i < failures && bound < most; ++i) bound *= 2;
  bound = std::min(bound, most);
  const Seconds part(static_cast<std::int64_t>(random(static_cast<std::uint64_t>(bound.count()))));
  const Seconds asked =
      std::min<Seconds>(retry_after.value_or(Seconds{0}), limits::renewal_look_latest);
  return asked + Seconds{1} + part;
}

bool has_come(Time planned, Time now, Seconds longest) {
  return planned <= now || planned - now > longest;
}

}  // namespace chancery
