#include "cli/renewal_state.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "cli/renewal_schedule.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/subject.h"

namespace chancery {
namespace {

using nlohmann::json;
using Progress = HookState::Progress;

struct ProgressName {
  Progress progress;
  std::string_view name;
};
constexpr std::array<ProgressName, 4> kProgress = {{{Progress::none, "none"},
                                                    {Progress::pending, "pending"},
                                                    {Progress::done, "done"},
                                                    {Progress::failed, "failed"}}};

/// Takes the members of one object, each once; what is left over was not known.
class Members {
 public:
  Members(json object, std::string prefix)
      : object_(std::move(object)), prefix_(std::move(prefix)) {}

  [[nodiscard]] Failure bad(const std::string& member, const std::string& what) const {
    return invalid(prefix_ + member, what);
  }

  /// Null where it is absent.
  json take(const std::string& member) {
    const auto found = object_.find(member);
    if (found == object_.end()) return nullptr;
    json value = std::move(*found);
    object_.erase(found);
    return value;
  }

  /// An empty text is never written, so absent means empty.
  Result<std::string> text(const std::string& member, std::size_t limit) {
    const json value = take(member);
    if (value.is_null()) return std::string();
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
      return bad(member, "must be a text");
    }
    if (value.get_ref<const std::string&>().size() > limit) return bad(member, "is too long");
    return value.get<std::string>();
  }

  Result<std::string> serial(const std::string& member) {
    ASSIGN_OR_RETURN(std::string text, this->text(member, limits::name_bytes));
    const bool good = text.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!good) return bad(member, "must be a serial number");
    return text;
  }

  Result<std::optional<Time>> time(const std::string& member) {
    ASSIGN_OR_RETURN(const std::string text, this->text(member, limits::name_bytes));
    if (text.empty()) return std::optional<Time>();
    const auto time = from_rfc3339(text);
    if (!time) return bad(member, "must be a time such as 2026-12-01T00:00:00Z");
    return std::optional<Time>(*time);
  }

  Result<std::uint64_t> number(const std::string& member, std::uint64_t most) {
    const json value = take(member);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > most) {
      return bad(member, "must be a number from 0 to " + std::to_string(most));
    }
    return value.get<std::uint64_t>();
  }
  Result<unsigned> count(const std::string& member) {
    ASSIGN_OR_RETURN(const std::uint64_t value,
                     number(member, std::numeric_limits<unsigned>::max()));
    return static_cast<unsigned>(value);
  }

  Result<bool> flag(const std::string& member) {
    const json value = take(member);
    if (!value.is_boolean()) return bad(member, "must be true or false");
    return value.get<bool>();
  }

  Result<Members> object(const std::string& member) {
    json value = take(member);
    if (!value.is_object()) return bad(member, "must be an object");
    return Members(std::move(value), prefix_ + member + ".");
  }

  [[nodiscard]] Result<void> finish() const {
    if (object_.empty()) return {};
    return bad(object_.begin().key(), "is not known to this version");
  }

 private:
  json object_;
  std::string prefix_;
};

constexpr std::size_t kMessage = limits::renewal_message_bytes;

Result<Progress> progress_in(Members& members) {
  ASSIGN_OR_RETURN(const std::string name, members.text("progress", limits::name_bytes));
  for (const ProgressName& one : kProgress) {
    if (one.name == name) return one.progress;
  }
  return members.bad("progress", "must be none, pending, done or failed");
}

Result<void> read_window(Members& members, RenewalState& state) {
  ASSIGN_OR_RETURN(const auto start, members.time("window_start"));
  ASSIGN_OR_RETURN(const auto end, members.time("window_end"));
  ASSIGN_OR_RETURN(state.chosen, members.time("chosen"));
  if (start.has_value() != end.has_value() || start.has_value() != state.chosen.has_value()) {
    return members.bad("chosen", "must be there where window_start and window_end are");
  }
  if (!start) return {};
  if (*end <= *start) return members.bad("window_end", "must be after window_start");
  if (*state.chosen < *start || *state.chosen >= *end) {
    return members.bad("chosen", "must be in the window");
  }
  state.window = RenewalWindow{*start, *end};
  return {};
}

Result<HookState> read_hook(Members members) {
  HookState hook;
  ASSIGN_OR_RETURN(hook.progress, progress_in(members));
  ASSIGN_OR_RETURN(hook.serial, members.serial("serial"));
  ASSIGN_OR_RETURN(hook.previous_serial, members.serial("previous_serial"));
  ASSIGN_OR_RETURN(hook.failures, members.count("failures"));
  ASSIGN_OR_RETURN(hook.retry_at, members.time("retry_at"));
  ASSIGN_OR_RETURN(hook.error, members.text("error", kMessage));
  RETURN_IF_ERROR(members.finish());
  return hook;
}

/// In valid UTF-8, cut between two characters.
std::string shortened(const std::string& message) {
  const std::string quoted = json(message).dump(-1, ' ', false, json::error_handler_t::replace);
  std::string text = json::parse(quoted).get<std::string>();
  if (text.size() <= kMessage) return text;
  std::size_t end = kMessage;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

void put(json& object, const char* member, const std::string& text) {
  if (!text.empty()) object[member] = shortened(text);
}

void put(json& object, const char* member, const std::optional<Time>& time) {
  if (time) object[member] = to_rfc3339(*time);
}

}  // namespace

std::string_view name_of(Progress progress) {
  for (const ProgressName& one : kProgress) {
    if (one.progress == progress) return one.name;
  }
  return "";
}

Seconds longest_plan() {
  return limits::renewal_look_latest + limits::renewal_retry_delay_at_most + Seconds{1};
}

std::optional<Time> renewal_moment(const RenewalState& state, Time not_before, Time not_after,
                                   Time now) {
  if (!state.chosen) return {};
  Time moment = *state.chosen;
  const auto not_until = [&](Time time, Seconds longest) {
    if (!has_come(time, now, longest)) moment = std::max(moment, time);
  };
  if (state.retry_at) not_until(*state.retry_at, longest_plan());
  // A window that is over before the certificate begins is the service's word to renew at once.
  const bool told = state.window->end <= not_before;
  const Seconds pause = look_interval(not_before, not_after);
  if (!told && state.last_success) not_until(*state.last_success + pause, pause);
  return moment;
}

Result<RenewalState> parse_renewal_state(std::string_view text) {
  if (text.size() > limits::renewal_state_bytes) return invalid("", "is too large");
  ASSIGN_OR_RETURN(json object, parse_json(text));
  if (!object.is_object()) return invalid("", "is not a JSON object");
  Members members(std::move(object), "");
  if (const auto version = members.number("version", 1); !version || *version != 1) {
    return members.bad("version", "must be 1");
  }
  RenewalState state;
  ASSIGN_OR_RETURN(state.serial, members.serial("serial"));
  RETURN_IF_ERROR(read_window(members, state));
  ASSIGN_OR_RETURN(state.reckoned, members.flag("reckoned"));
  ASSIGN_OR_RETURN(state.explanation_url,
                   members.text("explanation_url", limits::explanation_url_bytes));
  ASSIGN_OR_RETURN(state.look_at, members.time("look_at"));
  ASSIGN_OR_RETURN(state.look_failures, members.count("look_failures"));
  ASSIGN_OR_RETURN(state.look_error, members.text("look_error", kMessage));
  ASSIGN_OR_RETURN(state.last_try, members.time("last_try"));
  ASSIGN_OR_RETURN(state.retry_at, members.time("retry_at"));
  ASSIGN_OR_RETURN(state.last_success, members.time("last_success"));
  ASSIGN_OR_RETURN(state.failures, members.count("failures"));
  ASSIGN_OR_RETURN(state.error, members.text("error", kMessage));
  ASSIGN_OR_RETURN(state.failures_total, members.number("failures_total", UINT64_MAX));
  ASSIGN_OR_RETURN(state.renewals_total, members.number("renewals_total", UINT64_MAX));
  ASSIGN_OR_RETURN(Members hook, members.object("hook"));
  ASSIGN_OR_RETURN(state.hook, read_hook(std::move(hook)));
  RETURN_IF_ERROR(members.finish());
  return state;
}

std::string to_text(const RenewalState& state) {
  json hook = {{"progress", name_of(state.hook.progress)}, {"failures", state.hook.failures}};
  put(hook, "serial", state.hook.serial);
  put(hook, "previous_serial", state.hook.previous_serial);
  put(hook, "retry_at", state.hook.retry_at);
  put(hook, "error", state.hook.error);
  json object = {{"version", 1},
                 {"reckoned", state.reckoned},
                 {"look_failures", state.look_failures},
                 {"failures", state.failures},
                 {"failures_total", state.failures_total},
                 {"renewals_total", state.renewals_total},
                 {"hook", std::move(hook)}};
  put(object, "serial", state.serial);
  if (state.window) {
    put(object, "window_start", std::optional<Time>(state.window->start));
    put(object, "window_end", std::optional<Time>(state.window->end));
  }
  put(object, "chosen", state.chosen);
  put(object, "explanation_url", state.explanation_url);
  put(object, "look_at", state.look_at);
  put(object, "look_error", state.look_error);
  put(object, "last_try", state.last_try);
  put(object, "retry_at", state.retry_at);
  put(object, "last_success", state.last_success);
  put(object, "error", state.error);
  return object.dump(2) + "\n";
}

}  // namespace chancery
