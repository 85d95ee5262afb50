#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "tests/flow/flow_fixture.h"

namespace chancery {
namespace {

struct RenewalFixture : FlowFixture {
  Serial issued(const std::string& machine = "web-1") {
    return Serial::parse(issue(machine).serial).value();
  }
  Result<RenewalRequestRecord> ask(const Serial& serial,
                                   RevocationReason reason = RevocationReason::superseded,
                                   const std::string& asker = "operator",
                                   std::chrono::hours until = std::chrono::hours{24}) {
    return service().replace(as(asker),
                             {serial, reason, std::chrono::floor<Seconds>(now()) + until, ""});
  }
  Result<Outcome> renew(const Serial& serial, const std::string& machine = "web-1") {
    return service().sign(as(machine), RenewCertificate{serial, request_for(), std::nullopt});
  }
  std::vector<Serial> pending() {
    std::vector<Serial> serials;
    const auto rows = store().renewal_requests(true, {}).value();
    for (const RenewalRequestRecord& row : rows) serials.push_back(row.serial);
    return serials;
  }
};

BOOST_FIXTURE_TEST_SUITE(renewal_flow, RenewalFixture)

BOOST_AUTO_TEST_CASE(a_renewal_names_what_it_replaces) {
  const Serial old = issued();
  BOOST_TEST(!store().replacement_of(old).value().has_value());
  const auto renewed = renew(old);
  BOOST_REQUIRE_MESSAGE(renewed, renewed.error().message);
  const Serial serial = Serial::parse(renewed->serial).value();
  BOOST_CHECK(store().certificate(serial).value()->replaces == old);
  BOOST_CHECK(store().replacement_of(old).value() == serial);
  BOOST_TEST(entries(EntryKind::intent).back().find("\"replaces\":\"" + old.hex() + "\"") !=
             std::string::npos);
  const VerifyReport report = verify();
  BOOST_TEST(report.good, summary(report));
}

BOOST_AUTO_TEST_CASE(what_is_asked_for_is_pending_until_it_is_renewed) {
  const Serial first = issued(), second = issued();
  BOOST_REQUIRE(ask(first));
  const auto again = ask(first, RevocationReason::key_compromise);
  BOOST_REQUIRE_MESSAGE(again, again.error().message);
  BOOST_REQUIRE(ask(second));
  BOOST_TEST(entries(EntryKind::replacement).size() == 3U);
  BOOST_TEST(pending().size() == 2U);
  const RenewalRequestRecord row = store().renewal_request(first).value().value();
  BOOST_CHECK(row.reason == RevocationReason::key_compromise);
  BOOST_TEST(row.entry == again->entry);

  const auto renewed = renew(first);
  BOOST_REQUIRE(renewed);
  BOOST_CHECK(pending() == std::vector{second});
  BOOST_TEST(store().renewal_request(first).value()->replaced_by->hex() == renewed->serial);
  // A second renewal of the same changes nothing.
  BOOST_REQUIRE(renew(first));
  BOOST_TEST(store().renewal_request(first).value()->replaced_by->hex() == renewed->serial);
  const auto late = ask(first);
  BOOST_REQUIRE(!late);
  BOOST_CHECK(late.error().code == ErrorCode::conflict);
  BOOST_TEST(late.error().message.find(renewed->serial) != std::string::npos);
  const VerifyReport report = verify();
  BOOST_TEST(report.good, summary(report));
}

BOOST_AUTO_TEST_CASE(a_renewal_that_was_lost_replaces_nothing) {
  const Serial old = issued();
  BOOST_REQUIRE(ask(old));
  token().inject(TokenFault::lose_answer);
  BOOST_TEST(!renew(old).has_value());
  BOOST_CHECK(pending() == std::vector{old});
  BOOST_TEST(!store().replacement_of(old).value().has_value());
  reopen();
  BOOST_REQUIRE(renew(old));
  BOOST_TEST(pending().empty());
  const VerifyReport report = verify();
  BOOST_TEST(report.good, summary(report));
}

struct Refused {
  const char* name;
  const char* asker;
  RevocationReason reason;
  int hours;
  const char* url;
  ErrorCode code;
  const char* field;
};
std::ostream& operator<<(std::ostream& out, const Refused& row) {
  return out << row.name;
}
const Refused kRefused[] = {
    {"another machine", "web-2", RevocationReason::superseded, 1, "", ErrorCode::forbidden, ""},
    {"an auditor", "auditor", RevocationReason::superseded, 1, "", ErrorCode::forbidden, ""},
    {"a hold", "operator", RevocationReason::certificate_hold, 1, "", ErrorCode::invalid_request,
     "reason"},
    {"a release", "operator", RevocationReason::remove_from_crl, 1, "", ErrorCode::invalid_request,
     "reason"},
    {"a deadline that has passed", "operator", RevocationReason::superseded, -1, "",
     ErrorCode::invalid_request, "deadline"},
    {"no address of the web", "operator", RevocationReason::superseded, 1, "ftp://wiki.example/",
     ErrorCode::invalid_request, "explanation_url"},
    {"no address", "operator", RevocationReason::superseded, 1, "https:// wiki",
     ErrorCode::invalid_request, "explanation_url"},
};

BOOST_DATA_TEST_CASE(refused_requests_are_recorded, boost::unit_test::data::make(kRefused), row) {
  const Serial serial = issued();
  const std::size_t recorded =
      entries(EntryKind::denial).size() + entries(EntryKind::failure).size();
  const auto refused = service().replace(
      as(row.asker), {serial, row.reason,
                      std::chrono::floor<Seconds>(now()) + std::chrono::hours{row.hours}, row.url});
  BOOST_REQUIRE(!refused);
  BOOST_TEST(static_cast<int>(refused.error().code) == static_cast<int>(row.code),
             refused.error().message);
  BOOST_TEST(refused.error().field == row.field);
  BOOST_TEST(entries(EntryKind::denial).size() + entries(EntryKind::failure).size() ==
             recorded + 1);
  BOOST_TEST(pending().empty());
}

BOOST_AUTO_TEST_CASE(what_no_renewal_could_replace_is_refused) {
  const Serial revoked = issued();
  BOOST_REQUIRE(service().revoke(as("operator"), {revoked, RevocationReason::superseded}));
  const Serial ca = service().ca(CaName::literal("issuing")).value()->serial;
  for (const Serial& serial : {revoked, ca}) {
    const auto refused = ask(serial, RevocationReason::superseded, "admin");
    BOOST_REQUIRE(!refused);
    BOOST_CHECK(refused.error().code == ErrorCode::conflict);
  }
  const auto nowhere = ask(Serial::allocate(to_unix_seconds(now())));
  BOOST_REQUIRE(!nowhere);
  BOOST_CHECK(nowhere.error().code == ErrorCode::not_found);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
