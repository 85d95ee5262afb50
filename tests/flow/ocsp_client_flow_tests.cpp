// What a client makes of the responder's answers, and of those that somebody has changed.
#include <boost/test/unit_test.hpp>

#include "core/ocsp_client.h"
#include "core/ocsp_responder.h"
#include "tests/flow/flow_fixture.h"

namespace chancery {
namespace {

using enum RevocationReason;

struct ClientFixture : FlowFixture {
  ClientFixture() : responder(instance()) {
    const auto made = responder.renew_due();
    BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error().message));
  }

  FaceIssuer issuer_named(const std::string& name) {
    auto issuer = FaceIssuer::from(service().ca(CaName::literal(name)).value()->record.certificate);
    BOOST_REQUIRE(issuer.has_value());
    return std::move(*issuer);
  }

  Serial issue_serial() { return *Serial::parse(issue("web-1").serial); }

  void revoke(const Serial& serial, RevocationReason reason) {
    BOOST_REQUIRE(service().revoke(as("operator"), {serial, reason}).has_value());
  }

  Bytes answer_to(const Serial& serial, ByteView nonce = {}) {
    return responder.answer(encode_ocsp_request(issuing, serial, nonce)).der->all().value();
  }

  OcspReading read(const Serial& serial, ByteView nonce = {}) {
    auto reading = read_ocsp_response(answer_to(serial, nonce), issuing, serial, nonce);
    BOOST_REQUIRE_MESSAGE(reading, (reading ? "" : reading.error().message));
    return *reading;
  }

  OcspResponder responder;
  FaceIssuer issuing = issuer_named("issuing");
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(ocsp_client_flow, ClientFixture)

BOOST_AUTO_TEST_CASE(each_status_is_read) {
  const Serial serial = issue_serial();
  const Bytes nonce = random_bytes(32);
  OcspReading reading = read(serial, nonce);
  BOOST_CHECK(reading.status.kind == OcspStatus::Kind::good);
  BOOST_TEST(reading.has_nonce);
  BOOST_REQUIRE(reading.next_update.has_value());
  BOOST_TEST((*reading.next_update - reading.this_update == instance().config().ocsp_lifetime));
  BOOST_TEST(!read(serial).has_nonce);

  revoke(serial, key_compromise);
  const auto row = store().revocation(serial);
  reading = read(serial);
  BOOST_CHECK((reading.status == OcspStatus{OcspStatus::Kind::revoked,
                                            std::chrono::floor<Seconds>((*row)->revoked_at),
                                            key_compromise}));
  BOOST_TEST(!reading.never_issued);
  const OcspReading unknown = read(Serial::allocate(1'800'000'000));
  BOOST_CHECK(unknown.status.kind == OcspStatus::Kind::unknown);
}

BOOST_AUTO_TEST_CASE(no_changed_octet_is_taken_for_an_answer) {
  const Serial serial = issue_serial();
  const Bytes nonce = random_bytes(32);
  const Bytes response = answer_to(serial, nonce);
  for (std::size_t i = 0; i < response.size(); ++i) {
    Bytes changed = response;
    changed[i] ^= 0x01;
    BOOST_TEST(!read_ocsp_response(changed, issuing, serial, nonce).has_value(), "octet " << i);
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, response.size() - 1}) {
    const auto cut = ByteView(response).first(size);
    BOOST_TEST(!read_ocsp_response(cut, issuing, serial, nonce).has_value());
  }
}

BOOST_AUTO_TEST_CASE(an_answer_to_another_question_is_none) {
  const Serial serial = issue_serial(), other = issue_serial();
  const Bytes nonce = random_bytes(32);
  const Bytes response = answer_to(serial, nonce);
  const struct {
    const char* name;
    Result<OcspReading> reading;
    const char* reason;
  } rows[] = {
      {"certificate", read_ocsp_response(response, issuing, other, nonce),
       "it is about another certificate"},
      {"nonce", read_ocsp_response(response, issuing, serial, random_bytes(32)),
       "its nonce is another one"},
      {"issuer", read_ocsp_response(response, issuer_named("root"), serial, nonce),
       "the signature is not that of its issuer's responder"},
      {"failure",
       read_ocsp_response(encode_ocsp_failure(OcspFailure::try_later), issuing, serial, nonce),
       "the responder says tryLater"},
      {"text", read_ocsp_response(bytes_of("<html>"), issuing, serial, nonce),
       "what came is not an OCSP response"},
  };
  for (const auto& row : rows) {
    BOOST_REQUIRE_MESSAGE(!row.reading, row.name);
    BOOST_TEST(row.reading.error().message.starts_with(row.reason),
               row.name << ": " << row.reading.error().message);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
