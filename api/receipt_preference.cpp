#include "api/receipt_preference.h"

#include <algorithm>
#include <charconv>

#include "api/http.h"
#include "core/limits.h"

namespace chancery {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

std::optional<std::chrono::seconds> receipt_preference(std::string_view prefer) {
  bool wanted = false;
  std::chrono::seconds wait = limits::receipt_wait;
  while (!prefer.empty()) {
    const std::size_t end = std::min(prefer.find(','), prefer.size());
    const std::string_view one = trimmed(prefer.substr(0, end));
    prefer.remove_prefix(std::min(end + 1, prefer.size()));
    if (equal_ignoring_case(one, "receipt")) wanted = true;
    constexpr std::string_view kWait = "wait=";
    if (!equal_ignoring_case(one.substr(0, kWait.size()), kWait)) continue;
    const std::string_view number = one.substr(kWait.size());
    unsigned seconds = 0;
    const auto [stop, error] =
        std::from_chars(number.data(), number.data() + number.size(), seconds);
    if (error == std::errc() && stop == number.data() + number.size()) {
      wait = std::chrono::seconds(seconds);
    }
  }
  if (!wanted) return std::nullopt;
  return std::min<std::chrono::seconds>(wait, limits::receipt_wait_at_most);
}

}  // namespace chancery
