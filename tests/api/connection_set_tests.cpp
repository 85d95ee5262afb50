#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <thread>

#include "api/connection_set.h"
#include "tests/api/http_client.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;
using Next = Connection::Next;
using Slot = ConnectionSet::Slot;

/// A set with connections whose other ends the test holds.
struct Fixture {
  explicit Fixture(std::size_t bound) : set(bound) {
    sockaddr_in any{AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
    BOOST_TEST_REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&any), sizeof any) == 0);
    BOOST_TEST_REQUIRE(::listen(listener, 16) == 0);
  }
  ~Fixture() {
    for (Slot* slot : set.claim_waiting()) set.remove(*slot);
    for (const int peer : peers) ::close(peer);
    ::close(listener);
  }

  Slot* add() {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    peers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int one = 1;
    ::setsockopt(peers.back(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    BOOST_TEST_REQUIRE(::connect(peers.back(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    const int accepted = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    BOOST_TEST_REQUIRE(accepted >= 0);
    auto connection =
        std::make_unique<Connection>(accepted, "", nullptr, deadlines, 1 << 20, counters);
    return set.add(connection);
  }
  void send(std::size_t peer, std::string_view bytes) const {
    BOOST_TEST_REQUIRE(::write(peers[peer], bytes.data(), bytes.size()) ==
                       static_cast<ssize_t>(bytes.size()));
  }

  ConnectionDeadlines deadlines;
  ConnectionCounters counters;
  ConnectionSet set;
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::vector<int> peers;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(connection_set)

BOOST_AUTO_TEST_CASE(waits_until_it_is_ready) {
  Fixture fixture(1);
  Slot* slot = fixture.add();
  BOOST_TEST_REQUIRE(slot != nullptr);
  BOOST_TEST((fixture.add() == nullptr));
  BOOST_TEST(fixture.set.rearm(*slot, Next::readable));
  BOOST_TEST((fixture.set.wait(0) == nullptr));
  BOOST_TEST(!ConnectionSet::is_ready(*slot));
  fixture.send(0, "G");
  BOOST_TEST(ConnectionSet::is_ready(*slot));
  BOOST_TEST((fixture.set.wait(0) == slot));
  BOOST_TEST((fixture.set.wait(0) == nullptr));  // it is held
  BOOST_TEST(fixture.set.rearm(*slot, Next::readable));
  BOOST_TEST((fixture.set.wait(0) == slot));  // nobody read it
  BOOST_TEST(fixture.set.rearm(*slot, Next::writable));
  BOOST_TEST((fixture.set.wait(0) == slot));
  fixture.set.remove(*slot);
  BOOST_TEST(fixture.set.size() == 0U);
}

BOOST_AUTO_TEST_CASE(what_is_held_cannot_be_claimed) {
  Fixture fixture(2);
  Slot* held = fixture.add();
  Slot* waiting = fixture.add();
  BOOST_TEST(fixture.set.rearm(*held, Next::readable));
  BOOST_TEST(fixture.set.rearm(*waiting, Next::readable));
  fixture.send(0, "G");
  BOOST_TEST_REQUIRE((fixture.set.wait(0) == held));
  const auto late = Clock::now() + 24h;
  BOOST_TEST((fixture.set.claim_overdue(late) == std::vector<Slot*>{waiting}));
  BOOST_TEST(fixture.set.claim_overdue(late).empty());
  BOOST_TEST(fixture.set.rearm(*waiting));
  BOOST_TEST((fixture.set.claim_longest_idle() == waiting));
  BOOST_TEST((fixture.set.claim_longest_idle() == nullptr));
  BOOST_TEST(fixture.set.rearm(*waiting));
  BOOST_TEST((fixture.set.claim_idle() == std::vector<Slot*>{waiting}));
  BOOST_TEST(fixture.set.rearm(*waiting));
  BOOST_TEST(fixture.set.claim_overdue(Clock::now()).empty());
  BOOST_TEST(fixture.set.rearm(*held, Next::readable));
}

BOOST_AUTO_TEST_CASE(a_claimed_one_is_still_told_of) {
  Fixture fixture(1);
  Slot* slot = fixture.add();
  BOOST_TEST(fixture.set.rearm(*slot, Next::readable));
  BOOST_TEST_REQUIRE((fixture.set.claim_longest_idle() == slot));
  fixture.send(0, "G");
  BOOST_TEST((fixture.set.wait(0) == nullptr));  // its event comes while it is held
  BOOST_TEST(!fixture.set.rearm(*slot));         // so its holder is told to go on with it
  BOOST_TEST(fixture.set.rearm(*slot));
}

BOOST_AUTO_TEST_CASE(events_of_the_one_before_do_not_count) {
  Fixture fixture(1);
  Slot* slot = fixture.add();
  fixture.send(0, "G");
  BOOST_TEST(fixture.set.rearm(*slot, Next::readable));
  BOOST_TEST((fixture.set.claim_waiting() == std::vector<Slot*>{slot}));
  fixture.set.remove(*slot);
  BOOST_TEST_REQUIRE((fixture.add() == slot));
  BOOST_TEST(fixture.set.rearm(*slot, Next::readable));
  BOOST_TEST((fixture.set.wait(0) == nullptr));
}

BOOST_AUTO_TEST_CASE(each_has_one_holder_and_no_event_is_lost) {
  constexpr unsigned connections = 3, threads = 4, rounds = 500;
  Fixture fixture(connections);
  std::array<std::atomic<int>, connections> holders{};
  std::array<std::atomic<unsigned>, connections> received{};
  std::map<const Slot*, std::size_t> index;
  std::vector<Slot*> slots;
  for (std::size_t i = 0; i < connections; ++i) {
    slots.push_back(fixture.add());
    index[slots.back()] = i;
  }
  std::atomic<bool> done{false}, shared{false};
  auto read = [&](Slot* slot) {
    const std::size_t i = index.at(slot);
    do {
      if (++holders[i] != 1) shared = true;
      std::array<char, 1> byte{};
      if (::recv(ConnectionSet::connection(*slot).fd(), byte.data(), 1, 0) == 1) ++received[i];
      --holders[i];
    } while (!fixture.set.rearm(*slot, Next::readable));
  };
  for (Slot* slot : slots) BOOST_TEST(fixture.set.rearm(*slot, Next::readable));
  std::vector<std::thread> all;
  for (unsigned t = 0; t < threads; ++t) {
    all.emplace_back([&] {
      while (!done) {
        if (Slot* slot = fixture.set.wait(1)) read(slot);
      }
    });
  }
  all.emplace_back([&] {  // takes them away without an event, as sweeps do
    while (!done) {
      for (Slot* slot : fixture.set.claim_overdue(Clock::now() + 24h)) read(slot);
      std::this_thread::yield();
    }
  });
  for (unsigned round = 1; round <= rounds; ++round) {
    for (std::size_t i = 0; i < connections; ++i) fixture.send(i, "x");
    const bool all_came = test::eventually([&] {
      return std::all_of(received.begin(), received.end(),
                         [round](const auto& count) { return count == round; });
    });
    BOOST_TEST_REQUIRE(all_came);
  }
  done = true;
  for (std::thread& thread : all) thread.join();
  BOOST_TEST(!shared);
}

BOOST_AUTO_TEST_CASE(a_client_is_spared_once_for_each_request_and_each_answer) {
  Fixture fixture(1);
  Slot* slot = fixture.add();
  BOOST_TEST_REQUIRE(slot != nullptr);
  Connection& connection = ConnectionSet::connection(*slot);
  const std::string request = test::get_request("/");
  for (int round = 0; round < 2; ++round) {
    BOOST_TEST(connection.prolong());
    BOOST_TEST(!connection.prolong());
    for (const char byte : request.substr(0, 8)) {  // as slowly as it likes
      fixture.send(0, {&byte, 1});
      BOOST_TEST((connection.advance() == Next::readable));
      BOOST_TEST(!connection.prolong());
    }
    fixture.send(0, request.substr(8));
    BOOST_TEST_REQUIRE((connection.advance() == Next::request));
    connection.answer({200, "text/plain", {}, "ok"}, false);
    BOOST_TEST((connection.advance() == Next::readable));
  }
  fixture.set.remove(*slot);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
