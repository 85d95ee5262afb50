#pragma once

#include <atomic>

#include "core/witness_submission.h"

namespace chancery {

/// Sends to one witness over HTTP or HTTPS (the operating system's trust anchors), on a connection
/// that is kept. No redirects, no proxy; at most limits::witness_deadline from name look-up to the
/// last byte, and less when `stopping` becomes true. deadline_exceeded, too_large or internal. For
/// one thread at a time.
WitnessSubmission::Post witness_client(const std::atomic<bool>& stopping);

}  // namespace chancery
