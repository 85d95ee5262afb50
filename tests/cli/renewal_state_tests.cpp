#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "cli/renewal_report.h"
#include "cli/renewal_state.h"
#include "core/limits.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using Progress = HookState::Progress;

Time at(const char* text) {
  return from_rfc3339(text).value();
}

RenewalState full() {
  RenewalState state{.serial = std::string(40, 'a')};
  state.window = RenewalWindow{at("2026-12-01T00:00:00Z"), at("2026-12-02T00:00:00Z")};
  state.reckoned = true;
  state.chosen = at("2026-12-01T12:00:00.000001Z");
  state.explanation_url = "https://wiki.example/7";
  state.look_at = at("2026-11-30T00:00:00Z");
  state.look_failures = 2;
  state.look_error = "cannot connect";
  state.last_try = at("2026-11-29T00:00:00Z");
  state.retry_at = at("2026-11-30T00:10:00Z");
  state.last_success = at("2026-11-28T00:00:00Z");
  state.failures = 3;
  state.error = "no grant";
  state.failures_total = 9;
  state.renewals_total = 4;
  state.hook = {.progress = Progress::failed,
                .serial = std::string(40, 'a'),
                .previous_serial = std::string(40, 'b'),
                .failures = 1,
                .retry_at = at("2026-11-30T01:00:00Z"),
                .error = "ended with status 7"};
  return state;
}

/// What to_text() writes, with `change` made to it.
std::string changed(const std::function<void(json&)>& change) {
  json object = json::parse(to_text(full()));
  change(object);
  return object.dump();
}

BOOST_AUTO_TEST_SUITE(renewal_state)

BOOST_AUTO_TEST_CASE(what_is_written_is_read_again) {
  for (const RenewalState& state : {full(), RenewalState{}}) {
    const std::string text = to_text(state);
    const auto read = parse_renewal_state(text);
    BOOST_REQUIRE_MESSAGE(read, read.error().message);
    BOOST_TEST(to_text(*read) == text);
  }
  const auto read = parse_renewal_state(to_text(full())).value();
  BOOST_TEST((read.chosen == full().chosen));
  BOOST_TEST((read.window == full().window));
  BOOST_TEST((read.hook.progress == Progress::failed));
}

BOOST_AUTO_TEST_CASE(a_message_of_any_bytes_can_be_read_again) {
  RenewalState state;
  for (const std::string& piece : {std::string("\xff"), std::string("é"), std::string("\0", 1)}) {
    state.error.clear();
    while (state.error.size() < limits::renewal_message_bytes + 10) state.error += piece;
    const auto read = parse_renewal_state(to_text(state));
    BOOST_REQUIRE_MESSAGE(read, read.error().message);
    BOOST_TEST(read->error.size() <= limits::renewal_message_bytes);
    BOOST_TEST(read->error.size() > limits::renewal_message_bytes - 4);
  }
}

BOOST_AUTO_TEST_CASE(bad_files_are_refused_with_the_member) {
  struct Case {
    const char* name;
    std::string text, field;
  };
  const auto set = [](const char* member, const json& value) {
    return changed([&](json& object) { object[member] = value; });
  };
  const auto set_hook = [](const char* member, const json& value) {
    return changed([&](json& object) { object["hook"][member] = value; });
  };
  const auto without = [](const char* member) {
    return changed([&](json& object) { object.erase(member); });
  };
  const Case cases[] = {
      {"nothing", "", ""},
      {"an array", "[]", ""},
      {"too large", std::string(limits::renewal_state_bytes + 1, ' '), ""},
      {"an unknown member", set("colour", "red"), "colour"},
      {"an unknown member of the hook", set_hook("colour", "red"), "hook.colour"},
      {"another version", set("version", 2), "version"},
      {"no version", without("version"), "version"},
      {"a serial that is none", set("serial", "../../etc"), "serial"},
      {"a time that is none", set("look_at", "tomorrow"), "look_at"},
      {"a time that is a number", set("look_at", 5), "look_at"},
      {"a negative count", set("failures", -1), "failures"},
      {"a count too large", set("failures", 1ULL << 40), "failures"},
      {"a fraction", set("renewals_total", 1.5), "renewals_total"},
      {"no count", without("failures_total"), "failures_total"},
      {"a flag that is a text", set("reckoned", "yes"), "reckoned"},
      {"half a window", without("window_end"), "chosen"},
      {"a window without a moment", without("chosen"), "chosen"},
      {"a window of no width", set("window_end", "2026-12-01T00:00:00Z"), "window_end"},
      {"a moment outside of it", set("chosen", "2026-12-02T00:00:00Z"), "chosen"},
      {"no hook", without("hook"), "hook"},
      {"a hook in a state that is none", set_hook("progress", "maybe"), "progress"},
      {"a message too long", set("error", std::string(2001, 'x')), "error"},
      {"an empty message", set("error", ""), "error"},
  };
  for (const Case& one : cases) {
    BOOST_TEST_CONTEXT(one.name) {
      const auto read = parse_renewal_state(one.text);
      BOOST_REQUIRE(!read);
      BOOST_TEST((read.error().code == ErrorCode::invalid_request));
      BOOST_TEST(read.error().field.ends_with(one.field), read.error().field);
      BOOST_TEST(!read.error().message.empty());
    }
  }
}

RenewalReport report_of(RenewalState state) {
  RenewalReport report{.directory = "/etc/tls"};
  report.subject = "web-1.example";
  report.serial = std::string(40, 'a');
  report.not_before = at("2026-11-27T00:00:00Z");
  report.not_after = at("2026-12-04T00:00:00Z");
  report.state = std::move(state);
  return report;
}

BOOST_AUTO_TEST_CASE(what_needs_a_person_is_a_problem) {
  const Time time = at("2026-12-01T00:00:00Z");
  RenewalState good = full();
  good.error.clear();
  good.hook = {};
  BOOST_TEST(problem_of(report_of(good), time).empty());  // a look that failed is none yet
  BOOST_TEST(problem_of(report_of(good), at("2026-12-04T00:00:00Z")) == "expired");
  RenewalState failed = good;
  failed.error = "no grant";
  BOOST_TEST(problem_of(report_of(failed), time) == "the last try failed: no grant");
  RenewalState hook = good;
  hook.hook = full().hook;
  BOOST_TEST(problem_of(report_of(hook), time) == "the hook failed: ended with status 7");
  hook.hook.progress = Progress::pending;
  BOOST_TEST(problem_of(report_of(hook), time).empty());
  RenewalReport unreadable{.directory = "/etc/tls", .unreadable = "cannot read it"};
  BOOST_TEST(problem_of(unreadable, time) == "cannot read it");
}

BOOST_AUTO_TEST_CASE(the_next_step_is_the_hook_or_the_renewal) {
  const Time time = at("2026-11-29T00:00:00Z");
  RenewalState state = full();
  BOOST_TEST((next_step(report_of(state), time) == state.hook.retry_at));
  state.hook = {};
  BOOST_TEST((next_step(report_of(state), time) == state.chosen));
  state.serial = std::string(40, 'c');  // of another certificate
  BOOST_TEST(!next_step(report_of(state), time));
}

BOOST_AUTO_TEST_CASE(the_moment_of_a_renewal) {
  const Time begin = at("2026-11-27T00:00:00Z"), end = at("2026-12-04T00:00:00Z");
  const Time time = at("2026-12-01T00:00:00Z");
  const RenewalWindow over{at("2026-11-28T00:00:00Z"), at("2026-11-29T00:00:00Z")};
  const RenewalWindow told{begin - 1s, begin};
  struct Case {
    const char* name;
    std::optional<RenewalWindow> window;
    std::optional<Time> chosen, retry_at, last_success, moment;
  };
  const Time earlier = at("2026-11-28T12:00:00Z");
  const Case cases[] = {
      {"nothing chosen", {}, {}, {}, {}, {}},
      {"the chosen one", over, earlier, {}, {}, earlier},
      {"the retry", over, earlier, time + 60s, {}, time + 60s},
      {"a retry that has come", over, earlier, time - 60s, {}, earlier},
      {"a retry of a clock that was ahead", over, earlier, time + 48h, {}, earlier},
      {"renewed just now, and due again", over, earlier, {}, time - 1h, time + 5h},
      {"renewed long ago", over, earlier, {}, time - 6h, earlier},
      {"renewed by a clock that was ahead", over, earlier, {}, time + 1h, earlier},
      {"renewed just now, and told to again", told, begin - 1s, {}, time - 1h, begin - 1s},
      {"told to, but it failed", told, begin - 1s, time + 9s, time - 1h, time + 9s},
  };
  for (const Case& one : cases) {
    BOOST_TEST_CONTEXT(one.name) {
      RenewalState state{.window = one.window, .chosen = one.chosen};
      state.retry_at = one.retry_at;
      state.last_success = one.last_success;
      BOOST_TEST((renewal_moment(state, begin, end, time) == one.moment));
    }
  }
}

BOOST_AUTO_TEST_CASE(metrics_name_each_directory) {
  RenewalReport odd = report_of(full());
  odd.directory = "/a\"b\\c\nd";
  const RenewalReport unreadable{.directory = "/gone", .unreadable = "cannot read it"};
  const std::string text =
      renewal_metrics({report_of(full()), odd, unreadable}, at("2026-12-01T00:00:00Z"));
  const std::string certificate =
      R"(subject="web-1.example",serial=")" + std::string(40, 'a') + "\"} ";
  for (const std::string& line : {
           "chancery_certificate_not_after_seconds{directory=\"/etc/tls\"," + certificate +
               "1796342400",
           "chancery_certificate_not_before_seconds{directory=\"/etc/tls\"," + certificate +
               "1795737600",
           std::string("chancery_renewal_failures_total{directory=\"/etc/tls\"} 9"),
           std::string("chancery_renewal_hook_failed{directory=\"/etc/tls\"} 1"),
           std::string("chancery_renewal_last_success_seconds{directory=\"/etc/tls\"} 1795824000"),
           std::string("chancery_renewal_next_seconds{directory=\"/etc/tls\"} 1796000400"),
           std::string("chancery_renewal_problem{directory=\"/gone\"} 1"),
           std::string(R"(chancery_renewal_problem{directory="/a\"b\\c\nd"} 1)"),
       }) {
    BOOST_TEST(text.find("\n" + line + "\n") != std::string::npos, line << "\n" << text);
  }
  BOOST_TEST(text.find("{directory=\"/gone\",") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
