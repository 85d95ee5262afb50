#include <boost/test/unit_test.hpp>

#include "core/der.h"
#include "core/ocsp_client.h"
#include "core/ocsp_request.h"
#include "tests/core/x509/software_ca.h"

namespace chancery::test {
namespace {

/// A CA, somebody with a certificate of this profile, and what he signs about one serial.
struct Responder {
  explicit Responder(const Profile& profile, const SoftwareCa& certifier)
      : issuer(*FaceIssuer::from(ca.certificate)) {
    CertificateDraft draft = server_draft(profile, key.public_key());
    if (profile.ocsp_nocheck) draft.names = {};
    certificate = certifier.issue(draft);
  }

  [[nodiscard]] Result<OcspReading> read(OcspStatus status, bool extended = false) const {
    const Bytes request = encode_ocsp_request(issuer, serial, {});
    const auto parsed = parse_ocsp_request(request);
    BOOST_REQUIRE(parsed.has_value());
    OcspDraft data;
    data.responder_key_hash = ocsp_key_hash(key.public_key().spki());
    data.answers.push_back({parsed->certificates.front().whole, status});
    data.this_update = today();
    data.next_update = today() + std::chrono::hours(48);
    data.extended_revoke = extended;
    const Bytes signed_data = encode_ocsp_response_data(data);
    const Bytes signature = key.sign(SignatureAlgorithm::ecdsa_p256_sha256, signed_data);
    const Bytes response = assemble_ocsp_response(
        signed_data, SignatureAlgorithm::ecdsa_p256_sha256, signature, certificate);
    return read_ocsp_response(response, issuer, serial, {});
  }

  SoftwareCa ca = SoftwareCa::root("root", KeyType::ec_p384);
  SoftwareKey key = SoftwareKey::make(KeyType::ec_p256);
  FaceIssuer issuer;
  Bytes certificate;
  Serial serial = Serial::allocate(to_unix_seconds(today()));
};

const OcspStatus kGood{OcspStatus::Kind::good, {}, {}};

}  // namespace

BOOST_AUTO_TEST_SUITE(ocsp_client)

BOOST_AUTO_TEST_CASE(only_whom_the_issuer_certified_for_that_answers) {
  const SoftwareCa ca = SoftwareCa::root("root", KeyType::ec_p384);
  const SoftwareCa other = SoftwareCa::intermediate(ca, "issuing", KeyType::ec_p256);
  const auto good = Responder(ocsp_profile(), ca).read(kGood);
  BOOST_REQUIRE_MESSAGE(good, (good ? "" : good.error().message));
  BOOST_CHECK(good->status.kind == OcspStatus::Kind::good);
  BOOST_TEST(!Responder(server_profile(), ca).read(kGood).has_value());
  // Certified for that by another CA, even one below.
  BOOST_TEST(!Responder(ocsp_profile(), other).read(kGood).has_value());
}

BOOST_AUTO_TEST_CASE(revoked_because_it_was_never_issued_is_told_apart) {
  const SoftwareCa ca = SoftwareCa::root("root", KeyType::ec_p384);
  const Responder responder(ocsp_profile(), ca);
  const OcspStatus never{OcspStatus::Kind::revoked, from_unix_seconds(0),
                         RevocationReason::certificate_hold};
  BOOST_TEST(responder.read(never, true).value().never_issued);
  BOOST_TEST(!responder.read(never, false).value().never_issued);
  const OcspStatus held{OcspStatus::Kind::revoked, today(), RevocationReason::certificate_hold};
  BOOST_TEST(!responder.read(held, true).value().never_issued);
  const auto unspecified =
      responder.read({OcspStatus::Kind::revoked, today(), RevocationReason::unspecified});
  BOOST_REQUIRE(unspecified.has_value());
  BOOST_CHECK(unspecified->status.reason == RevocationReason::unspecified);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery::test
