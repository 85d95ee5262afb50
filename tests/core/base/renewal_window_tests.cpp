#include <boost/test/unit_test.hpp>

#include "core/renewal_window.h"

namespace chancery {
namespace {

const Time kBegin = from_unix_seconds(1'800'000'000);

BOOST_AUTO_TEST_SUITE(renewal_window)

BOOST_AUTO_TEST_CASE(is_between_two_thirds_and_five_sixths_of_the_life) {
  const struct {
    const char* name;
    Seconds life, start, end, look;
  } rows[] = {
      {"a day", Seconds{86400}, Seconds{57600}, Seconds{72000}, Seconds{3600}},
      {"thirty days", Seconds{2592000}, Seconds{1728000}, Seconds{2160000}, Seconds{21600}},
      {"an hour", Seconds{3600}, Seconds{2400}, Seconds{3000}, Seconds{150}},
      {"ten minutes", Seconds{600}, Seconds{400}, Seconds{500}, Seconds{60}},
      {"a second", Seconds{1}, Seconds{0}, Seconds{1}, Seconds{60}},
  };
  for (const auto& row : rows) {
    const RenewalWindow window = usual_window(kBegin, kBegin + row.life);
    BOOST_CHECK_MESSAGE((window == RenewalWindow{kBegin + row.start, kBegin + row.end}), row.name);
    BOOST_CHECK_MESSAGE(look_interval(kBegin, kBegin + row.life) == row.look, row.name);
  }
}

BOOST_AUTO_TEST_CASE(never_ends_before_it_starts) {
  for (int life = -2; life < 40; ++life) {
    const RenewalWindow window = usual_window(kBegin, kBegin + Seconds{life});
    BOOST_CHECK_MESSAGE(window.start < window.end, life);
  }
  const RenewalWindow passed = passed_window(kBegin);
  BOOST_CHECK(passed.start < passed.end);
  BOOST_CHECK(passed.end <= kBegin);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
