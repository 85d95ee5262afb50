// OCSP answers while certificates are revoked, and what is kept of them.
#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "tests/flow/ocsp_fixture.h"

namespace chancery {

using enum RevocationReason;

BOOST_FIXTURE_TEST_SUITE(ocsp_flow, OcspFixture)

BOOST_AUTO_TEST_CASE(once_it_is_revoked_nobody_is_told_that_it_is_good) {
  for (int round = 0; round < 5; ++round) {
    const Serial serial = issue_serial();
    const Bytes id = cert_id(serial);
    std::atomic<bool> revoked = false, stop = false;
    std::atomic<int> wrong = 0, good = 0, told = 0;
    std::vector<std::thread> clients;
    for (int i = 0; i < 4; ++i) {
      clients.emplace_back([&] {
        while (!stop) {
          const bool before = revoked;
          const int status = ask(id);
          if (status == kGood) ++good;
          if (status == kRevoked) ++told;
          if (before && status != kRevoked) ++wrong;
        }
      });
    }
    while (good < 20) std::this_thread::yield();
    const bool done = service().revoke(as("operator"), {serial, key_compromise}).has_value();
    revoked = true;
    while (told < 20) std::this_thread::yield();
    stop = true;
    for (std::thread& client : clients) client.join();
    BOOST_TEST(done);
    BOOST_TEST(wrong == 0);
  }
  BOOST_TEST(verify().good, summary(verify()));
}

BOOST_AUTO_TEST_CASE(a_kept_answer_costs_nothing_and_what_others_do_does_not_change_it) {
  const Bytes id = cert_id(issue_serial());
  const Bytes request = request_of(id);
  const Bytes first = responder->answer(request).der->all().value();
  const std::uint64_t size = instance().log().head().size;
  for (int i = 0; i < 10; ++i) BOOST_TEST((responder->answer(request).der->all().value() == first));
  BOOST_TEST(instance().log().head().size == size);
  const Serial other = issue_serial();
  BOOST_REQUIRE(service().revoke(as("operator"), {other, superseded}));
  BOOST_TEST((responder->answer(request).der->all().value() == first));
  BOOST_TEST(responder->counters().signed_anew == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_not_good_is_never_said_to_be) {
  BOOST_TEST(ask(cert_id(Serial::allocate(1'800'000'000))) == kUnknown);
  const Bytes root_serial = cert_id(service().ca(CaName::literal("issuing")).value()->serial);
  BOOST_TEST(ask(root_serial) == kUnknown);  // the root issued it, not this CA

  token().inject(TokenFault::lose_answer);
  BOOST_TEST(
      !service()
           .sign(as("web-1"),
                 IssueCertificate{CaName::literal("issuing"), ProfileName::literal("machine"),
                                  request_for({.dns = {"web-1"}, .ip = {}, .uri = {}, .email = {}}),
                                  std::nullopt})
           .has_value());
  const auto rows = store().certificates(MachineName::literal("web-1"), {"", 100}).value();
  BOOST_REQUIRE(!rows.empty());
  BOOST_CHECK(rows.back().state == CertificateState::unknown);
  BOOST_TEST(ask(cert_id(rows.back().serial)) == kUnknown);
  BOOST_REQUIRE(service().revoke(as("operator"), {rows.back().serial, superseded}));
  BOOST_TEST(ask(cert_id(rows.back().serial)) == kRevoked);
}

BOOST_AUTO_TEST_CASE(a_responders_key_signs_nothing_else) {
  const auto key = instance().keys().find(KeyName::literal("ocsp-issuing"));
  BOOST_REQUIRE(key);
  BOOST_CHECK((*key)->purpose == KeyPurpose::ocsp);
  const auto refused = service().sign(
      as("admin"), SignData{KeyName::literal("ocsp-issuing"), SignatureAlgorithm::ecdsa_p256_sha256,
                            Bytes(8, 1), false});
  BOOST_TEST(!refused.has_value());
}

BOOST_FIXTURE_TEST_CASE(a_key_that_was_made_for_something_else_does_not_become_a_responders,
                        FlowFixture) {
  BOOST_REQUIRE(service().create_key(
      as("admin"),
      {KeyName::literal("ocsp-issuing"), KeyType::ec_p256, KeyPurpose::audit_log, {}}));
  OcspResponder responder(instance());
  BOOST_REQUIRE(responder.renew_due());
  BOOST_TEST(responder.ready() == 2U);
  const auto key = instance().keys().find(KeyName::literal("ocsp-issuing-2"));
  BOOST_REQUIRE(key);
  BOOST_CHECK((*key)->purpose == KeyPurpose::ocsp);
}

// Nothing that it has signed is given out any more, and it signs nothing more.
BOOST_AUTO_TEST_CASE(a_responder_that_is_revoked_is_replaced_by_one_with_another_key) {
  const Bytes id = cert_id(issue_serial());
  std::string last = "ocsp-issuing";
  int number = 1;
  for (const RevocationReason reason : {key_compromise, superseded}) {
    BOOST_TEST(ask(id) == kGood);
    const SelectedCertificate certificate = certificates_of(last).back();
    BOOST_REQUIRE(service().revoke(as("admin"), {certificate.serial, reason}));
    BOOST_TEST((responder->answer(request_of(id)).der->all().value() ==
                encode_ocsp_failure(OcspFailure::try_later)));
    BOOST_TEST(responder->ready() == 1U);

    const auto renewed = responder->renew_due();
    BOOST_REQUIRE_MESSAGE(renewed, (renewed ? "" : renewed.error().message));
    BOOST_TEST(responder->ready() == 2U);
    last = "ocsp-issuing-" + std::to_string(++number);
    const SelectedCertificate next = certificates_of(last).back();
    const Bytes answer = responder->answer(request_of(id)).der->all().value();
    BOOST_TEST(status_in(answer, id) == kGood);
    BOOST_TEST(contains(answer, next.serial.bytes));
    BOOST_TEST(!contains(answer, certificate.serial.bytes));
  }
  // Nor does another start go back to the old ones.
  const std::size_t before = certificates_of(last).size();
  configure("");
  BOOST_TEST(certificates_of("ocsp-issuing").size() == 1U);
  BOOST_TEST(certificates_of(last).size() == before + 1);
  BOOST_TEST(ask(id) == kGood);
  BOOST_TEST(verify().good, summary(verify()));
}

BOOST_AUTO_TEST_CASE(a_ca_that_has_ended_signs_no_responders_and_answers_nothing) {
  responder.reset();
  close();
  std::ofstream(home() / "config.yaml", std::ios::app) << short_ca_profile(Seconds(3));
  reopen();
  const CertificateAuthority& made = create_short_ca();
  responder = std::make_unique<OcspResponder>(instance());
  (void)responder->renew_due();
  while (now() < made.issuer.not_after()) std::this_thread::yield();
  const std::uint64_t size = instance().log().head().size;
  BOOST_REQUIRE(responder->renew_due());
  BOOST_TEST(responder->ready() == 2U);
  BOOST_TEST(instance().log().head().size == size);
  // The others' are all there, so a stranger's issuer is a stranger's, and not one to wait for.
  Bytes id = cert_id(Serial::allocate(1'800'000'000));
  id[20] ^= 1;  // in the hash of the issuer's name
  BOOST_TEST((responder->answer(request_of(id)).der->all().value() ==
              encode_ocsp_failure(OcspFailure::unauthorized)));
}

// A compromise that an incident about the key reports, before any certificate is revoked.
BOOST_AUTO_TEST_CASE(a_responder_whose_key_is_blocked_is_replaced) {
  const Bytes id = cert_id(issue_serial());
  BOOST_TEST(ask(id) == kGood);
  const auto key = instance().keys().find(KeyName::literal("ocsp-issuing"));
  BOOST_REQUIRE(key);
  BOOST_REQUIRE(instance().log().record(as("operator").context, AuditEntry(EntryKind::incident),
                                        {BlockKey{(*key)->public_key.spki_sha256()}}));
  BOOST_REQUIRE(responder->renew_due());
  BOOST_TEST(certificates_of("ocsp-issuing-2").size() == 1U);
  const Bytes answer = responder->answer(request_of(id)).der->all().value();
  BOOST_TEST(contains(answer, certificates_of("ocsp-issuing-2").back().serial.bytes));
}

BOOST_AUTO_TEST_CASE(names_of_the_services_own_keys_are_not_given_to_others) {
  for (const char* name : {"ocsp-next", "log-p256-2", "log-", "ca-next"}) {
    const std::size_t before = entries(EntryKind::failure).size();
    const auto refused = service().create_key(
        as("admin"), {KeyName::literal(name), KeyType::ec_p256, KeyPurpose::data, {}});
    BOOST_REQUIRE(!refused);
    BOOST_CHECK(refused.error().code == ErrorCode::invalid_request);
    BOOST_TEST(refused.error().field == "name");
    BOOST_TEST(entries(EntryKind::failure).size() == before + 1);
  }
  data_key("ocspx");
  data_key("app.ocsp-next");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
