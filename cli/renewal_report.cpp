#include "cli/renewal_report.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "cli/file.h"
#include "cli/lineage.h"
#include "core/certificate.h"
#include "core/limits.h"

namespace chancery {
namespace {

using nlohmann::json;
using Progress = HookState::Progress;

Result<RenewalState> read_state(const std::string& path) {
  if (!file_exists(path)) return RenewalState{};
  ASSIGN_OR_RETURN(const std::string text, read_file(path, limits::renewal_state_bytes));
  return parse_renewal_state(text);
}

void add_time(json& object, const char* member, const std::optional<Time>& time) {
  if (time) object[member] = to_rfc3339_seconds(*time);
}

void add_text(json& object, const char* member, const std::string& text) {
  if (!text.empty()) object[member] = text;
}

json hook_json(const HookState& hook) {
  json object = {{"state", name_of(hook.progress)}, {"failures", hook.failures}};
  add_text(object, "serial", hook.serial);
  add_text(object, "error", hook.error);
  add_time(object, "retry_at", hook.retry_at);
  return object;
}

std::string time_or_never(const std::optional<Time>& time) {
  return time ? to_rfc3339_seconds(*time) : "not known yet";
}

/// A value of a label (Prometheus's text format: backslash, quote and line feed are escaped).
std::string label(const std::string& value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  return text;
}

struct Metric {
  const char* name;
  const char* type;
  const char* help;
  bool of_certificate;  ///< labelled with it: begins anew with each
  /// None: there is no such sample.
  std::function<std::optional<std::int64_t>(const RenewalReport&)> value;
};

std::optional<std::int64_t> seconds_of(const std::optional<Time>& time) {
  if (!time) return {};
  return to_unix_seconds(*time);
}

std::vector<Metric> metrics_at(Time now) {
  using Report = RenewalReport;
  return {
      {"chancery_certificate_not_after_seconds", "gauge", "When the certificate ends.", true,
       [](const Report& r) { return seconds_of(r.not_after); }},
      {"chancery_certificate_not_before_seconds", "gauge", "When the certificate began.", true,
       [](const Report& r) { return seconds_of(r.not_before); }},
      {"chancery_renewal_next_seconds", "gauge", "When the next renewal or retry is planned.",
       false, [now](const Report& r) { return seconds_of(next_step(r, now)); }},
      {"chancery_renewal_failures_total", "counter", "Tries to renew that failed.", false,
       [](const Report& r) { return static_cast<std::int64_t>(r.state.failures_total); }},
      {"chancery_renewal_last_success_seconds", "gauge", "When a renewal last succeeded.", false,
       [](const Report& r) { return seconds_of(r.state.last_success); }},
      {"chancery_renewal_hook_failed", "gauge", "1 when the hook of the last renewal failed.",
       false,
       [](const Report& r) { return std::int64_t{r.state.hook.progress == Progress::failed}; }},
      {"chancery_renewal_problem", "gauge", "1 when `chancery renew --status` would fail.", false,
       [now](const Report& r) { return std::int64_t{!problem_of(r, now).empty()}; }},
  };
}

}  // namespace

RenewalReport report_renewal(const std::string& directory) {
  RenewalReport report{.directory = directory};
  const auto identity = Identity::load(directory);
  auto certificate = identity ? read_certificate(identity->certificate) : Failure(identity.error());
  auto state = read_state(directory + "/renewal.json");
  if (!certificate) {
    report.unreadable = certificate.error().message;
    return report;
  }
  report.serial = to_hex(certificate->serial);
  report.subject = name_of(*certificate);
  report.not_before = certificate->not_before;
  report.not_after = certificate->not_after;
  report.running = is_being_renewed(directory);
  if (!state) {
    report.unreadable = directory + "/renewal.json: " + state.error().field + " " +
                        state.error().message + "; without this file a renewal is planned anew";
    return report;
  }
  report.state = std::move(*state);
  return report;
}

std::string problem_of(const RenewalReport& report, Time now) {
  const RenewalState& state = report.state;
  if (!report.unreadable.empty()) return report.unreadable;
  if (report.not_after <= now) {
    return "expired" + (state.error.empty() ? "" : "; the last try failed: " + state.error);
  }
  if (!state.error.empty()) return "the last try failed: " + state.error;
  if (state.hook.progress == Progress::failed) return "the hook failed: " + state.hook.error;
  return {};
}

std::optional<Time> next_step(const RenewalReport& report, Time now) {
  const RenewalState& state = report.state;
  // What is remembered of another certificate is forgotten at the next look.
  if (state.serial != report.serial) return {};
  if (state.hook.progress == Progress::failed && state.hook.serial == report.serial) {
    if (state.hook.retry_at) return state.hook.retry_at;
  }
  return renewal_moment(state, report.not_before, report.not_after, now);
}

std::string describe(const RenewalReport& report, Time now) {
  const RenewalState& state = report.state;
  const std::string problem = problem_of(report, now);
  std::string text = report.directory + ": " + (problem.empty() ? "good" : "PROBLEM");
  const auto line = [&](const std::string& name, const std::string& value) {
    text += "\n  " + name + std::string(13 - name.size(), ' ') + value;
  };
  if (!problem.empty()) line("problem", problem);
  if (report.serial.empty()) return text;
  line("certificate", report.serial + " for " + report.subject + ", " +
                          to_rfc3339_seconds(report.not_before) + " to " +
                          to_rfc3339_seconds(report.not_after));
  if (!report.unreadable.empty()) return text;
  if (state.window && state.serial == report.serial) {
    line("window", to_rfc3339_seconds(state.window->start) + " to " +
                       to_rfc3339_seconds(state.window->end) +
                       (state.reckoned ? ", reckoned here" : ", as the service says") +
                       (state.explanation_url.empty() ? "" : ": " + state.explanation_url));
    line("chosen", time_or_never(state.chosen));
  }
  line("next", time_or_never(next_step(report, now)) +
                   (report.running ? "" : "; NO PROGRAM is renewing this now"));
  if (!state.look_error.empty()) line("last look", "failed: " + state.look_error);
  if (state.last_try) {
    line("last try", to_rfc3339_seconds(*state.last_try) +
                         (state.error.empty()
                              ? ", succeeded"
                              : ", failed " + std::to_string(state.failures) + " times in a row"));
  }
  if (state.hook.progress != Progress::none) {
    line("hook", std::string(name_of(state.hook.progress)) + " for " + state.hook.serial);
  }
  return text;
}

json report_json(const RenewalReport& report, Time now) {
  const RenewalState& state = report.state;
  json object = {{"directory", report.directory}, {"running", report.running}};
  const std::string problem = problem_of(report, now);
  object["ok"] = problem.empty();
  add_text(object, "problem", problem);
  if (report.serial.empty()) return object;
  object["subject"] = report.subject;
  object["serial"] = report.serial;
  add_time(object, "not_before", report.not_before);
  add_time(object, "not_after", report.not_after);
  object["expired"] = report.not_after <= now;
  if (!report.unreadable.empty()) return object;
  if (state.window && state.serial == report.serial) {
    object["window"] = {{"start", to_rfc3339_seconds(state.window->start)},
                        {"end", to_rfc3339_seconds(state.window->end)},
                        {"from", state.reckoned ? "client" : "service"}};
    add_time(object, "chosen", state.chosen);
    add_text(object, "explanation_url", state.explanation_url);
  }
  add_time(object, "next", next_step(report, now));
  add_time(object, "next_look", state.look_at);
  add_text(object, "look_error", state.look_error);
  add_time(object, "last_try", state.last_try);
  add_time(object, "last_success", state.last_success);
  add_text(object, "last_error", state.error);
  object["failures"] = state.failures;
  object["failures_total"] = state.failures_total;
  object["renewals_total"] = state.renewals_total;
  object["hook"] = hook_json(state.hook);
  return object;
}

std::string renewal_metrics(const std::vector<RenewalReport>& reports, Time now) {
  std::string text;
  for (const Metric& metric : metrics_at(now)) {
    const std::string name = metric.name;
    text += "# HELP " + name + " " + metric.help + "\n# TYPE " + name + " " + metric.type + "\n";
    for (const RenewalReport& report : reports) {
      // Of one that cannot be read only that is known.
      if (report.serial.empty() && name != "chancery_renewal_problem") continue;
      const auto value = metric.value(report);
      if (!value) continue;
      text += name + "{directory=\"" + label(report.directory) + "\"";
      if (metric.of_certificate) {
        text +=
            ",subject=\"" + label(report.subject) + "\",serial=\"" + label(report.serial) + "\"";
      }
      text += "} " + std::to_string(*value) + "\n";
    }
  }
  return text;
}

}  // namespace chancery
