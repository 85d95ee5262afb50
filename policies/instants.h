#pragma once

#include <span>
#include <vector>

#include "policies/time_window.h"

namespace chancery {

/// Moments by which the time conditions of a policy can be told apart: within a week before and a
/// year after `around`, and a week on both sides of each of `moments`, the beginnings and ends of
/// `windows`, the changes of their zones' clocks, `moments` themselves, and a second before each of
/// all these. The first one is `around`.
std::vector<Time> instants(Time around, std::span<const Time> moments,
                           std::span<const TimeWindow> windows);

}  // namespace chancery
