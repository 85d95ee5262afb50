#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace chancery {

/// "Prefer: receipt" or "Prefer: receipt, wait=5" (RFC 7240): how long the client wants to wait for
/// the receipt of its outcome, at most limits::receipt_wait_at_most. Nothing where it asks for
/// none; preferences that are not understood are ignored, as RFC 7240 section 2 says.
std::optional<std::chrono::seconds> receipt_preference(std::string_view prefer);

}  // namespace chancery
