#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "tests/flow/duty_policy.h"
#include "tests/flow/flow_fixture.h"

namespace chancery {
namespace {

struct QuotaFlow : FlowFixture {
  QuotaFlow() { data_key("web-1.releases"); }

  /// From now on `operation` has these quotas.
  void count(Operation operation, std::vector<QuotaUse> quotas) {
    auto duties = std::make_shared<const Duties>(Duties{std::move(quotas), std::nullopt});
    const auto policy = std::make_shared<const DutyPolicy>(
        [duties, operation](const Machine&, const PolicyQuestion& question) {
          return question.operation == operation ? duties : nullptr;
        });
    BOOST_REQUIRE(service().adopt(as("admin"), policy, DutyPolicy::kText));
  }
  std::uint64_t used(const QuotaUse& quota) {
    return store().quota_used(quota.quota, quota.machine, quota.window, now()).value();
  }
  Result<Outcome> sign(const std::string& idempotency_key = {}) {
    return service().sign(
        as("web-1", idempotency_key),
        SignData{KeyName::literal("web-1.releases"), SignatureAlgorithm::ecdsa_p256_sha256,
                 copy_of(bytes_of("hello")), false});
  }

  const QuotaUse three{"test/1", "web-1", 3, Seconds(0)};
};

/// "" where it went well.
template <class T>
std::string code_of(const Result<T>& result) {
  if (result) return "";
  if (result.error().code == ErrorCode::quota_exceeded) return "quota";
  return result.error().message;
}

BOOST_FIXTURE_TEST_SUITE(quota_flow, QuotaFlow)

BOOST_AUTO_TEST_CASE(signatures_are_counted_with_their_intents) {
  count(Operation::key_sign, {three});
  const std::size_t intents = entries(EntryKind::intent).size();
  const std::size_t denials = entries(EntryKind::denial).size();
  for (int i = 0; i < 3; ++i) BOOST_TEST(code_of(sign()) == "");
  BOOST_TEST(code_of(sign()) == "quota");
  BOOST_TEST(entries(EntryKind::intent).size() == intents + 3);
  const auto refused = entries(EntryKind::denial);
  BOOST_REQUIRE(refused.size() == denials + 1);
  const auto denial = nlohmann::json::parse(refused.back());
  BOOST_TEST(denial["quota"] == "test/1");
  BOOST_TEST(denial["limit"] == 3);
  BOOST_TEST(denial["grant"] == "test");
  BOOST_TEST(denial["operation"] == "key.sign");
  BOOST_TEST(denial["key"] == "web-1.releases");
  // Over a restart, too.
  reopen();
  count(Operation::key_sign, {three});
  BOOST_TEST(code_of(sign()) == "quota");
  BOOST_TEST(verify().good);
}

BOOST_AUTO_TEST_CASE(a_repeat_is_not_counted_again) {
  count(Operation::key_sign, {three});
  BOOST_TEST(code_of(sign("build-1")) == "");
  BOOST_TEST(code_of(sign("build-1")) == "");
  BOOST_TEST(used(three) == 1U);
}

BOOST_AUTO_TEST_CASE(what_fails_before_its_intent_is_not_counted_and_after_it_is) {
  count(Operation::key_sign, {three});
  token().take_down("by the test");
  BOOST_TEST(code_of(sign()) != "");
  BOOST_TEST(used(three) == 0U);
  token().bring_up();
  token().inject(TokenFault::refuse);
  BOOST_TEST(code_of(sign()) != "");
  BOOST_TEST(used(three) == 1U);
}

BOOST_AUTO_TEST_CASE(reads_are_counted) {
  const QuotaUse once{"test/1", "auditor", 1, Seconds(0)};
  count(Operation::key_read, {once});
  const PolicyQuestion reading{.operation = Operation::key_read};
  BOOST_TEST(code_of(service().authorize(as("auditor"), reading)) == "");
  BOOST_TEST(code_of(service().authorize(as("auditor"), reading)) == "quota");
  // Also those that are otherwise not recorded; a preview is not what is counted.
  BOOST_TEST(code_of(service().authorize_look(as("auditor"), reading)) == "quota");
  BOOST_TEST(code_of(service().authorize_preview(as("auditor"), reading)) == "");
}

BOOST_AUTO_TEST_CASE(a_revocation_that_was_made_before_is_not_counted) {
  const Outcome certificate = issue("web-1");
  const QuotaUse once{"test/1", "operator", 1, Seconds(0)};
  count(Operation::certificate_revoke, {once});
  const RevokeCertificate request{Serial::parse(certificate.serial).value(),
                                  RevocationReason::superseded};
  BOOST_TEST(code_of(service().revoke(as("operator"), request)) == "");
  const auto again = service().revoke(as("operator"), request);
  BOOST_REQUIRE(again);
  BOOST_TEST(again->already);
  BOOST_TEST(used(once) == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
