#include <boost/test/unit_test.hpp>

#include "tests/flow/flow_fixture.h"

namespace chancery {
namespace {

/// Two ways in which a token is not asked: it is known to be down, or no lane comes free.
struct Outage {
  const char* name;
  ErrorCode code;
  std::size_t intents;  ///< recorded nevertheless, concluded "failed"
};
const Outage kOutages[] = {{"down", ErrorCode::token_unavailable, 0}, {"busy", ErrorCode::busy, 1}};

BOOST_FIXTURE_TEST_SUITE(outage_flow, FlowFixture)

BOOST_AUTO_TEST_CASE(what_the_token_was_not_asked_uses_nothing_up) {
  const auto ticket = service().add_machine(
      as("operator"),
      {MachineName::literal("iot-1"), ProfileName::literal("machine"), std::chrono::hours{1}});
  BOOST_REQUIRE(ticket);
  const Bytes hash = sha256(bytes_of(ticket->token.reveal()));
  const Caller stranger{{new_request_id(), Machine{}}, "once", Bytes(32, 1)};
  for (const Outage& outage : kOutages) {
    BOOST_TEST_CONTEXT(outage.name) {
      const auto intents = entries(EntryKind::intent).size();
      const bool down = outage.code == ErrorCode::token_unavailable;
      if (down) token().take_down("pulled out");
      if (!down) token().inject(TokenFault::turn_away);
      const auto refused = service().sign(stranger, Enroll{hash, request_for()});
      token().bring_up();
      BOOST_REQUIRE(!refused);
      BOOST_CHECK(refused.error().code == outage.code);
      BOOST_TEST(entries(EntryKind::intent).size() == intents + outage.intents);
      const EntryKind kind = down ? EntryKind::failure : EntryKind::outcome;
      BOOST_TEST(entries(kind).back().find("iot-1") != std::string::npos);
    }
  }
  const auto rows = store().certificates(MachineName::literal("iot-1"), {});
  BOOST_REQUIRE(rows);
  BOOST_TEST(rows->empty());  // no serial was burnt
  // The same one-time token, under the same idempotency key.
  const auto good = service().sign(stranger, Enroll{hash, request_for()});
  BOOST_REQUIRE_MESSAGE(good, good.error().message);
  BOOST_TEST(verify().good);
}

BOOST_AUTO_TEST_CASE(no_key_is_made_while_the_token_is_down) {
  token().take_down("pulled out");
  const auto intents = entries(EntryKind::intent).size();
  const auto refused = service().create_key(
      as("admin"), {KeyName::literal("web-1.x"), KeyType::ec_p256, KeyPurpose::data, {}});
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error().code == ErrorCode::token_unavailable);
  BOOST_TEST(entries(EntryKind::intent).size() == intents);
  token().bring_up();
  BOOST_TEST(service()
                 .create_key(as("admin"),
                             {KeyName::literal("web-1.x"), KeyType::ec_p256, KeyPurpose::data, {}})
                 .has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
