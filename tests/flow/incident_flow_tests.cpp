#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>

#include "tests/flow/incident_fixture.h"

namespace chancery {

BOOST_FIXTURE_TEST_SUITE(incident_flow, IncidentFixture)

BOOST_AUTO_TEST_CASE(a_preview_tells_whose_they_are_and_changes_nothing) {
  const auto web = issued("web-1", 3);
  const auto database = issued("db-1", 2);
  BOOST_REQUIRE(service().revoke(as("operator"), {web[0], RevocationReason::superseded}));
  const auto preview = incidents->preview(
      as("operator"), CertificateSelector::parse(R"({"machines":"*-1"})").value());
  BOOST_REQUIRE_MESSAGE(preview, preview.error().message);
  BOOST_TEST(preview->matched == 4U);
  BOOST_TEST(preview->already == 1U);
  BOOST_TEST(preview->refused == 0U);
  BOOST_TEST(preview->machines.at("web-1") == 2U);
  BOOST_TEST(preview->machines.at("db-1") == 2U);
  BOOST_TEST(preview->issuers.at("issuing") == 4U);
  BOOST_TEST(preview->first.size() == 4U);
  BOOST_TEST(preview->ending[0] + preview->ending[1] + preview->ending[2] + preview->ending[3] ==
             4U);
  // Who may not revoke them is told how many there are, not whose.
  const auto blind =
      incidents->preview(as("admin"), CertificateSelector::parse(R"({"machines":"*-1"})").value());
  BOOST_REQUIRE_MESSAGE(blind, blind.error().message);
  BOOST_TEST(blind->matched == 4U);
  BOOST_TEST(blind->refused == 4U);
  BOOST_TEST((blind->machines.empty() && blind->first.empty()));
  BOOST_TEST(count_revoked(web) + count_revoked(database) == 1U);
  BOOST_TEST(store().incidents(false, Page{}).value().empty());
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(everything_of_a_machine_is_revoked_and_reported) {
  const auto web = issued("web-1", 5);
  const auto other = issued("web-2", 1);
  const IncidentRecord done = run(about(R"({"machine":"web-1"})"));
  BOOST_CHECK(done.state == IncidentState::finished);
  BOOST_TEST(count_revoked(web) == 5U);
  BOOST_TEST(count_revoked(other) == 0U);
  BOOST_TEST(told.size() == 5U);
  BOOST_CHECK(store().revocation(web[0]).value()->by == MachineName::literal("operator"));
  BOOST_TEST(store().revocation(web[0]).value()->incident == "inc-1");

  const std::string text = report(done);
  BOOST_TEST(std::ranges::count(text, '\n') == 7);
  for (const Serial& serial : web) BOOST_TEST(text.find(serial.hex()) != text.npos);
  const std::string last = entries(EntryKind::incident).back();
  BOOST_TEST(text_of_entry(last, "event") == "finished");
  BOOST_TEST(text_of_entry(last, "report_sha256") == to_hex(sha256(bytes_of(text))));
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(what_is_issued_meanwhile_does_not_escape) {
  const auto web = issued("web-1", 2);
  BOOST_REQUIRE(incidents->open(as("operator"), about(R"({"machine":"web-1"})")));
  const auto late = issued("web-1", 1);
  runner->work();
  BOOST_TEST(count_revoked(web) == 2U);
  BOOST_TEST(count_revoked(late) == 1U);
  BOOST_CHECK(state().state == IncidentState::finished);
  const auto later = issued("web-1", 1);
  runner->work();
  BOOST_TEST(count_revoked(later) == 0U);
  expect_good_log();
}

struct SelectorRow {
  const char* name;
  const char* selector;
  std::size_t expected;  ///< of web-1's two, db-1's one and the foreign one of another grant
};
std::ostream& operator<<(std::ostream& out, const SelectorRow& row) {
  return out << row.name;
}
const SelectorRow kSelectors[] = {
    {"machine", R"({"machine":"web-1"})", 2},
    {"machines", R"({"machines":"web-*"})", 2},
    {"grant", R"({"grant":"every-machine"})", 3},
    {"profile", R"({"profile":"machine"})", 3},
    {"issuer", R"({"issuer":"issuing","machines":"*-1"})", 3},
    {"all of them", R"({"issuer":"issuing","profile":"machine","machines":"db-*"})", 1},
};

BOOST_DATA_TEST_CASE(certificates_are_selected, kSelectors, row) {
  std::string selector = row.selector;
  issued("web-1", 2);
  issued("db-1", 1);
  // The grant's name is the policy's affair.
  const auto of_one = store().certificates(MachineName::literal("db-1"), Page{}).value();
  const std::string name = "every-machine";
  if (const auto at = selector.find(name); at != selector.npos) {
    selector.replace(at, name.size(), of_one.at(0).grant);
  }
  const IncidentRecord done = run(about(selector));
  BOOST_TEST(done.matched == row.expected);
  BOOST_TEST(store().count_revocations_of(done.name).value() == row.expected);
}

BOOST_AUTO_TEST_CASE(certificates_are_selected_by_policy_version) {
  issued("web-1", 2);
  const std::string before = service().policy()->version();
  grant("more", "operations: [key.read]\n    keys: [shared.releases]");
  const auto after = issued("web-1", 1);
  BOOST_TEST(service().policy()->version() != before);
  const IncidentRecord done = run(about(R"({"machine":"web-1","policy":")" + before + R"("})"));
  BOOST_TEST(done.matched == 2U);
  BOOST_TEST(count_revoked(after) == 0U);
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(certificates_are_selected_by_time_of_issue) {
  const auto first = issued("web-1", 2);
  // Times are to the second, and these are a second apart.
  const auto begin = std::chrono::floor<Seconds>(now()) + Seconds(1);
  while (now() < begin) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const auto second = issued("web-1", 2);
  const std::string at = to_rfc3339_seconds(begin);
  const auto before = incidents->preview(
      as("operator"),
      CertificateSelector::parse(R"({"machine":"web-1","issued_before":")" + at + R"("})").value());
  const auto from = incidents->preview(
      as("operator"), CertificateSelector::parse(R"({"issued_from":")" + at + R"("})").value());
  BOOST_CHECK(before->first == first);
  BOOST_CHECK(from->first == second);
}

BOOST_AUTO_TEST_CASE(a_key_is_never_certified_again) {
  const CertificateRequest request =
      request_for({.dns = {"web-1"}, .ip = {}, .uri = {}, .email = {}});
  const auto ask = [&] {
    return service().sign(
        as("web-1"), IssueCertificate{CaName::literal("issuing"),
                                      ProfileName::literal("machine"),
                                      {request.public_key.copy(), request.subject, request.names},
                                      std::nullopt});
  };
  const auto one = ask(), two = ask();
  BOOST_REQUIRE_MESSAGE(one && two, (one ? two : one).error().message);
  const auto other = issued("web-1", 1);
  const IncidentRecord done =
      run(about(R"({"key_sha256":")" + to_hex(request.public_key.spki_sha256()) + R"("})"));
  BOOST_TEST(done.matched == 2U);
  BOOST_TEST(count_revoked(other) == 0U);
  const auto again = ask();
  BOOST_REQUIRE(!again);
  BOOST_TEST(again.error().message.find("compromised") != std::string::npos);
  restart();
  BOOST_TEST(!ask().has_value());
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(a_compromised_key_is_blocked_by_its_revocation_alone) {
  const auto web = issued("web-1", 1);
  const Bytes key = store().certificate(web[0]).value()->spki_sha256;
  BOOST_TEST(!store().blocked_key(key).value().has_value());
  BOOST_REQUIRE(service().revoke(as("operator"), {web[0], RevocationReason::key_compromise}));
  BOOST_TEST(store().blocked_key(key).value().has_value());
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(one_that_was_cut_short_goes_on_after_a_restart) {
  const auto web = issued("web-1", 20);
  OpenIncident slowly = about(R"({"machine":"web-1"})");
  slowly.per_second = 5;
  BOOST_REQUIRE(incidents->open(as("operator"), slowly));
  stop_at = 1;
  runner->work();
  BOOST_TEST(count_revoked(web) == 5U);
  BOOST_CHECK(state().state == IncidentState::revoking);

  restart();
  runner->work();
  BOOST_CHECK(state().state == IncidentState::finished);
  BOOST_TEST(count_revoked(web) == 20U);
  BOOST_TEST(entries(EntryKind::revocation).size() == 20U);  // each once
  BOOST_TEST(told.size() == 20U);
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(machines_have_time_to_renew) {
  const auto web = issued("web-1", 2);
  OpenIncident request = about(R"({"machine":"web-1"})");
  request.deadline = std::chrono::floor<Seconds>(now()) + std::chrono::hours{24};
  request.explanation_url = "https://wiki.example/inc-1";
  BOOST_CHECK(run(request).state == IncidentState::replacing);
  BOOST_TEST(count_revoked(web) == 0U);
  BOOST_TEST(store().renewal_request(web[0]).value()->explanation_url == request.explanation_url);
  BOOST_TEST(store().count_asked_for(*request.name).value().pending == 2U);

  const auto renew = [&](const Serial& serial) {
    const auto renewed =
        service().sign(as("web-1"), RenewCertificate{serial, request_for(), std::nullopt});
    BOOST_REQUIRE_MESSAGE(renewed, renewed.error().message);
    return Serial::parse(renewed->serial).value();
  };
  std::vector<Serial> renewals = {renew(web[0])};
  runner->work();
  BOOST_CHECK(state().state == IncidentState::replacing);
  BOOST_TEST(store().count_asked_for(*request.name).value().pending == 1U);
  restart();
  renewals.push_back(renew(web[1]));
  runner->work();
  BOOST_CHECK(state().state == IncidentState::finished);
  BOOST_TEST(count_revoked(web) == 2U);
  BOOST_TEST(count_revoked(renewals) == 0U);
  const std::string text = report(state());
  for (const Serial& serial : renewals) BOOST_TEST(text.find(serial.hex()) != text.npos);
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(what_somebody_else_asked_for_too_does_not_count_as_renewed) {
  const auto web = issued("web-1", 1);
  OpenIncident request = about(R"({"machine":"web-1"})");
  request.deadline = std::chrono::floor<Seconds>(now()) + std::chrono::hours{24};
  run(request);
  const auto taken = service().replace(
      as("operator"), {web[0], RevocationReason::superseded, *request.deadline, ""});
  BOOST_REQUIRE_MESSAGE(taken, taken.error().message);
  BOOST_TEST(!store().is_replacement_pending(*request.name).value());
  runner->work();
  BOOST_CHECK(state().state == IncidentState::replacing);
  BOOST_TEST(count_revoked(web) == 0U);
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(the_deadline_ends_the_time_to_renew) {
  const auto web = issued("web-1", 2);
  OpenIncident request = about(R"({"machine":"web-1"})");
  request.deadline = std::chrono::floor<Seconds>(now()) + Seconds(5);
  run(request);
  while (now() < *request.deadline) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  runner->work();
  BOOST_CHECK(state().state == IncidentState::finished);
  BOOST_TEST(count_revoked(web) == 2U);
  BOOST_TEST(entries(EntryKind::incident).back().find("\"left\":2") != std::string::npos);
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(one_that_is_cancelled_goes_no_further) {
  const auto web = issued("web-1", 2);
  OpenIncident request = about(R"({"machine":"web-1"})");
  request.deadline = std::chrono::floor<Seconds>(now()) + std::chrono::hours{24};
  run(request);
  BOOST_REQUIRE(incidents->cancel(as("operator"), *request.name));
  runner->work();
  BOOST_CHECK(state().state == IncidentState::cancelled);
  BOOST_TEST(count_revoked(web) == 0U);
  const auto again = incidents->cancel(as("operator"), *request.name);
  BOOST_CHECK(!again && again.error().code == ErrorCode::conflict);
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(a_second_person_is_asked_where_the_configuration_says_so) {
  const std::filesystem::path file = home() / "config.yaml";
  std::ofstream(file, std::ios::app) << "incidents:\n  second_person_above: 1\n";
  restart();
  const auto web = issued("web-1", 2);
  const auto alone = issued("db-1", 1);
  OpenIncident one = about(R"({"machine":"db-1"})");
  one.name = IncidentName::literal("inc-2");
  BOOST_CHECK(run(one).state == IncidentState::finished);

  const OpenIncident request = about(R"({"machine":"web-1"})");
  BOOST_CHECK(run(request).state == IncidentState::waiting);
  BOOST_TEST(count_revoked(web) == 0U);
  const auto self = incidents->approve(as("operator"), *request.name);
  BOOST_CHECK(!self && self.error().code == ErrorCode::forbidden);
  // May open incidents, but not revoke these.
  const auto admin = incidents->approve(as("admin"), *request.name);
  BOOST_CHECK(!admin && admin.error().code == ErrorCode::forbidden);
  grant("second", "operations: [incident.open, certificate.revoke]\n    when: {owner: any}",
        "[\"operator-2\"]");
  const auto second = incidents->approve(as("operator-2"), *request.name);
  BOOST_REQUIRE_MESSAGE(second, second.error().message);
  runner->work();
  BOOST_CHECK(state().state == IncidentState::finished);
  BOOST_TEST(count_revoked(web) == 2U);
  expect_good_log();
}

struct RefusedRow {
  const char* name;
  const char* caller;
  const char* selector;
  void (*change)(OpenIncident&);
  ErrorCode code;
  const char* field;
};
std::ostream& operator<<(std::ostream& out, const RefusedRow& row) {
  return out << row.name;
}
const RefusedRow kRefused[] = {
    {"by a machine", "web-1", R"({"machine":"web-1"})", nullptr, ErrorCode::forbidden, ""},
    {"by an auditor", "auditor", R"({"machine":"web-1"})", nullptr, ErrorCode::forbidden, ""},
    {"of others' certificates by an administrator", "admin", R"({"machine":"web-1"})", nullptr,
     ErrorCode::forbidden, "selector"},
    {"a CA's certificate by an operator", "operator", R"({"machine":"self"})", nullptr,
     ErrorCode::forbidden, "selector"},
    {"nothing that fits", "operator", R"({"machine":"web-9"})", nullptr, ErrorCode::invalid_request,
     "selector"},
    {"a bad pattern", "operator", R"({"machines":"we**b"})", nullptr, ErrorCode::invalid_request,
     "machines"},
    {"the future", "operator", R"({"issued_before":"2099-01-01T00:00:00Z"})", nullptr,
     ErrorCode::invalid_request, "issued_before"},
    {"a hold", "operator", R"({"machine":"web-1"})",
     [](OpenIncident& request) { request.reason = RevocationReason::certificate_hold; },
     ErrorCode::invalid_request, "reason"},
    {"a deadline in the past", "operator", R"({"machine":"web-1"})",
     [](OpenIncident& request) { request.deadline = now() - Seconds(1); },
     ErrorCode::invalid_request, "replace_by"},
    {"time to renew what no machine renews", "admin", R"({"machine":"self"})",
     [](OpenIncident& request) { request.deadline = now() + std::chrono::hours{24}; },
     ErrorCode::invalid_request, "replace_by"},
    {"an explanation of nothing", "operator", R"({"machine":"web-1"})",
     [](OpenIncident& request) { request.explanation_url = "https://wiki.example"; },
     ErrorCode::invalid_request, "explanation_url"},
    {"no pace", "operator", R"({"machine":"web-1"})",
     [](OpenIncident& request) { request.per_second = 0; }, ErrorCode::invalid_request,
     "per_second"},
};

BOOST_DATA_TEST_CASE(bad_incidents_are_refused_and_recorded, kRefused, row) {
  issued("web-1", 1);
  OpenIncident request = about(row.selector);
  if (row.change) row.change(request);
  const auto opened = incidents->open(as(row.caller), request);
  BOOST_REQUIRE(!opened);
  BOOST_CHECK(opened.error().code == row.code);
  BOOST_TEST(opened.error().field == row.field);
  BOOST_TEST(entries(EntryKind::failure).size() + entries(EntryKind::denial).size() >= 1U);
  BOOST_TEST(store().incidents(false, Page{}).value().empty());
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(a_name_is_taken_once) {
  issued("web-1", 2);
  run(about(R"({"machine":"web-1"})"));
  issued("web-1", 1);
  const auto again = incidents->open(as("operator"), about(R"({"machine":"web-1"})"));
  BOOST_CHECK(!again && again.error().code == ErrorCode::conflict);
}

BOOST_AUTO_TEST_CASE(the_same_request_again_opens_nothing) {
  issued("web-1", 2);
  OpenIncident request = about(R"({"machine":"web-1"})");
  const auto opened = incidents->open(as("operator"), request);
  BOOST_REQUIRE(opened && !opened->again);
  const auto again = incidents->open(as("operator"), request);
  BOOST_REQUIRE_MESSAGE(again, again.error().message);
  BOOST_TEST((again->again && again->entry == opened->entry));
  const auto stranger = incidents->open(as("operator-2"), request);
  BOOST_TEST(!stranger.has_value());
  OpenIncident other = request;
  other.reason = RevocationReason::key_compromise;
  const auto refused = incidents->open(as("operator"), other);
  BOOST_CHECK(!refused && refused.error().code == ErrorCode::conflict);
  // Also after its end, where nothing fits any more.
  runner->work();
  BOOST_CHECK(state().state == IncidentState::finished);
  const auto late = incidents->open(as("operator"), request);
  BOOST_REQUIRE_MESSAGE(late, late.error().message);
  BOOST_TEST(late->again);
  BOOST_TEST(store().incidents(false, Page{}).value().size() == 1U);
  expect_good_log();
}

BOOST_AUTO_TEST_CASE(an_idempotency_key_opens_one_incident) {
  issued("web-1", 1);
  OpenIncident request = about(R"({"machine":"web-1"})");
  request.name.reset();
  const auto opened = incidents->open(as("operator", "key-1"), request);
  const auto again = incidents->open(as("operator", "key-1"), request);
  BOOST_REQUIRE(opened && again);
  BOOST_TEST((again->again && again->name == opened->name));
  request.per_second = 7;
  const auto other = incidents->open(as("operator", "key-1"), request);
  BOOST_CHECK(!other && other.error().code == ErrorCode::unprocessable);
  const auto fresh = incidents->open(as("operator", "key-2"), request);
  BOOST_REQUIRE(fresh);
  BOOST_TEST((!fresh->again && fresh->name != opened->name));
}

BOOST_AUTO_TEST_CASE(serials_are_a_selector_of_their_own) {
  const auto web = issued("web-1", 3);
  const std::string known = web[0].hex(), unknown = std::string(39, '1') + "2";
  const IncidentRecord done =
      run(about(R"({"serials":[")" + known + R"(",")" + unknown + R"(",")" + known + R"("]})"));
  BOOST_TEST(done.matched == 1U);
  BOOST_TEST(count_revoked(web) == 1U);
  for (const char* bad :
       {R"({})", R"([])", R"({"serials":[]})", R"({"serials":["x"]})", R"({"serials":"x"})",
        R"({"serials":["0000000000000000000000000000000000000001"],"machine":"web-1"})",
        R"({"machine":7})", R"({"colour":"red"})", R"({"policy":"7"})", R"({"key_sha256":"00"})",
        R"({"issued_from":"yesterday"})"}) {
    BOOST_TEST(!CertificateSelector::parse(bad).has_value(), bad);
  }
}

BOOST_AUTO_TEST_CASE(a_certificate_of_a_ca_takes_along_what_it_issued) {
  issued("web-1", 3);
  const auto info =
      parse_certificate(service().ca(CaName::literal("issuing")).value()->record.certificate);
  const auto under = incidents->dependants(Serial::from(info->serial).value());
  BOOST_REQUIRE(under);
  BOOST_REQUIRE(under->size() == 1U);
  BOOST_TEST(under->at(0).ca.text() == "issuing");
  BOOST_TEST(under->at(0).certificates >= 3U);
  // The service has more certificates than its CAs': those take nothing along.
  const auto preview =
      incidents->preview(as("admin"), CertificateSelector::parse(R"({"machine":"self"})").value());
  BOOST_REQUIRE_MESSAGE(preview, preview.error().message);
  BOOST_TEST(preview->dependants.size() >= 2U);  // of the root and of the issuing CA
  const auto web = issued("web-1", 1);
  BOOST_TEST(incidents->dependants(web[0]).value().empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
