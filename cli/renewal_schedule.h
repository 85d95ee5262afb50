#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "core/renewal_window.h"

namespace chancery {

/// A whole number from 0 to below `bound`, which is above 0, each as likely.
using RandomBelow = std::function<std::uint64_t(std::uint64_t bound)>;

/// From the operating system's generator.
std::uint64_t random_below(std::uint64_t bound);

/// A moment of the window, each as likely, in whole microseconds (RFC 9773 section 4.2): one that
/// is over by now means at once.
Time choose_moment(const RenewalWindow& window, const RandomBelow& random);

/// How long until the next look at renewal information: what the service asks for, within
/// limits::renewal_look_soonest and renewal_look_latest, or by the life of the certificate.
Seconds look_delay(std::optional<Seconds> retry_after, Time not_before, Time not_after);

/// How long until the next try after `failures` of them in a row (1 or more): a random part of a
/// bound that doubles ("full jitter"), and is at most an eighth of what is `left` of the
/// certificate; added to what the service asked for.
Seconds retry_delay(unsigned failures, std::optional<Seconds> retry_after, Seconds left,
                    const RandomBelow& random);

/// Whether a moment that was planned has come. One further away than was ever planned was planned
/// by a clock that has since been set back, and counts as come.
bool has_come(Time planned, Time now, Seconds longest);

}  // namespace chancery
