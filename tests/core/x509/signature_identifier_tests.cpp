#include <boost/test/unit_test.hpp>

#include "core/signature_identifier.h"
#include "tests/core/x509/software_ca.h"

namespace chancery::test {

BOOST_AUTO_TEST_SUITE(signature_identifier)

// RFC 5758 section 3.2, RFC 4055 sections 3 and 5, RFC 8410 section 3; bytes as in `openssl
// asn1parse` of certificates that OpenSSL made.
BOOST_AUTO_TEST_CASE(encodings_are_those_of_the_standards) {
  const auto hex = [](SignatureAlgorithm algorithm) {
    return to_hex(chancery::signature_identifier(algorithm));
  };
  using enum SignatureAlgorithm;
  BOOST_TEST(hex(rsa_pkcs1_sha256) == "300d06092a864886f70d01010b0500");
  BOOST_TEST(hex(rsa_pkcs1_sha384) == "300d06092a864886f70d01010c0500");
  BOOST_TEST(hex(rsa_pkcs1_sha512) == "300d06092a864886f70d01010d0500");
  BOOST_TEST(hex(ecdsa_p256_sha256) == "300a06082a8648ce3d040302");
  BOOST_TEST(hex(ecdsa_p384_sha384) == "300a06082a8648ce3d040303");
  BOOST_TEST(hex(ecdsa_p521_sha512) == "300a06082a8648ce3d040304");
  BOOST_TEST(hex(ed25519) == "300506032b6570");
  BOOST_TEST(
      hex(rsa_pss_sha256) ==
      "304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f7"
      "0d010108300d06096086480165030402010500a203020120");
}

BOOST_AUTO_TEST_CASE(every_identifier_is_read_back_and_verifies) {
  const Bytes message = copy_of(bytes_of("message"));
  for (const SignatureAlgorithmRow& known : signature_algorithms()) {
    const auto read =
        decode_signature_identifier(chancery::signature_identifier(known.algorithm), "thing");
    BOOST_REQUIRE_MESSAGE(read, known.name << ": " << read.error().message);
    BOOST_TEST((read->family == known.family));
    BOOST_TEST((read->digest == known.digest));
    for (const KeyTypeRow& type : key_types()) {
      if (!fits(known.algorithm, type.type)) continue;
      const SoftwareKey& key = SoftwareKey::shared(type.type);
      Bytes signature = key.sign(known.algorithm, message);
      BOOST_TEST(verify_message(key.public_key(), *read, message, signature));
      BOOST_TEST(!verify_message(key.public_key(), *read, bytes_of("another"), signature));
      signature.back() ^= 1;
      BOOST_TEST(!verify_message(key.public_key(), *read, message, signature));
    }
  }
}

BOOST_AUTO_TEST_CASE(other_identifiers_are_refused) {
  const struct {
    const char* name;
    const char* der;
    const char* reason;
  } rows[] = {
      {"RSA without NULL", "300b06092a864886f70d01010b", "ends early"},
      {"Ed25519 with NULL", "300706032b65700500", "bytes follow"},
      {"PSS without parameters", "300b06092a864886f70d01010a", "ends early"},
      {"PSS with SHA-1, its default", "300d06092a864886f70d01010a3000", "SHA-1"},
      {"PSS with SHA-1 written out", "301a06092a864886f70d01010a300da00b300906052b0e03021a0500",
       "1.3.14.3.2.26"},
      {"PSS with another digest in MGF1",
       "304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f7"
       "0d010108300d06096086480165030402030500a203020120",
       "MGF1"},
      {"PSS with a salt of one octet less",
       "304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f7"
       "0d010108300d06096086480165030402010500a20302011f",
       "salt"},
      {"PSS with a trailer field",
       "304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864886f7"
       "0d010108300d06096086480165030402010500a203020120a303020101",
       "bytes follow"},
  };
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const auto read = decode_signature_identifier(*from_hex(row.der), "thing");
      BOOST_REQUIRE(!read);
      BOOST_TEST(read.error().field == "thing");
      BOOST_TEST(read.error().message.find(row.reason) != std::string::npos, read.error().message);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery::test
