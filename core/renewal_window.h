#pragma once

#include "core/clock.h"

namespace chancery {

/// When a certificate should be renewed (RFC 9773 section 4.2): at a random moment of it, or at
/// once where it has passed. In whole seconds, the end after the start.
struct RenewalWindow {
  Time start, end;
  bool operator==(const RenewalWindow&) const = default;
};

/// From two thirds of the certificate's life to five sixths: a third of it is left for what may
/// fail, and certificates that began together are not renewed together.
RenewalWindow usual_window(Time not_before, Time not_after);
/// One that has passed, whenever it is looked at.
RenewalWindow passed_window(Time not_before);

/// How long to wait before looking at the window again, for a certificate of this life: what it
/// says may change.
Seconds look_interval(Time not_before, Time not_after);

}  // namespace chancery
