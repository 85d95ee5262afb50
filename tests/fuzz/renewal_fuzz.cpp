// What a renewing client reads of others: renewal information, and the file with its own state.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cli/renewal_information.h"
#include "cli/renewal_schedule.h"
#include "cli/renewal_state.h"
#include "core/limits.h"
#include "core/subject.h"

namespace {

using namespace chancery;

/// Whatever window is accepted, a moment of it can be chosen.
void check_information(std::string_view input) {
  const auto information = parse_renewal_information(input);
  if (!information) {
    CHECK(information.error().code == ErrorCode::internal);
    return;
  }
  const RenewalWindow& window = information->window;
  const auto first = [](std::uint64_t) { return std::uint64_t{0}; };
  const auto last = [](std::uint64_t bound) { return bound - 1; };
  CHECK(choose_moment(window, first) == window.start);
  CHECK(choose_moment(window, last) < window.end && choose_moment(window, last) >= window.start);
  const std::string& url = information->explanation_url;
  CHECK(url.empty() || is_web_address(url));
}

/// What was accepted is written in one way, which is accepted again.
void check_state(std::string_view input) {
  const auto state = parse_renewal_state(input);
  if (!state) {
    CHECK(state.error().code == ErrorCode::invalid_request && !state.error().message.empty());
    return;
  }
  CHECK(state->window.has_value() == state->chosen.has_value());
  CHECK(!state->window ||
        (*state->chosen >= state->window->start && *state->chosen < state->window->end));
  const std::string text = to_text(*state);
  const auto again = parse_renewal_state(text);
  CHECK(again && to_text(*again) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_information(input);
  check_state(input);
  return 0;
}
