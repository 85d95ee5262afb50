// What strangers can cause by asking: signatures, entries, and workers that wait.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "tests/flow/ocsp_fixture.h"

namespace chancery {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct FloodFixture : OcspFixture {
  std::vector<Bytes> issue_ids(std::size_t count) {
    std::vector<Bytes> ids;
    for (std::size_t i = 0; i < count; ++i) ids.push_back(cert_id(issue_serial()));
    return ids;
  }
  [[nodiscard]] bool is_later(const Bytes& id) const {
    return responder->answer(request_of(id)).der->all().value() ==
           encode_ocsp_failure(OcspFailure::try_later);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(ocsp_flood, FloodFixture)

BOOST_AUTO_TEST_CASE(signatures_about_what_is_listed_are_bounded_too) {
  configure("\nocsp:\n  signed_per_second: 2\n");
  const std::vector<Bytes> ids = issue_ids(24);
  const std::uint64_t before = instance().log().head().size;
  const auto began = SteadyClock::now();
  std::size_t good = 0, later = 0;
  for (const Bytes& id : ids) (is_later(id) ? later : good)++;
  const auto seconds = std::chrono::floor<Seconds>(SteadyClock::now() - began).count();
  BOOST_TEST(good + later == ids.size());
  BOOST_TEST(good >= 2U);
  BOOST_TEST(good <= 2U * (static_cast<std::size_t>(seconds) + 1));
  BOOST_TEST(responder->counters().signed_anew == good);
  BOOST_TEST(instance().log().head().size == before + 2 * good);
  // What is kept is given all the same.
  for (int i = 0; i < 10; ++i) BOOST_TEST(ask(ids.front()) == kGood);
  BOOST_TEST(responder->counters().signed_anew == good);
}

// Beyond the budget, an answer that is half over is given again while it is valid.
BOOST_AUTO_TEST_CASE(beyond_the_budget_an_older_answer_is_better_than_none) {
  configure("\nocsp:\n  lifetime: 4s\n  signed_per_second: 1\n");
  bool given = false;
  // A machine that is slow may let the moment pass.
  for (int attempt = 0; attempt < 20 && !given; ++attempt) {
    const std::vector<Bytes> ids = issue_ids(2);
    while (ask(ids[0]) != kGood) std::this_thread::yield();
    const OcspResponder::Reply old = responder->answer(request_of(ids[0]));
    const Time half = old.this_update + (old.next_update - old.this_update) / 2;
    while (now() < half) std::this_thread::yield();
    while (ask(ids[1]) != kGood) std::this_thread::yield();  // this second's
    const OcspResponder::Reply again = responder->answer(request_of(ids[0]));
    if (now() >= old.next_update) continue;
    BOOST_TEST(status_in(again.der->all().value(), ids[0]) == kGood);
    given = again.der->all().value() == old.der->all().value();
  }
  BOOST_TEST(given);
}

BOOST_AUTO_TEST_CASE(who_asks_the_same_at_the_same_time_gets_one_signature) {
  for (int round = 0; round < 5; ++round) {
    const Bytes id = cert_id(issue_serial());
    const std::uint64_t before = responder->counters().signed_anew;
    std::atomic<int> ready = 0, good = 0;
    std::vector<std::thread> clients;
    for (int i = 0; i < 16; ++i) {
      clients.emplace_back([&] {
        ++ready;
        while (ready < 16) std::this_thread::yield();
        if (ask(id) == kGood) ++good;
      });
    }
    for (std::thread& client : clients) client.join();
    BOOST_TEST(good == 16);
    BOOST_TEST(responder->counters().signed_anew == before + 1);
  }
}

// The answer repeats the CertID as it came, and is kept for the next one who asks so.
BOOST_AUTO_TEST_CASE(each_spelling_of_a_cert_id_is_answered_in_its_own) {
  const Serial serial = issue_serial();
  const Bytes with = cert_id(serial, true), without = cert_id(serial, false);
  BOOST_TEST((with != without));
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(ask(with) == kGood);
    BOOST_TEST(ask(without) == kGood);
  }
  BOOST_TEST(responder->counters().signed_anew == 2U);
}

// Of the listener's workers at most half wait for the token; the others are free for CRLs.
BOOST_AUTO_TEST_CASE(a_token_that_hangs_holds_half_of_the_workers) {
  configure("\nworkers: 4\n");
  const std::vector<Bytes> ids = issue_ids(5);
  BOOST_TEST(ask(ids[0]) == kGood);
  token().inject(TokenFault::hang, 2);
  std::atomic<int> ended = 0, later = 0;
  std::vector<std::thread> waiting;
  for (int i = 1; i < 3; ++i) {
    waiting.emplace_back([&, i] {
      if (is_later(ids[static_cast<std::size_t>(i)])) ++later;
      ++ended;
    });
  }
  while (token().status().lanes_busy < 2 && ended == 0) std::this_thread::yield();
  BOOST_TEST(is_later(ids[3]));
  BOOST_TEST(is_later(cert_id(Serial::allocate(1'800'000'000))));  // unlisted
  BOOST_TEST(ask(ids[0]) == kGood);
  BOOST_TEST(ended == 0);
  token().take_down("it hangs");  // ends their waiting
  for (std::thread& one : waiting) one.join();
  BOOST_TEST(later == 2);
  token().bring_up();
  BOOST_TEST(ask(ids[3]) == kGood);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
