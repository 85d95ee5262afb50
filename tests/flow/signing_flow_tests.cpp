#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "core/durable_file.h"
#include "tests/flow/flow_fixture.h"

namespace chancery {
namespace {

SignData hello(const std::string& key) {
  return {KeyName::literal(key), SignatureAlgorithm::ecdsa_p256_sha256, copy_of(bytes_of("hello")),
          false};
}

std::string entry_at(FlowFixture& flow, std::uint64_t index) {
  auto text = flow.store().entry(index);
  BOOST_REQUIRE(text);
  return *text;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

BOOST_FIXTURE_TEST_SUITE(signing_flow, FlowFixture)

BOOST_AUTO_TEST_CASE(a_signature_leaves_after_its_intent_and_outcome) {
  const Key& key = data_key("web-1.releases");
  const Caller caller = as("web-1");
  const auto outcome = service().sign(caller, hello("web-1.releases"));
  BOOST_REQUIRE(outcome);
  BOOST_TEST(key.public_key.verify(SignatureAlgorithm::ecdsa_p256_sha256, sha256(bytes_of("hello")),
                                   outcome->signature));
  const std::string intent = entry_at(*this, outcome->intent);
  const std::string end = entry_at(*this, outcome->outcome);
  BOOST_TEST(outcome->intent < outcome->outcome);
  BOOST_TEST(has(intent, "\"kind\":\"intent\""));
  BOOST_TEST(has(intent, "\"grant\":\"own-keys\""));
  BOOST_TEST(has(intent, "\"digest\":\"" + to_hex(sha256(bytes_of("hello"))) + "\""));
  BOOST_TEST(has(intent, caller.context.id));
  BOOST_TEST(has(end, "\"kind\":\"outcome\""));
  BOOST_TEST(has(end, "\"intent\":" + std::to_string(outcome->intent)));
  BOOST_TEST(has(end, to_hex(sha256(outcome->signature))));
  BOOST_TEST(verify().good);
}

BOOST_AUTO_TEST_CASE(a_denial_is_recorded_and_asks_no_token) {
  data_key("web-1.releases");
  const auto before = token().status().signatures;
  const auto intents = entries(EntryKind::intent).size();
  const auto refused = service().sign(as("web-2"), hello("web-1.releases"));
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error().code == ErrorCode::forbidden);
  BOOST_TEST(has(refused.error().message, "web-1.releases"));
  BOOST_TEST(token().status().signatures == before);
  BOOST_TEST(entries(EntryKind::intent).size() == intents);
  const auto denials = entries(EntryKind::denial);
  BOOST_REQUIRE(!denials.empty());
  BOOST_TEST(has(denials.back(), "\"machine\":\"web-2\""));
  BOOST_TEST(has(denials.back(), "\"policy\":\"" + service().policy()->version() + "\""));
}

struct FaultCase {
  const char* name;
  TokenFault fault;
  bool signs;  ///< whether the token used the key before it failed
};
std::ostream& operator<<(std::ostream& out, const FaultCase& one) {
  return out << one.name;
}
const FaultCase kFaults[] = {
    {"refused", TokenFault::refuse, false},
    {"answer lost", TokenFault::lose_answer, true},
    {"wrong signature", TokenFault::wrong_signature, true},
    {"another key", TokenFault::swapped_key, true},
};

BOOST_DATA_TEST_CASE(a_failed_signature_is_not_released_and_concluded_unknown,
                     boost::unit_test::data::make(kFaults), fault) {
  data_key("web-1.releases");
  data_key("web-1.other");  // what a swapped handle reaches
  const auto before = token().status().signatures;
  token().inject(fault.fault);
  const auto failed = service().sign(as("web-1", "once"), hello("web-1.releases"));
  BOOST_REQUIRE(!failed);
  BOOST_CHECK(failed.error().code == ErrorCode::token_unavailable);
  BOOST_TEST(token().status().signatures - before == (fault.signs ? 1U : 0U));
  BOOST_TEST(has(entries(EntryKind::outcome).back(), "\"result\":\"unknown\""));
  // The token may have signed: the same request is never tried again under this key.
  const auto again = service().sign(as("web-1", "once"), hello("web-1.releases"));
  BOOST_REQUIRE(!again);
  BOOST_CHECK(again.error().code == ErrorCode::conflict);
  BOOST_TEST(service().sign(as("web-1", "twice"), hello("web-1.releases")).has_value());
  BOOST_TEST(verify().good);
}

BOOST_AUTO_TEST_CASE(a_repeated_request_gets_the_stored_answer) {
  data_key("web-1.releases");
  const auto first = service().sign(as("web-1", "key-1"), hello("web-1.releases"));
  BOOST_REQUIRE(first);
  const auto signatures = token().status().signatures;
  const auto again = service().sign(as("web-1", "key-1"), hello("web-1.releases"));
  BOOST_REQUIRE(again);
  BOOST_TEST(again->repeated);
  BOOST_TEST(again->signature == first->signature);
  BOOST_TEST(again->request_id == first->request_id);
  BOOST_TEST(again->outcome == first->outcome);
  BOOST_TEST(token().status().signatures == signatures);

  const auto other = service().sign(as("web-1", "key-1", "another body"), hello("web-1.releases"));
  BOOST_REQUIRE(!other);
  BOOST_CHECK(other.error().code == ErrorCode::unprocessable);
}

BOOST_AUTO_TEST_CASE(repeats_at_the_same_moment_make_one_signature) {
  data_key("web-1.releases");
  const auto before = token().status().signatures;
  std::vector<std::thread> threads;
  std::atomic<int> released{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      if (service().sign(as("web-1", "race"), hello("web-1.releases"))) ++released;
    });
  }
  for (auto& thread : threads) thread.join();
  BOOST_TEST(token().status().signatures == before + 1);
  BOOST_TEST(released.load() >= 1);
}

BOOST_AUTO_TEST_CASE(the_token_never_signs_more_than_was_intended) {
  data_key("web-1.releases");
  data_key("web-1.other");
  const auto count = [&] { return entries(EntryKind::intent).size(); };
  const auto signatures_before = token().status().signatures;
  const auto intents_before = count();
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 40; ++k) {
        if ((i + k) % 7 == 0) token().inject(TokenFault::lose_answer);
        if ((i + k) % 11 == 0) token().inject(TokenFault::refuse);
        if ((i + k) % 13 == 0) token().inject(TokenFault::swapped_key);
        [[maybe_unused]] const auto result = service().sign(as("web-1"), hello("web-1.releases"));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  BOOST_TEST(token().status().signatures - signatures_before <= count() - intents_before);
  BOOST_TEST(count() - intents_before == 240U);
  const VerifyReport report = verify();  // each intent has exactly one outcome
  BOOST_TEST(report.good, summary(report));
  BOOST_TEST(report.open_intents == 0U);
}

// The policy alone would allow it.
BOOST_AUTO_TEST_CASE(a_key_signs_only_what_it_is_for) {
  grant("every-key", "operations: [key.sign, key.sign-digest]\n    keys: [\"**\"]");
  const auto intents = entries(EntryKind::intent).size();
  for (const char* key : {"ca-issuing", "ca-root", "log-p256"}) {
    BOOST_TEST_CONTEXT(key) {
      SignData request = hello(key);
      const auto data = service().sign(as("web-1"), request);
      BOOST_REQUIRE(!data);
      BOOST_TEST(has(data.error().message, "signs nothing else"), data.error().message);
      request.is_digest = true;
      request.data = sha256(request.data);
      const auto digest = service().sign(as("web-1"), request);
      BOOST_REQUIRE(!digest);
      BOOST_CHECK(digest.error().code == ErrorCode::conflict);
    }
  }
  BOOST_TEST(entries(EntryKind::intent).size() == intents);
}

BOOST_AUTO_TEST_CASE(a_digest_needs_a_grant_by_name) {
  data_key("web-1.releases");
  SignData digest = hello("web-1.releases");
  digest.data = sha256(bytes_of("hello"));
  digest.is_digest = true;
  const auto refused = service().sign(as("web-1"), digest);
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error().code == ErrorCode::forbidden);
}

BOOST_AUTO_TEST_CASE(an_unknown_key_is_a_recorded_failure) {
  const auto refused = service().sign(as("web-1"), hello("web-1.nothing"));
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error().code == ErrorCode::not_found);
  BOOST_TEST(has(entries(EntryKind::failure).back(), "web-1.nothing"));
}

BOOST_AUTO_TEST_CASE(a_bad_policy_file_leaves_the_old_one_in_force) {
  const std::string version = service().policy()->version();
  BOOST_REQUIRE(replace_durable_file(home() / "policy.yaml", "version: 1\nnonsense: 3\n", 0600));
  const auto reloaded = instance().reload_policy(as("admin"));
  BOOST_REQUIRE(!reloaded);
  BOOST_TEST(has(reloaded.error().message, "policy.yaml:2:1"));
  BOOST_TEST(service().policy()->version() == version);
  BOOST_TEST(has(entries(EntryKind::policy).back(), "\"result\":\"rejected\""));
}

BOOST_AUTO_TEST_CASE(an_older_database_is_refused_at_start) {
  data_key("web-1.releases");
  close();
  std::filesystem::copy(home() / "chancery.db", home() / "older.db");
  reopen();
  BOOST_REQUIRE(service().sign(as("web-1"), hello("web-1.releases")));
  BOOST_TEST(verify().good);  // publishes a checkpoint over what the older copy lacks
  close();
  std::filesystem::remove(home() / "chancery.db-wal");
  std::filesystem::remove(home() / "chancery.db-shm");
  std::filesystem::rename(home() / "older.db", home() / "chancery.db");
  BOOST_TEST(!try_reopen().has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
