#include <boost/test/unit_test.hpp>

#include "cli/renewal_information.h"
#include "cli/renewal_schedule.h"
#include "core/limits.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;

Time at(const char* text) {
  return from_rfc3339(text).value();
}

/// Always the lowest, or the highest, of what may be drawn.
std::uint64_t lowest(std::uint64_t) {
  return 0;
}
std::uint64_t highest(std::uint64_t bound) {
  return bound - 1;
}

BOOST_AUTO_TEST_SUITE(renewal_schedule)

BOOST_AUTO_TEST_CASE(the_moment_is_in_the_window) {
  const RenewalWindow window{at("2026-12-01T00:00:00Z"), at("2026-12-01T00:00:10Z")};
  BOOST_TEST((choose_moment(window, lowest) == window.start));
  BOOST_TEST((choose_moment(window, highest) == window.end - 1us));
  std::uint64_t bound = 0;
  choose_moment(window, [&](std::uint64_t most) { return bound = most, most / 2; });
  BOOST_TEST(bound == 10'000'000U);
}

BOOST_AUTO_TEST_CASE(random_numbers_are_below_their_bound_and_spread) {
  unsigned low = 0;
  for (int i = 0; i < 2000; ++i) {
    BOOST_REQUIRE(random_below(3) < 3);
    low += random_below(1'000'000) < 500'000 ? 1 : 0;
  }
  BOOST_TEST(random_below(1) == 0U);
  // Ten standard deviations: a good generator never comes here.
  BOOST_TEST(low > 770U);
  BOOST_TEST(low < 1230U);
}

BOOST_AUTO_TEST_CASE(looks_are_bounded) {
  const Time begin = at("2026-12-01T00:00:00Z");
  struct Case {
    const char* name;
    std::optional<Seconds> retry_after;
    Seconds life, delay;
  };
  const Case cases[] = {
      {"as asked", 90s, 168h, 90s},
      {"none: a 24th of the life", std::nullopt, 24h, 1h},
      {"none, of a long life", std::nullopt, 8760h, 6h},
      {"zero", 0s, 168h, limits::renewal_look_soonest},
      {"too soon", 9s, 168h, limits::renewal_look_soonest},
      {"too late", 9999h, 168h, limits::renewal_look_latest},
  };
  for (const Case& one : cases) {
    BOOST_TEST_CONTEXT(one.name) {
      BOOST_TEST((look_delay(one.retry_after, begin, begin + one.life) == one.delay));
    }
  }
}

BOOST_AUTO_TEST_CASE(retries_back_off_with_full_jitter) {
  struct Case {
    const char* name;
    unsigned failures;
    std::optional<Seconds> retry_after;
    Seconds left, soonest, latest;
  };
  const Case cases[] = {
      {"the first", 1, std::nullopt, 100h, 1s, 10s},
      {"the second", 2, std::nullopt, 100h, 1s, 20s},
      {"the fifth", 5, std::nullopt, 100h, 1s, 160s},
      {"many", 40, std::nullopt, 100h, 1s, 1h},
      {"more than can be doubled", 4'000'000'000, std::nullopt, 100h, 1s, 1h},
      {"little is left", 40, std::nullopt, 80min, 1s, 10min},
      {"nearly nothing is left", 40, std::nullopt, 5s, 1s, 10s},
      {"it has ended", 40, std::nullopt, -5s, 1s, 1h},
      {"as the service asks, and later", 1, 300s, 100h, 301s, 310s},
      {"the service asks for years", 1, 99999h, 100h, 24h + 1s, 24h + 10s},
  };
  for (const Case& one : cases) {
    BOOST_TEST_CONTEXT(one.name) {
      BOOST_TEST((retry_delay(one.failures, one.retry_after, one.left, lowest) == one.soonest));
      BOOST_TEST((retry_delay(one.failures, one.retry_after, one.left, highest) == one.latest));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_clock_that_was_set_back_does_not_stop_it) {
  const Time time = at("2026-12-01T00:00:00Z");
  BOOST_TEST(has_come(time, time, 1h));
  BOOST_TEST(has_come(time - 1h, time, 1h));
  BOOST_TEST(!has_come(time + 1us, time, 1h));
  BOOST_TEST(!has_come(time + 1h, time, 1h));
  BOOST_TEST(has_come(time + 1h + 1us, time, 1h));
}

BOOST_AUTO_TEST_CASE(renewal_information_is_read) {
  const std::string window =
      R"("suggestedWindow":{"start":"2026-12-01T00:00:00Z","end":"2026-12-02T00:00:00Z"})";
  const auto read = parse_renewal_information("{" + window + R"(,"later":{"member":1}})");
  BOOST_REQUIRE_MESSAGE(read, read.error().message);
  BOOST_TEST((read->window.start == at("2026-12-01T00:00:00Z")));
  BOOST_TEST((read->window.end == at("2026-12-02T00:00:00Z")));
  BOOST_TEST(read->explanation_url.empty());
  const auto why =
      parse_renewal_information("{" + window + R"(,"explanationURL":"https://wiki.example/7"})");
  BOOST_TEST(why.value().explanation_url == "https://wiki.example/7");
  const auto script =
      parse_renewal_information("{" + window + R"(,"explanationURL":"javascript:1"})");
  BOOST_TEST(script.value().explanation_url.empty());
}

BOOST_AUTO_TEST_CASE(bad_renewal_information_counts_as_none) {
  struct Case {
    const char* name;
    std::string body, says;
  };
  const Case cases[] = {
      {"nothing", "", "not a JSON object"},
      {"an array", "[]", "not a JSON object"},
      {"cut off", R"({"suggestedWindow":)", "not a JSON object"},
      {"twice", R"({"suggestedWindow":{},"suggestedWindow":{}})", "not a JSON object"},
      {"no window", "{}", "no suggestedWindow"},
      {"a window that is a text", R"({"suggestedWindow":"now"})", "no suggestedWindow"},
      {"no start", R"({"suggestedWindow":{"end":"2026-12-02T00:00:00Z"}})", "start"},
      {"no end", R"({"suggestedWindow":{"start":"2026-12-02T00:00:00Z"}})", "end"},
      {"a start that is no time",
       R"({"suggestedWindow":{"start":"soon","end":"2026-12-02T00:00:00Z"}})", "no time"},
      {"no width",
       R"({"suggestedWindow":{"start":"2026-12-02T00:00:00Z","end":"2026-12-02T00:00:00Z"}})",
       "ends before"},
      {"backwards",
       R"({"suggestedWindow":{"start":"2026-12-02T00:00:00Z","end":"2026-12-01T00:00:00Z"}})",
       "ends before"},
      {"huge", "{\"a\":\"" + std::string(20'000, 'a') + "\"}", "too large"},
  };
  for (const Case& one : cases) {
    BOOST_TEST_CONTEXT(one.name) {
      const auto read = parse_renewal_information(one.body);
      BOOST_REQUIRE(!read);
      BOOST_TEST((read.error().code == ErrorCode::internal));
      BOOST_TEST(read.error().message.find(one.says) != std::string::npos, read.error().message);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
