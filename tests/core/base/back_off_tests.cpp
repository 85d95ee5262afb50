#include <boost/test/unit_test.hpp>

#include "core/back_off.h"

namespace chancery {

using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(back_off)

BOOST_AUTO_TEST_CASE(waits_twice_as_long_after_each_failure_up_to_an_hour) {
  BackOff back_off;
  BackOff::Clock::time_point at{1000h};
  BOOST_TEST(back_off.is_due(at));
  for (const auto delay : {10s, 20s, 40s, 80s, 160s, 320s, 640s, 1280s, 2560s, 3600s, 3600s}) {
    back_off.failed(at);
    BOOST_TEST(!back_off.is_due(at + delay - 1ms), delay.count());
    BOOST_TEST(back_off.is_due(at + delay), delay.count());
    at += delay;
  }
  back_off.succeeded();
  BOOST_TEST(back_off.is_due(at));
  back_off.failed(at);
  BOOST_TEST(back_off.is_due(at + 10s));
}

BOOST_AUTO_TEST_CASE(reason_to_hope_shortens_it_and_never_to_nothing) {
  BackOff back_off;
  const BackOff::Clock::time_point at{1000h};
  for (int i = 0; i < 20; ++i) back_off.failed(at);
  back_off.hurry();
  BOOST_TEST(!back_off.is_due(at + 10s - 1ms));
  BOOST_TEST(back_off.is_due(at + 10s));
  back_off.failed_in_passing(at + 10s);
  BOOST_TEST(!back_off.is_due(at + 20s - 1ms));
  BOOST_TEST(back_off.is_due(at + 20s));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
