#include <boost/test/unit_test.hpp>
#include <thread>

#include "tests/flow/incident_fixture.h"

// What must not happen while an incident is carried out: that it ends too early, or another waits
// for it.

namespace chancery {
namespace {

constexpr auto kBound = std::chrono::seconds(60);  // for what takes milliseconds

struct CourseFixture : IncidentFixture {
  OpenIncident replacing(const std::string& selector, const char* name = "inc-1") {
    OpenIncident request = about(selector);
    request.name = IncidentName::parse(name).value();
    request.deadline = std::chrono::floor<Seconds>(now()) + std::chrono::hours{24};
    return request;
  }
  void renew(const Serial& serial) {
    const auto renewed =
        service().sign(as("web-1"), RenewCertificate{serial, request_for(), std::nullopt});
    BOOST_REQUIRE_MESSAGE(renewed, renewed.error().message);
  }
  IncidentState state_of(const char* name) {
    return state(IncidentName::parse(name).value()).state;
  }
  Result<Outcome> ask(const Caller& caller) {
    return service().sign(
        caller, IssueCertificate{CaName::literal("issuing"), ProfileName::literal("machine"),
                                 request_for({.dns = {"web-1"}, .ip = {}, .uri = {}, .email = {}}),
                                 std::nullopt});
  }
  /// Opens five incidents about two certificates each, at one a second, and one about more than a
  /// batch; carries all out, and tells whether the latter was done before each second certificate.
  bool urgent_one_is_done_first(const std::string& mark) {
    told.clear();
    std::vector<Serial> second;
    const auto open = [&](const std::string& name, std::uint64_t per_second) {
      OpenIncident request = about(R"({"machine":")" + name + R"("})");
      request.name = IncidentName::parse(name).value();
      request.per_second = per_second;
      BOOST_REQUIRE(incidents->open(as("operator"), request));
    };
    for (const std::string slow : {"a1-", "a2-", "a3-", "a4-", "a5-"}) {
      second.push_back(issued(slow + mark, 2).at(1));
      open(slow + mark, 1);
    }
    const auto many = issued("urgent-" + mark, static_cast<int>(limits::incident_batch) + 8);
    open("urgent-" + mark, limits::incident_rate_at_most);
    runner->work();
    BOOST_TEST(count_revoked(many) + count_revoked(second) == many.size() + second.size());
    const auto position = [&](const Serial& serial) { return std::ranges::find(told, serial); };
    const auto last = std::ranges::max(many, {}, position);
    return std::ranges::all_of(
        second, [&](const Serial& serial) { return position(last) < position(serial); });
  }
  /// Of web-1, that the token may have signed and nobody got.
  Serial never_released() {
    token().inject(TokenFault::lose_answer);
    BOOST_TEST(!ask(as("web-1")).has_value());
    const std::uint64_t last = store().certificate_count().value();
    const auto row = store().certificates_by_number(last, 1).value().at(0).row;
    BOOST_CHECK(row.state == CertificateState::unknown);
    return row.serial;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(incident_course_flow, CourseFixture)

BOOST_AUTO_TEST_CASE(a_deadline_holds_while_machines_are_still_asked) {
  const auto serials = issued("web-1", 12);
  OpenIncident request = about(R"({"machine":"web-1"})");
  request.per_second = 2;  // twelve are asked in five seconds, and there are three at most
  request.deadline = std::chrono::floor<Seconds>(now()) + Seconds(3);
  BOOST_REQUIRE(incidents->open(as("operator"), request));
  runner->work();
  BOOST_CHECK(store().incident(*request.name).value()->state == IncidentState::finished);
  BOOST_TEST(store().count_asked_for(*request.name)->all < serials.size());
  BOOST_TEST(told.size() == serials.size());
  BOOST_TEST(verify().good, summary(verify()));
}

BOOST_AUTO_TEST_CASE(what_no_machine_renews_waits_for_the_deadline) {
  const Serial lost = never_released();
  const IncidentRecord begun = run(replacing(R"({"machine":"web-1"})"));
  BOOST_CHECK(begun.state == IncidentState::replacing);
  BOOST_TEST(!revoked(lost));
  const auto left = incidents->left(begun);
  BOOST_REQUIRE(left && left->first.size() == 1U);
  BOOST_CHECK(left->first[0].serial == lost);
  BOOST_TEST(left->first[0].why.find("never released") != std::string::npos);
  // Somebody decides about it: then nothing is left to wait for.
  BOOST_REQUIRE(service().revoke(as("operator"), {lost, RevocationReason::superseded}));
  runner->work();
  BOOST_CHECK(state().state == IncidentState::finished);
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(one_that_another_takes_everything_from_waits_all_the_same) {
  const auto web = issued("web-1", 2);
  for (const char* name : {"inc-2", "inc-1"}) {
    const auto opened = incidents->open(as("operator"), replacing(R"({"machine":"web-1"})", name));
    BOOST_REQUIRE_MESSAGE(opened, opened.error().message);
  }
  runner->work();
  BOOST_CHECK(state_of("inc-1") == IncidentState::replacing);
  BOOST_CHECK(state_of("inc-2") == IncidentState::replacing);
  BOOST_TEST(count_revoked(web) == 0U);
  renew(web[0]);
  runner->work();
  BOOST_TEST(count_revoked(web) == 0U);
  renew(web[1]);
  runner->work();
  BOOST_CHECK(state_of("inc-1") == IncidentState::finished);
  BOOST_CHECK(state_of("inc-2") == IncidentState::finished);
  BOOST_TEST(count_revoked(web) == 2U);
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(one_that_somebody_asks_for_himself_is_waited_for) {
  const auto web = issued("web-1", 2);
  const OpenIncident request = replacing(R"({"machine":"web-1"})");
  BOOST_REQUIRE(incidents->open(as("operator"), request));
  BOOST_REQUIRE(service().replace(as("operator"),
                                  {web[0], RevocationReason::superseded, *request.deadline, ""}));
  runner->work();
  BOOST_REQUIRE(service().replace(as("operator"),
                                  {web[0], RevocationReason::superseded, *request.deadline, ""}));
  renew(web[1]);
  runner->work();
  BOOST_CHECK(state().state == IncidentState::replacing);
  BOOST_TEST(count_revoked(web) == 0U);
  const auto left = incidents->left(state()).value();
  BOOST_REQUIRE(left.first.size() == 1U);
  BOOST_CHECK(left.first[0].serial == web[0]);
  BOOST_TEST(left.first[0].why.find("somebody") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_signature_under_way_is_waited_for_and_its_certificate_revoked) {
  const auto web = issued("web-1", 1);
  token().inject(TokenFault::hang);
  const std::uint64_t before = instance().log().head().size;
  std::thread thief([this] { (void)ask(as("web-1")); });
  const auto bound = std::chrono::steady_clock::now() + kBound;
  while (instance().log().head().size == before && std::chrono::steady_clock::now() < bound) {
    std::this_thread::yield();
  }
  const std::uint64_t intents = entries(EntryKind::intent).size();
  const std::uint64_t outcomes = entries(EntryKind::outcome).size();
  BOOST_TEST(intents == outcomes + 1);
  const auto opened = incidents->open(as("operator"), about(R"({"machine":"web-1"})"));
  runner->work();
  const IncidentState while_under_way = state().state;
  token().take_down("ends the hang");
  thief.join();
  token().bring_up();
  BOOST_REQUIRE_MESSAGE(opened, opened.error().message);
  BOOST_CHECK(while_under_way == IncidentState::revoking);
  BOOST_TEST(count_revoked(web) == 1U);

  runner->work();
  BOOST_CHECK(state().state == IncidentState::finished);
  BOOST_TEST(store().count_revocations_of(*about("{\"machine\":\"web-1\"}").name).value() == 2U);
  BOOST_TEST(told.size() == 2U);
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(a_caller_revoked_meanwhile_gets_no_certificate) {
  const auto web = issued("web-1", 1);
  // Authenticated before, as by a connection that is open.
  Caller caller = as("web-1", "key-1");
  caller.context.machine.serial = web[0];
  BOOST_REQUIRE(service().revoke(as("operator"), {web[0], RevocationReason::superseded}));
  const std::uint64_t signatures = token().status().signatures;
  const auto issued = ask(caller);
  BOOST_REQUIRE(!issued);
  BOOST_CHECK(issued.error().code == ErrorCode::unauthenticated);
  BOOST_TEST(token().status().signatures == signatures);
  const std::string last = entries(EntryKind::outcome).back();
  BOOST_TEST(text_of_entry(last, "result") == "failed");
  BOOST_TEST(text_of_entry(last, "reason").find("revoked") != std::string::npos);
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(an_urgent_one_does_not_wait_for_the_pace_of_others) {
  // Only where a batch that takes milliseconds takes a second are the slow ones due before the
  // urgent one is again: not each time.
  bool first = false;
  for (int attempt = 0; attempt < 5 && !first; ++attempt) {
    first = urgent_one_is_done_first(std::to_string(attempt));
  }
  BOOST_TEST(first);
}

BOOST_AUTO_TEST_CASE(one_behind_a_thousand_others_is_carried_out) {
  std::ofstream(home() / "config.yaml", std::ios::app) << "incidents:\n  second_person_above: 1\n";
  restart();
  issued("web-1", 2);
  const auto other = issued("db-1", 1);
  for (std::size_t i = 0; i <= limits::page_rows; ++i) {
    OpenIncident request = about(R"({"machine":"web-1"})");
    request.name = IncidentName::parse("inc-a" + std::to_string(i)).value();
    BOOST_REQUIRE(incidents->open(as("operator"), request));
  }
  OpenIncident last = about(R"({"machine":"db-1"})");
  last.name = IncidentName::literal("inc-z");
  BOOST_CHECK(run(last).state == IncidentState::finished);
  BOOST_TEST(count_revoked(other) == 1U);
  BOOST_TEST(runner->open() == limits::page_rows + 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
