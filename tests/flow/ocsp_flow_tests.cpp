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
  const Bytes first = *responder->answer(request).der;
  const std::uint64_t size = instance().log().head().size;
  for (int i = 0; i < 10; ++i) BOOST_TEST((*responder->answer(request).der == first));
  BOOST_TEST(instance().log().head().size == size);
  const Serial other = issue_serial();
  BOOST_REQUIRE(service().revoke(as("operator"), {other, superseded}));
  BOOST_TEST((*responder->answer(request).der == first));
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

// Of that name, made before there was a responder.
BOOST_FIXTURE_TEST_CASE(a_key_that_was_made_for_data_does_not_become_a_responders, FlowFixture) {
  data_key("ocsp-issuing");
  OcspResponder responder(instance());
  const auto refused = responder.renew_due();
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error().code == ErrorCode::conflict);
  BOOST_TEST(responder.ready() == 1U);  // the root's
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
