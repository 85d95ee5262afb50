#include <boost/test/unit_test.hpp>
#include <thread>

#include "tests/flow/duty_policy.h"
#include "tests/flow/incident_fixture.h"

// How far an incident reaches: as far as who opened it, and who agreed.

namespace chancery {
namespace {

struct ScopeFixture : IncidentFixture {
  /// bob may do everything with what belongs to eu-*, operator-2 with everything.
  ScopeFixture() {
    std::ofstream(home() / "config.yaml", std::ios::app)
        << "incidents:\n  second_person_above: 2\n";
    restart();
    allow_bob("[incident.open, incident.read, certificate.revoke, certificate.read]");
  }
  void allow_bob(const std::string& operations) {
    const std::string second =
        "\n  - name: second\n    machines: [\"operator-2\"]\n"
        "    operations: [incident.open, certificate.revoke]\n    when: {owner: any}";
    grant("bob", "operations: " + operations + "\n    when: {owner: [\"eu-*\"]}" + second,
          "[\"bob\"]");
  }
  void open(const std::string& who, const std::string& selector) {
    const auto opened = incidents->open(as(who), about(selector));
    BOOST_REQUIRE_MESSAGE(opened, opened.error().message);
  }
  ErrorCode refused(const Result<IncidentRecord>& result) {
    BOOST_REQUIRE(!result);
    return result.error().code;
  }
  const IncidentName name = IncidentName::literal("inc-1");
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(incident_scope_flow, ScopeFixture)

BOOST_AUTO_TEST_CASE(what_others_have_to_agree_to_one_by_one_no_incident_revokes) {
  issued("web-1", 1);
  std::set<Operation> asking = {Operation::certificate_revoke};
  const auto adopt = [&] {
    auto duties = std::make_shared<const Duties>(Duties{{}, ApprovalNeed{"approval:test", 1}});
    BOOST_REQUIRE(service().adopt(
        as("admin"),
        std::make_shared<const DutyPolicy>([=](const Machine&, const PolicyQuestion& question) {
          return asking.contains(question.operation) ? duties : nullptr;
        }),
        DutyPolicy::kText));
  };
  adopt();
  const auto refused = incidents->open(as("operator"), about(R"({"machine":"web-1"})"));
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().message.find("asks for approval of it") != std::string::npos);
  SelectedCertificate certificate;
  certificate.machine = MachineName::literal("web-1");
  BOOST_TEST(!incidents->permits(as("operator").context.machine, certificate));
  // Unless they have to agree to the incident.
  asking.insert(Operation::incident_open);
  adopt();
  BOOST_TEST(incidents->permits(as("operator").context.machine, certificate));
}

BOOST_AUTO_TEST_CASE(stopping_is_neither_counted_nor_approved) {
  issued("web-1", 1);
  open("operator", R"({"machine":"web-1"})");
  auto duties = std::make_shared<const Duties>(
      Duties{{{"test/1", "operator", 0, Seconds(0)}}, ApprovalNeed{"approval:test", 1}});
  BOOST_REQUIRE(service().adopt(
      as("admin"),
      std::make_shared<const DutyPolicy>([=](const Machine&, const PolicyQuestion& question) {
        return question.operation == Operation::incident_open ? duties : nullptr;
      }),
      DutyPolicy::kText));
  const auto cancelled = incidents->cancel(as("operator"), name);
  BOOST_REQUIRE_MESSAGE(cancelled, (cancelled ? "" : cancelled.error().message));
  BOOST_TEST(nlohmann::json::parse(entries(EntryKind::incident).back()).value("grant", "") ==
             "test");
}

BOOST_AUTO_TEST_CASE(the_opener_has_its_attributes_and_the_age_of_its_certificate) {
  issued("web-1", 1);
  const std::vector<MachineAttribute> attributes = {{"team", "security"}};
  BOOST_REQUIRE(service().add_machine(
      as("operator"), {MachineName::literal("responder"), ProfileName::literal("machine"),
                       std::chrono::hours(1), false, attributes}));
  grant("responder", "operations: [incident.open, certificate.revoke]\n    when: {owner: any}",
        "[\"responder\"]");
  Caller caller = as("responder");
  caller.context.machine.certificate_since = std::chrono::floor<Seconds>(now());
  BOOST_REQUIRE(incidents->open(caller, about(R"({"machine":"web-1"})")));
  const auto opener = incidents->opener(state());
  BOOST_REQUIRE(opener);
  BOOST_CHECK(opener->attributes == attributes);
  BOOST_CHECK(opener->certificate_since == caller.context.machine.certificate_since);
}

BOOST_AUTO_TEST_CASE(what_is_issued_later_is_revoked_as_far_as_the_opener_may) {
  const auto eu = issued("eu-1", 1);
  open("bob", R"({"machines":"*-1"})");
  const auto others = issued("web-1", 2);
  const auto later = issued("eu-1", 1);
  runner->work();
  BOOST_CHECK(state().state == IncidentState::finished);
  BOOST_TEST(count_revoked(eu) + count_revoked(later) == 2U);
  BOOST_TEST(count_revoked(others) == 0U);
  const std::string last = entries(EntryKind::incident).back();
  BOOST_TEST(nlohmann::json::parse(last).value("passed_over", 0) == 2);
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(the_policy_of_now_says_what_the_opener_may) {
  issued("eu-1", 1);
  open("bob", R"({"machines":"*-1"})");
  const auto later = issued("eu-1", 1);
  allow_bob("[incident.open, certificate.read]");
  runner->work();
  BOOST_CHECK(state().state == IncidentState::finished);
  BOOST_TEST(count_revoked(later) == 0U);
}

BOOST_AUTO_TEST_CASE(the_opener_is_asked_for_with_the_identities_it_had) {
  grant("mesh", "operations: [incident.open, certificate.revoke]\n    when: {owner: any}",
        "[\"spiffe://example.com/ops\"]");
  issued("web-1", 1);
  Caller caller = as("carol");
  caller.context.machine.spiffe_id = "spiffe://example.com/ops";
  const auto opened = incidents->open(caller, about(R"({"machine":"web-1"})"));
  BOOST_REQUIRE_MESSAGE(opened, opened.error().message);
  const auto later = issued("web-1", 1);
  runner->work();
  BOOST_TEST(count_revoked(later) == 1U);
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(one_that_grows_too_large_waits_for_a_second_person) {
  const auto first = issued("web-1", 1);
  open("operator", R"({"machine":"web-1"})");
  const auto later = issued("web-1", 3);
  runner->work();
  BOOST_CHECK(state().state == IncidentState::waiting);
  BOOST_TEST(count_revoked(first) == 1U);
  BOOST_TEST(count_revoked(later) == 0U);
  BOOST_TEST(text_of_entry(entries(EntryKind::incident).back(), "event") == "grown");

  // Who agrees says to how many, where there are more than at first.
  BOOST_CHECK(refused(incidents->approve(as("operator-2"), name)) == ErrorCode::conflict);
  const auto preview = incidents->preview_approval(as("operator-2"), name);
  BOOST_REQUIRE_MESSAGE(preview, preview.error().message);
  BOOST_TEST(preview->matched == 3U);
  BOOST_CHECK(refused(incidents->approve(as("operator-2"), name, 2)) == ErrorCode::conflict);
  BOOST_REQUIRE(incidents->approve(as("operator-2"), name, 3));
  runner->work();
  BOOST_CHECK(state().state == IncidentState::finished);
  BOOST_TEST(count_revoked(later) == 3U);
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(agreeing_is_to_what_fits_now) {
  issued("web-1", 3);
  open("operator", R"({"machine":"web-1"})");
  const auto later = issued("web-1", 1);
  BOOST_CHECK(refused(incidents->approve(as("operator-2"), name)) == ErrorCode::conflict);
  BOOST_REQUIRE(incidents->approve(as("operator-2"), name, 4));
  runner->work();
  BOOST_TEST(count_revoked(later) == 1U);
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(cancelling_is_for_the_opener_and_who_may_revoke_all_of_it) {
  issued("eu-1", 1);
  issued("web-1", 1);
  open("operator", R"({"machines":"*-1"})");
  BOOST_CHECK(refused(incidents->cancel(as("bob"), name)) == ErrorCode::forbidden);
  BOOST_CHECK(refused(incidents->cancel(as("admin"), name)) == ErrorCode::forbidden);
  BOOST_CHECK(state().state == IncidentState::revoking);
  const auto cancelled = incidents->cancel(as("operator-2"), name);
  BOOST_REQUIRE_MESSAGE(cancelled, cancelled.error().message);
  // The opener may, whatever has changed.
  OpenIncident own = about(R"({"machine":"eu-1"})");
  own.name = IncidentName::literal("inc-2");
  BOOST_REQUIRE(incidents->open(as("bob"), own));
  allow_bob("[incident.open, certificate.read]");
  BOOST_TEST(incidents->cancel(as("bob"), *own.name).has_value());
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(reading_one_is_for_the_opener_and_who_may_read_all_of_it) {
  issued("eu-1", 1);
  issued("web-1", 1);
  const IncidentRecord mixed = run(about(R"({"machines":"*-1"})"));
  for (const char* who : {"operator", "auditor", "admin"}) {
    BOOST_TEST(incidents->expect_readable(as(who), mixed).has_value(), who);
  }
  const auto before = entries(EntryKind::failure).size();
  const auto bob = incidents->expect_readable(as("bob"), mixed);
  BOOST_REQUIRE(!bob);
  BOOST_CHECK(bob.error().code == ErrorCode::forbidden);
  BOOST_TEST(entries(EntryKind::failure).size() == before + 1);
  BOOST_TEST(!incidents->reads_all(as("bob")));
  BOOST_TEST(incidents->reads_all(as("operator")));

  issued("eu-2", 1);
  OpenIncident request = about(R"({"machine":"eu-2"})");
  request.name = IncidentName::literal("inc-2");
  BOOST_TEST(incidents->expect_readable(as("bob"), run(request)).has_value());
}

BOOST_AUTO_TEST_CASE(one_at_a_time_looks_and_few_wait) {
  Turns turns(2, std::chrono::milliseconds(1), "later");
  {
    const auto turn = turns.take();
    BOOST_REQUIRE(turn);
    const auto second = turns.take();
    BOOST_CHECK(!second && second.error().code == ErrorCode::busy);
  }
  BOOST_TEST(turns.take().has_value());
  // Beyond those who may wait, nobody waits at all.
  Turns full(1, std::chrono::hours(1), "later");
  const auto turn = full.take();
  BOOST_TEST(!full.take().has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
