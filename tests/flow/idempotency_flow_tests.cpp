#include <boost/test/unit_test.hpp>
#include <set>
#include <thread>

#include "tests/flow/flow_fixture.h"

namespace chancery {
namespace {

SignData hello(const std::string& key) {
  return {KeyName::literal(key), SignatureAlgorithm::ecdsa_p256_sha256, copy_of(bytes_of("hello")),
          false};
}

/// As the API knows a machine of a foreign trust anchor that the policy gives no name.
Caller nameless(char fingerprint, std::string idempotency_key) {
  Caller caller = FlowFixture::as("x", std::move(idempotency_key));
  caller.context.machine.name = MachineName();
  caller.context.machine.fingerprint = std::string(64, fingerprint);
  return caller;
}

BOOST_FIXTURE_TEST_SUITE(idempotency_flow, FlowFixture)

BOOST_AUTO_TEST_CASE(machines_without_a_name_do_not_share_their_keys) {
  data_key("shared.releases");
  grant("foreign", "operations: [key.sign]\n    keys: [shared.releases]",
        "[\"sha256:" + std::string(64, 'a') + "\", \"sha256:" + std::string(64, 'b') + "\"]");
  const auto first = service().sign(nameless('a', "build-42"), hello("shared.releases"));
  BOOST_REQUIRE_MESSAGE(first, first.error().message);
  const auto repeated = service().sign(nameless('a', "build-42"), hello("shared.releases"));
  BOOST_REQUIRE(repeated);
  BOOST_TEST(repeated->repeated);
  const auto other = service().sign(nameless('b', "build-42"), hello("shared.releases"));
  BOOST_REQUIRE(other);
  BOOST_TEST(!other->repeated);
  BOOST_TEST(other->intent != first->intent);
  BOOST_TEST(verify().good);
}

BOOST_AUTO_TEST_CASE(a_key_of_a_request_under_way_is_busy_and_after_a_crash_unknown) {
  data_key("web-1.releases");
  const Caller caller = as("web-1", "slow");
  const auto intents = entries(EntryKind::intent).size();
  token().inject(TokenFault::hang);
  std::thread slow(
      [&] { [[maybe_unused]] const auto late = service().sign(caller, hello("web-1.releases")); });
  while (entries(EntryKind::intent).size() == intents) std::this_thread::yield();
  auto again = service().sign(as("web-1", "slow", "another body"), hello("web-1.releases"));
  BOOST_REQUIRE(!again);
  BOOST_CHECK(again.error().code == ErrorCode::unprocessable);
  again = service().sign(caller, hello("web-1.releases"));
  BOOST_REQUIRE(!again);
  BOOST_CHECK(again.error().code == ErrorCode::busy);
  token().take_down("ended by the test");
  slow.join();
  token().bring_up();
  again = service().sign(caller, hello("web-1.releases"));
  BOOST_REQUIRE(!again);
  BOOST_CHECK(again.error().code == ErrorCode::conflict);
}

BOOST_AUTO_TEST_CASE(enrolment_with_one_key_is_one_certificate_however_often_it_is_asked) {
  const auto ticket = service().add_machine(
      as("operator"),
      {MachineName::literal("iot-1"), ProfileName::literal("machine"), std::chrono::hours{1}});
  BOOST_REQUIRE(ticket);
  const Enroll request{sha256(bytes_of(ticket->token.reveal())), request_for()};
  const auto ask = [&](const std::string& key, const std::string& body) {
    Caller stranger{{new_request_id(), Machine{}}, key, sha256(bytes_of(body))};
    return service().sign(stranger, Enroll{request.token_sha256,
                                           {request.request.public_key.copy(),
                                            request.request.subject, request.request.names}});
  };
  std::vector<Result<Outcome>> results(12, Outcome{});
  std::vector<std::thread> threads;
  for (auto& result : results) threads.emplace_back([&] { result = ask("once", "body"); });
  for (auto& thread : threads) thread.join();
  std::set<std::string> serials;
  for (const auto& result : results) {
    if (result) {
      serials.insert(result->serial);
    } else {
      BOOST_TEST((result.error().code == ErrorCode::busy), result.error().message);
    }
  }
  BOOST_TEST(serials.size() == 1U);
  const auto repeated = ask("once", "body");
  BOOST_REQUIRE(repeated);
  BOOST_TEST(repeated->repeated);

  // For everybody else the token is used: no policy is asked, and nothing is recorded one by one.
  const auto size = instance().log().head().size;
  for (const char* key : {"", "other"}) {
    const auto refused = ask(key, "another body");
    BOOST_REQUIRE(!refused);
    BOOST_CHECK(refused.error().code == ErrorCode::unauthenticated);
  }
  const auto same_key = ask("once", "another body");
  BOOST_REQUIRE(!same_key);
  BOOST_CHECK(same_key.error().code == ErrorCode::unauthenticated);
  BOOST_TEST(instance().log().head().size == size);
  BOOST_TEST(verify().good);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
