// From a revocation to the lists that carry it: when, and what is overdue.
#include <boost/test/unit_test.hpp>
#include <fstream>

#include "core/incidents.h"
#include "core/revocation_clock.h"
#include "tests/flow/flow_fixture.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;
using enum RevocationReason;

constexpr unsigned kShards = 2;

struct ClockFixture : FlowFixture {
  ClockFixture() {
    std::ofstream(home() / "config.yaml", std::ios::app)
        << "\nincidents:\n  second_person_above: 0\n  alarm_after: 1s\n";
    reopen();
    BOOST_REQUIRE(service().grow_crl_shards(as("admin"), {issuing, kShards}).has_value());
    start();
    publish();
  }

  void start() {
    crls = std::make_unique<CrlPublisher>(service(), store(), instance().config());
    clock = std::make_unique<RevocationClock>(
        instance(), *crls, [this](const std::string& line) { told.push_back(line); });
  }

  void restart() {
    clock.reset();
    crls.reset();
    reopen();
    start();
  }

  void publish() {
    do {
      BOOST_REQUIRE(crls->publish_due().has_value());
    } while (crls->behind() > 0);
  }

  Revocation revoke() {
    const Serial serial = *Serial::parse(issue("web-1").serial);
    const auto revoked = service().revoke(as("operator"), {serial, superseded});
    BOOST_REQUIRE_MESSAGE(revoked, (revoked ? "" : revoked.error().message));
    crls->revoked(revoked->revocation);
    return *store().revocation(serial).value();
  }

  CrlPublisher::Publication publication(const Revocation& revocation) {
    const auto found = publication_of(store(), *crls, revocation);
    BOOST_REQUIRE_MESSAGE(found, (found ? "" : found.error().message));
    return *found;
  }

  /// Looks until it is so, for a minute at most.
  bool becomes_overdue() {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    do {
      clock->look();
    } while (!clock->overdue() && std::chrono::steady_clock::now() < deadline);
    return clock->overdue();
  }

  const CaName issuing = CaName::literal("issuing");
  std::unique_ptr<CrlPublisher> crls;
  std::unique_ptr<RevocationClock> clock;
  std::vector<std::string> told;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(revocation_clock_flow, ClockFixture)

BOOST_AUTO_TEST_CASE(a_revocation_is_published_once_both_lists_carry_it) {
  BOOST_TEST(!crls->first_unpublished().value().has_value());
  const Revocation first = revoke(), second = revoke();
  BOOST_TEST(!publication(first).is);
  BOOST_TEST(crls->first_unpublished().value()->entry == first.entry);
  clock->look();
  BOOST_TEST(clock->oldest_unpublished_seconds() > 0);
  const std::uint64_t before = crls->waited().count;
  publish();
  for (const Revocation& one : {first, second}) {
    const auto published = publication(one);
    BOOST_TEST(published.is);
    BOOST_REQUIRE(published.at.has_value());
    BOOST_TEST((*published.at > one.revoked_at && *published.at <= now()));
  }
  BOOST_TEST(!crls->first_unpublished().value().has_value());
  clock->look();
  BOOST_TEST(clock->oldest_unpublished_seconds() == 0);
  BOOST_TEST(crls->waited().count == before + 2);
  BOOST_TEST(crls->waited().longest_seconds > 0);
  BOOST_TEST(crls->waited().seconds >= crls->waited().longest_seconds);
}

BOOST_AUTO_TEST_CASE(after_a_restart_the_log_knows_when) {
  const Revocation revocation = revoke();
  publish();
  const Time at = *publication(revocation).at;
  restart();
  const auto published = publication(revocation);
  BOOST_TEST(published.is);
  BOOST_REQUIRE(published.at.has_value());
  // The outcome's time, which is a moment before the list was served.
  BOOST_TEST((*published.at > revocation.revoked_at && *published.at <= at));
  publish();  // every list anew
  BOOST_TEST((publication(revocation).at == published.at));
}

BOOST_AUTO_TEST_CASE(what_a_stop_left_unpublished_waits_from_its_revocation_on) {
  const Revocation revocation = revoke();
  restart();
  BOOST_TEST(!publication(revocation).is);
  BOOST_TEST(crls->first_unpublished().value()->entry == revocation.entry);
  publish();
  BOOST_TEST(publication(revocation).at.has_value());
  BOOST_TEST(crls->waited().count == 1U);
}

BOOST_AUTO_TEST_CASE(a_lost_file_does_not_make_old_revocations_new) {
  const Revocation revocation = revoke();
  publish();
  const Time at = *publication(revocation).at;
  std::filesystem::remove_all(home() / "crl");
  restart();
  BOOST_TEST(!publication(revocation).is);  // nobody gets a list now
  publish();
  BOOST_REQUIRE(publication(revocation).at.has_value());
  BOOST_TEST((*publication(revocation).at <= at));
}

BOOST_AUTO_TEST_CASE(what_is_not_remembered_any_more_is_in_the_log) {
  const Revocation revocation = revoke();
  publish();
  const Time at = *publication(revocation).at;
  for (std::size_t i = 0; i < limits::publications_kept + 2; ++i) {
    revoke();
    publish();
  }
  BOOST_TEST(!crls->publication(issuing, CrlScope::all(), revocation.entry).at.has_value());
  BOOST_REQUIRE(publication(revocation).at.has_value());
  BOOST_TEST((*publication(revocation).at <= at));
}

BOOST_AUTO_TEST_CASE(a_revocation_that_is_not_published_becomes_overdue) {
  clock->look();
  BOOST_TEST(!clock->overdue());
  const Revocation revocation = revoke();
  BOOST_TEST(becomes_overdue());
  clock->look();
  const auto raised = entries(EntryKind::alarm);
  BOOST_REQUIRE(raised.size() == 1U);
  BOOST_TEST(raised[0].find("\"alarm\":\"overdue\",\"event\":\"raised\"") != std::string::npos);
  BOOST_TEST(raised[0].find(revocation.serial.hex()) != std::string::npos);
  BOOST_TEST(told.size() == 1U);
  publish();
  clock->look();
  BOOST_TEST(!clock->overdue());
  BOOST_TEST(entries(EntryKind::alarm).size() == 2U);
  BOOST_TEST(verify().good, summary(verify()));
}

BOOST_AUTO_TEST_CASE(an_incident_that_waits_for_somebody_becomes_overdue) {
  issue("web-1");
  Incidents incidents(service(), store(), instance().log(), instance().config(), {});
  OpenIncident request;
  request.selector.machine = MachineName::literal("web-1");
  request.reason = superseded;
  const auto incident = incidents.open(as("operator"), request);
  BOOST_REQUIRE_MESSAGE(incident, (incident ? "" : incident.error().message));
  BOOST_CHECK(incident->state == IncidentState::waiting);
  BOOST_TEST(becomes_overdue());
  BOOST_TEST(clock->oldest_incident_seconds() > 1);
  BOOST_TEST(told.back().find(incident->name.text() + ", opened at ") != std::string::npos);
  BOOST_TEST(told.back().ends_with("it is waiting"));
  BOOST_REQUIRE(incidents.cancel(as("operator"), incident->name).has_value());
  clock->look();
  BOOST_TEST(!clock->overdue());
  BOOST_TEST(clock->oldest_incident_seconds() == 0);
}

BOOST_AUTO_TEST_CASE(the_clock_begins_when_the_reason_was_reported) {
  issue("web-1");
  const Time reported = std::chrono::floor<Seconds>(now()) - 1h;
  Incidents incidents(service(), store(), instance().log(), instance().config(), {});
  OpenIncident request;
  request.selector.machine = MachineName::literal("web-1");
  request.reason = superseded;
  request.reported_at = now() + 1h;
  const auto refused = incidents.open(as("operator"), request);
  BOOST_REQUIRE(!refused.has_value());
  BOOST_TEST(refused.error().field == "reported_at");
  request.reported_at = reported;
  const auto incident = incidents.open(as("operator"), request);
  BOOST_REQUIRE_MESSAGE(incident, (incident ? "" : incident.error().message));
  BOOST_TEST((reported_in(store(), incident->entry).value() == reported));
  clock->look();
  BOOST_TEST(clock->overdue());
  BOOST_TEST(clock->oldest_incident_seconds() >= 3600);

  const Serial serial = *Serial::parse(issue("db-1").serial);
  const auto later = service().revoke(as("operator"), {serial, superseded, {}, now() + 1h});
  BOOST_REQUIRE(!later.has_value());
  BOOST_TEST(later.error().field == "reported_at");
  BOOST_REQUIRE(service().revoke(as("operator"), {serial, superseded, {}, reported}).has_value());
  const auto row = store().revocation(serial).value();
  BOOST_TEST((reported_in(store(), row->entry).value() == reported));
  BOOST_TEST(verify().good, summary(verify()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
