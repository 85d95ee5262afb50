#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>
#include <vector>

#include "core/budget.h"
#include "core/places.h"
#include "core/single_flight.h"

namespace chancery {

using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(places)

BOOST_AUTO_TEST_CASE(are_given_back_and_never_more_than_there_are) {
  Places places(2);
  auto first = places.take(), second = places.take();
  BOOST_TEST((first && second));
  BOOST_TEST(!places.take().has_value());
  BOOST_TEST(places.taken() == 2U);
  BOOST_TEST(places.refused() == 1U);
  const Places::Place moved = std::move(*first);
  first.reset();
  BOOST_TEST(places.taken() == 2U);
  second.reset();
  BOOST_TEST(places.take().has_value());
  BOOST_TEST(places.taken() == 1U);
}

BOOST_AUTO_TEST_CASE(many_threads_never_hold_more) {
  Places places(3);
  std::atomic<int> inside = 0, most = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 1000; ++k) {
        const auto place = places.take();
        if (!place) continue;
        const int now = ++inside;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(most >= 1);
  BOOST_TEST(most <= 3);
  BOOST_TEST(places.taken() == 0U);
}

BOOST_AUTO_TEST_CASE(a_budget_is_new_each_second) {
  Budget budget(2);
  const std::chrono::steady_clock::time_point at{1000h};
  BOOST_TEST(budget.take(at));
  BOOST_TEST(budget.take(at + 900ms));
  BOOST_TEST(!budget.take(at + 999ms));
  BOOST_TEST(budget.take(at + 1000ms));
  BOOST_TEST(budget.take(at + 1999ms));
  BOOST_TEST(!budget.take(at + 1999ms));
}

BOOST_AUTO_TEST_CASE(one_leads_and_the_others_learn_how_it_went) {
  for (const bool succeeds : {true, false}) {
    SingleFlight flights;
    auto leading = flights.join("a", 0ms);
    BOOST_TEST_REQUIRE(leading.lead.get());
    BOOST_TEST(flights.join("b", 0ms).lead.get());  // another's business
    const auto late = flights.join("a", 0ms);
    BOOST_TEST(!late.lead.get());
    BOOST_TEST(!late.made);
    std::atomic<int> began = 0, made = 0, led = 0;
    std::vector<std::thread> others;
    for (int i = 0; i < 4; ++i) {
      others.emplace_back([&] {
        ++began;
        const auto joined = flights.join("a", 60s);
        if (joined.lead) ++led;
        if (joined.made) ++made;
      });
    }
    while (began < 4) std::this_thread::yield();
    if (succeeds) leading.lead->succeed();
    leading.lead.reset();
    for (std::thread& other : others) other.join();
    // Who came after the end leads, and so on: none waits for nobody.
    BOOST_TEST(made + led <= 4);
    if (succeeds) BOOST_TEST(made + led >= 1);
    BOOST_TEST(flights.join("a", 0ms).lead.get());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
