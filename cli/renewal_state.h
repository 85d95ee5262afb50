#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/renewal_window.h"

namespace chancery {

/// How far the hook of the last renewal is.
struct HookState {
  enum class Progress {
    none,     ///< there was no renewal with a hook
    pending,  ///< to be run, or it was running when this program ended
    done,
    failed,  ///< will be run again
  };
  Progress progress = Progress::none;
  std::string serial = {};           ///< of the certificate that it is about
  std::string previous_serial = {};  ///< of the one before
  unsigned failures = 0;
  std::optional<Time> retry_at = {};
  std::string error = {};
};

/// What a renewing client remembers of one directory over its restarts.
struct RenewalState {
  std::string serial = {};  ///< the certificate that window, looks and tries are about
  std::optional<RenewalWindow> window = {};
  bool reckoned = false;            ///< the window is our own reckoning, not the service's word
  std::optional<Time> chosen = {};  ///< the moment of the window; there where the window is
  std::string explanation_url = {};

  std::optional<Time> look_at = {};
  unsigned look_failures = 0;  ///< since the last look that succeeded
  std::string look_error = {};

  std::optional<Time> last_try = {}, retry_at = {}, last_success = {};
  unsigned failures = 0;  ///< tries since the last success
  std::string error = {};
  std::uint64_t failures_total = 0, renewals_total = 0;

  HookState hook = {};
};

std::string_view name_of(HookState::Progress progress);

/// No look or retry is planned further ahead.
Seconds longest_plan();

/// When a certificate of this life is to be renewed, which has come when it is not after `now`;
/// none while no moment is chosen. After the chosen one and the planned retry; and a while after
/// the last renewal, unless the service wants it replaced at once: where the window of a fresh
/// certificate is over, a clock is wrong, and will be for the next one.
std::optional<Time> renewal_moment(const RenewalState& state, Time not_before, Time not_after,
                                   Time now);

/// Reads what to_text() writes. invalid_request that names the member: one that is missing, of
/// another type, or unknown is a file of somebody else or of another version.
Result<RenewalState> parse_renewal_state(std::string_view text);
/// JSON, with a newline at its end. Messages are cut at limits::renewal_message_bytes.
std::string to_text(const RenewalState& state);

}  // namespace chancery
