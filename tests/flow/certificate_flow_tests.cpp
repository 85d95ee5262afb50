#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <thread>

#include "core/commitment.h"
#include "core/crl_publisher.h"
#include "core/entry_view.h"
#include "tests/flow/flow_fixture.h"

namespace chancery {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

SubjectAltNames dns(const std::string& name) {
  return {.dns = {name}, .ip = {}, .uri = {}, .email = {}};
}

IssueCertificate order(const std::string& name, const std::string& profile = "machine") {
  return {CaName::literal("issuing"), ProfileName::literal(profile),
          FlowFixture::request_for(dns(name)), std::nullopt};
}

BOOST_FIXTURE_TEST_SUITE(certificate_flow, FlowFixture)

BOOST_AUTO_TEST_CASE(an_issued_certificate_is_in_the_inventory_with_its_entries) {
  const Outcome outcome = issue("web-1.example");
  const auto serial = Serial::parse(outcome.serial);
  BOOST_REQUIRE(serial);
  const auto record = store().certificate(*serial);
  BOOST_REQUIRE(record && *record);
  BOOST_TEST((*record)->der == outcome.certificate);
  BOOST_TEST((*record)->machine.text() == "web-1.example");
  BOOST_TEST((*record)->intent == outcome.intent);
  BOOST_TEST((*record)->outcome == outcome.outcome);
  const VerifyReport report = verify();
  BOOST_TEST(report.good, summary(report));
}

struct Refusal {
  const char* name;
  std::string machine, dns, profile;
  std::optional<Seconds> validity;
  ErrorCode code;
  const char* says;
};
std::ostream& operator<<(std::ostream& out, const Refusal& one) {
  return out << one.name;
}
const Refusal kRefusals[] = {
    {"another machine's name", "web-1", "web-2", "machine", {}, ErrorCode::forbidden, "web-2"},
    {"unknown profile", "web-1", "web-1", "nonsense", {}, ErrorCode::invalid_request, "nonsense"},
    {"a CA", "web-1", "web-1", "intermediate-ca", {}, ErrorCode::invalid_request, ""},
    {"too long", "web-1", "web-1", "machine", Seconds{40 * 86400}, ErrorCode::invalid_request,
     "30d"},
    {"negative", "web-1", "web-1", "machine", Seconds{-1}, ErrorCode::invalid_request, ""},
    {"zero", "web-1", "web-1", "machine", Seconds{0}, ErrorCode::invalid_request, ""},
    {"wildcard where not allowed",
     "web-1.example",
     "*.web-1.example",
     "machine",
     {},
     ErrorCode::invalid_request,
     ""},
    {"the auditor as server", "auditor", "auditor", "tls-server", {}, ErrorCode::forbidden, ""},
};

BOOST_DATA_TEST_CASE(refused_orders_are_recorded, boost::unit_test::data::make(kRefusals), row) {
  const auto intents = entries(EntryKind::intent).size();
  const auto recorded = entries(EntryKind::denial).size() + entries(EntryKind::failure).size();
  IssueCertificate request = order(row.dns, row.profile);
  request.validity = row.validity;
  const auto refused = service().sign(as(row.machine), std::move(request));
  BOOST_REQUIRE(!refused);
  BOOST_TEST(static_cast<int>(refused.error().code) == static_cast<int>(row.code),
             refused.error().message);
  BOOST_TEST(has(refused.error().message, row.says), refused.error().message);
  BOOST_TEST(entries(EntryKind::intent).size() == intents);
  BOOST_TEST(entries(EntryKind::denial).size() + entries(EntryKind::failure).size() ==
             recorded + 1);
}

BOOST_AUTO_TEST_CASE(nobodys_address_is_in_the_log) {
  const auto order_for = [](const std::string& address) {
    return IssueCertificate{
        CaName::literal("issuing"), ProfileName::literal("tls-client"),
        request_for({.dns = {"web-1"}, .ip = {}, .uri = {}, .email = {address}}), std::nullopt};
  };
  // No grant has addresses; then one has others; then it is issued.
  BOOST_TEST(!service().sign(as("web-1"), order_for("alice@people.example")).has_value());
  grant("people",
        "operations: [certificate.issue]\n    issuers: [issuing]\n    profiles: [tls-client]\n"
        "    when: {dns_names: [\"{machine.name}\"], emails: [\"bob@people.example\"]}");
  const auto refused = service().sign(as("web-1"), order_for("alice@people.example"));
  BOOST_REQUIRE(!refused);
  BOOST_TEST(has(refused.error().message, "e-mail address 1"), refused.error().message);
  BOOST_TEST(service().sign(as("web-1"), order_for("bob@people.example")).has_value());
  BOOST_TEST(has(entries(EntryKind::intent).back(), "email:1 withheld"));
  // What whoever knows the address can compare, with the salt of this request and of no other.
  const auto commitments = Commitments::open(home() / "commitment-secret").value();
  const std::pair<EntryKind, const char*> said[] = {{EntryKind::denial, "alice@people.example"},
                                                    {EntryKind::intent, "bob@people.example"}};
  for (const auto& [kind, address] : said) {
    const std::string text = entries(kind).back();
    const std::string request = EntryView::parse(text).value().text("request");
    const std::string committed = commitments.commit(request, address);
    BOOST_TEST(has(text, "\"emails\":[\"" + committed + "\"]"));
  }
  for (const EntryKind kind : {EntryKind::denial, EntryKind::failure, EntryKind::intent,
                               EntryKind::outcome, EntryKind::policy}) {
    for (const std::string& entry : entries(kind)) BOOST_TEST(!has(entry, "people.example"), entry);
  }
}

BOOST_AUTO_TEST_CASE(a_lost_certificate_is_listed_and_can_be_revoked) {
  token().inject(TokenFault::lose_answer);
  BOOST_TEST(!service().sign(as("web-1"), order("web-1")).has_value());
  const auto rows = store().certificates(MachineName::literal("web-1"), {});
  BOOST_REQUIRE(rows && rows->size() == 1);
  const CertificateRecord& lost = rows->front();
  BOOST_CHECK(lost.state == CertificateState::unknown);
  BOOST_TEST(lost.der.empty());
  const auto revoked =
      service().revoke(as("operator"), {lost.serial, RevocationReason::superseded});
  BOOST_REQUIRE(revoked);
  BOOST_TEST(service().is_revoked(lost.serial).value());
  const VerifyReport report = verify();
  BOOST_TEST(report.good, summary(report));
}

BOOST_AUTO_TEST_CASE(an_enrolment_token_works_once_also_under_a_race) {
  const auto ticket = service().add_machine(
      as("operator"),
      {MachineName::literal("iot-7"), ProfileName::literal("machine"), std::chrono::hours{1}});
  BOOST_REQUIRE(ticket);
  const Bytes hash = sha256(bytes_of(ticket->token.reveal()));
  std::atomic<int> won{0}, refused{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const Caller stranger{{new_request_id(), Machine{}}, {}, {}};
      const auto outcome = service().sign(stranger, Enroll{hash, request_for()});
      if (outcome) {
        ++won;
      } else if (outcome.error().code == ErrorCode::unauthenticated) {
        ++refused;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  BOOST_TEST(won.load() == 1);
  BOOST_TEST(refused.load() == 7);
  const auto rows = store().certificates(MachineName::literal("iot-7"), {});
  BOOST_REQUIRE(rows);
  BOOST_TEST(rows->size() == 1U);
}

BOOST_AUTO_TEST_CASE(an_enrolling_machine_gets_its_own_name_and_no_other) {
  const auto ticket = service().add_machine(
      as("operator"),
      {MachineName::literal("iot-8"), ProfileName::literal("machine"), std::chrono::hours{1}});
  BOOST_REQUIRE(ticket);
  const Bytes hash = sha256(bytes_of(ticket->token.reveal()));
  const Caller stranger{{new_request_id(), Machine{}}, {}, {}};
  const auto refused = service().sign(stranger, Enroll{hash, request_for(dns("iot-9"))});
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error().code == ErrorCode::forbidden);
  // A refused try has not used the token up.
  const auto good = service().sign(stranger, Enroll{hash, request_for()});
  BOOST_REQUIRE_MESSAGE(good, good.error().message);
  const auto info = parse_certificate(good->certificate);
  BOOST_REQUIRE(info);
  BOOST_TEST(info->names.dns == std::vector<std::string>{"iot-8"});
  BOOST_TEST(info->names.uri ==
             std::vector<std::string>{"spiffe://chancery.internal/machine/iot-8"});
}

BOOST_AUTO_TEST_CASE(operators_cannot_make_tokens_for_those_who_hold_roles) {
  const auto refused = service().add_machine(
      as("operator"), {MachineName::literal("admin"), ProfileName::literal("identity"),
                       std::chrono::hours{1}, true});
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error().code == ErrorCode::forbidden);
}

BOOST_AUTO_TEST_CASE(renewal_keeps_the_names_and_wants_a_new_key) {
  SoftwareKey key = generate_software_key();
  const auto first =
      service().sign(as("web-1"), IssueCertificate{CaName::literal("issuing"),
                                                   ProfileName::literal("machine"),
                                                   {key.public_key.copy(), {}, dns("web-1")},
                                                   std::nullopt});
  BOOST_REQUIRE(first);
  const auto serial = Serial::parse(first->serial);
  const auto same = service().sign(
      as("web-1"), RenewCertificate{*serial, {key.public_key.copy(), {}, {}}, std::nullopt});
  BOOST_REQUIRE(!same);
  BOOST_TEST(same.error().field == "csr.public_key");
  const auto more = service().sign(
      as("web-1"), RenewCertificate{*serial, request_for(dns("evil.example")), std::nullopt});
  BOOST_REQUIRE(!more);
  BOOST_TEST(more.error().field == "csr.subject_alt_name");
  const auto renewed =
      service().sign(as("web-1"), RenewCertificate{*serial, request_for(), std::nullopt});
  BOOST_REQUIRE_MESSAGE(renewed, renewed.error().message);
  const auto info = parse_certificate(renewed->certificate);
  BOOST_REQUIRE(info);
  BOOST_TEST(info->names.dns == std::vector<std::string>{"web-1"});
  const auto others =
      service().sign(as("web-2"), RenewCertificate{*serial, request_for(), std::nullopt});
  BOOST_REQUIRE(!others);
  BOOST_CHECK(others.error().code == ErrorCode::forbidden);
  BOOST_REQUIRE(service().revoke(as("web-1"), {*serial, RevocationReason::superseded}));
  const auto late =
      service().sign(as("web-1"), RenewCertificate{*serial, request_for(), std::nullopt});
  BOOST_REQUIRE(!late);
  BOOST_CHECK(late.error().code == ErrorCode::conflict);
}

BOOST_AUTO_TEST_CASE(a_revoked_ca_issues_nothing_any_more) {
  const Serial serial = service().ca(CaName::literal("issuing")).value()->serial;
  const auto by_operator = service().revoke(as("operator"), {serial, RevocationReason::superseded});
  BOOST_REQUIRE(!by_operator);
  BOOST_CHECK(by_operator.error().code == ErrorCode::forbidden);
  issue("web-1");

  BOOST_REQUIRE(service().revoke(as("admin"), {serial, RevocationReason::ca_compromise}));
  for (int start = 0; start < 2; ++start) {
    const std::size_t intents = entries(EntryKind::intent).size();
    const auto refused = service().sign(
        as("web-1"), IssueCertificate{CaName::literal("issuing"), ProfileName::literal("machine"),
                                      request_for(dns("web-1")), std::nullopt});
    BOOST_REQUIRE(!refused);
    BOOST_CHECK(refused.error().code == ErrorCode::conflict);
    BOOST_TEST(
        refused.error().message ==
        "the certificate of the CA \"issuing\" is revoked; \"issuing\" issues nothing any more");
    BOOST_TEST(entries(EntryKind::intent).size() == intents);
    // Its CRLs go on, and those of the CA above it say so.
    BOOST_TEST(service()
                   .sign(Instance::self(), SignCrl{CaName::literal("issuing"), CrlScope::all()})
                   .has_value());
    BOOST_TEST(service()
                   .sign(Instance::self(), SignCrl{CaName::literal("root"), CrlScope::all()})
                   .has_value());
    BOOST_TEST(store().crl(CaName::literal("root"), CrlScope::all()).value()->entries == 1U);
    reopen();
  }
  BOOST_TEST(verify().good);
}

BOOST_AUTO_TEST_CASE(revocation_is_idempotent_scoped_and_on_the_crl) {
  const Outcome outcome = issue("web-1");
  const Serial serial = *Serial::parse(outcome.serial);
  const auto foreign = service().revoke(as("web-2"), {serial, RevocationReason::key_compromise});
  BOOST_REQUIRE(!foreign);
  BOOST_CHECK(foreign.error().code == ErrorCode::forbidden);
  const auto first = service().revoke(as("web-1"), {serial, RevocationReason::key_compromise});
  BOOST_REQUIRE(first);
  BOOST_TEST(!first->already);
  const auto again = service().revoke(as("operator"), {serial, RevocationReason::superseded});
  BOOST_REQUIRE(again);
  BOOST_TEST(again->already);
  BOOST_CHECK(again->revocation.reason == RevocationReason::key_compromise);

  CrlPublisher crls(service(), store(), instance().config());
  BOOST_REQUIRE(crls.publish_due());
  const auto crl = crls.current(CaName::literal("issuing"), CrlScope::all());
  BOOST_REQUIRE(crl);
  BOOST_TEST(crl->entries == 1U);
  const Bytes der = crl->der->all().value();
  BOOST_TEST(
      (std::search(der.begin(), der.end(), serial.bytes.begin(), serial.bytes.end()) != der.end()));
  const VerifyReport report = verify();
  BOOST_TEST(report.good, summary(report));
}

BOOST_AUTO_TEST_CASE(a_crl_has_a_distribution_point_where_the_configuration_says_so) {
  const auto distribution_point_of_new_crl = [this] {
    CrlPublisher crls(service(), store(), instance().config());
    BOOST_REQUIRE(crls.publish_due());
    const std::string der =
        to_hex(crls.current(CaName::literal("root"), CrlScope::all())->der->all().value());
    return has(der, "0603551d1c0101ff");  // id-ce-issuingDistributionPoint, critical
  };
  BOOST_TEST(!distribution_point_of_new_crl());
  close();
  std::ifstream file(home() / "config.yaml");
  std::string config(std::istreambuf_iterator<char>(file), {});
  config.replace(config.find("\ncrl:\n"), 6, "\ncrl:\n  issuing_distribution_point: true\n");
  std::ofstream(home() / "config.yaml") << config;
  reopen();
  BOOST_TEST(distribution_point_of_new_crl());
}

BOOST_AUTO_TEST_CASE(everything_survives_a_restart) {
  const Outcome outcome = issue("web-1");
  const Serial serial = *Serial::parse(outcome.serial);
  BOOST_REQUIRE(service().revoke(as("web-1"), {serial, RevocationReason::superseded}));
  reopen();
  BOOST_TEST(service().is_revoked(serial).value());
  BOOST_TEST(service().cas().size() == 2U);
  BOOST_TEST(instance().recovered() == 0U);
  issue("web-1");
  const VerifyReport report = verify();
  BOOST_TEST(report.good, summary(report));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
