// OCSP answers while certificates are revoked, and what is kept of them.
#include <openssl/sha.h>

#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "core/der.h"
#include "core/ocsp_responder.h"
#include "core/oid.h"
#include "tests/flow/flow_fixture.h"

namespace chancery {
namespace {

using enum RevocationReason;

struct OcspFixture : FlowFixture {
  OcspFixture() : responder(instance()) {
    const auto made = responder.renew_due();
    BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error().message));
    BOOST_REQUIRE(responder.ready() == service().cas().size());
  }

  Serial issue_serial() { return *Serial::parse(issue("web-1").serial); }

  Bytes cert_id(const Serial& serial) {
    const Issuer& issuer = service().ca(CaName::literal("issuing")).value()->issuer;
    const Bytes& name = issuer.subject_name();
    Bytes name_hash(SHA_DIGEST_LENGTH);
    SHA1(name.data(), name.size(), name_hash.data());
    DerWriter out;
    out.sequence([&] {
      out.sequence([&] {
        out.oid(oid::sha1);
        out.null();
      });
      out.element(der::octet_string, name_hash);
      out.element(der::octet_string, ocsp_key_hash(issuer.spki()));
      out.integer(ByteView(serial.bytes));
    });
    return out.take();
  }

  static Bytes request_of(ByteView cert_id) {
    DerWriter out;
    out.sequence([&] {
      out.sequence([&] { out.sequence([&] { out.sequence([&] { out.raw(cert_id); }); }); });
    });
    return out.take();
  }

  /// The tag of CertStatus, which follows the CertID; 0 where the response has none.
  static int status_in(const Bytes& response, const Bytes& cert_id) {
    const auto found =
        std::search(response.begin(), response.end(), cert_id.begin(), cert_id.end());
    const auto after = response.end() - found;
    if (after <= static_cast<std::ptrdiff_t>(cert_id.size())) return 0;
    return *(found + static_cast<std::ptrdiff_t>(cert_id.size()));
  }
  int ask(const Bytes& id) {
    return status_in(responder.answer(request_of(id)).der->all().value(), id);
  }

  static constexpr int kGood = 0x80, kRevoked = 0xa1, kUnknown = 0x82;
  OcspResponder responder;
};

}  // namespace

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
  const Bytes first = responder.answer(request).der->all().value();
  const std::uint64_t size = instance().log().head().size;
  for (int i = 0; i < 10; ++i) BOOST_TEST((responder.answer(request).der->all().value() == first));
  BOOST_TEST(instance().log().head().size == size);
  const Serial other = issue_serial();
  BOOST_REQUIRE(service().revoke(as("operator"), {other, superseded}));
  BOOST_TEST((responder.answer(request).der->all().value() == first));
  BOOST_TEST(responder.counters().signed_anew == 1U);
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
