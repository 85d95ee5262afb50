#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <boost/test/unit_test.hpp>

#include "core/openssl_ptr.h"
#include "core/public_key.h"

namespace chancery::test {
namespace {

using Pkey = HandlePtr<EVP_PKEY, EVP_PKEY_free>;

Pkey generate(KeyType type) {
  switch (row(type).family) {
    case KeyFamily::rsa:
      return Pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{row(type).bits}));
    case KeyFamily::ec:
      return Pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC",
                                    ("P-" + std::to_string(row(type).bits)).c_str()));
    case KeyFamily::ed25519:
      return Pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  }
  return nullptr;
}

Bytes spki_of(EVP_PKEY* key) {
  std::uint8_t* raw = nullptr;
  const int size = i2d_PUBKEY(key, &raw);
  Bytes spki(raw, raw + size);
  OPENSSL_free(raw);
  return spki;
}

std::string reason(const Bytes& spki) {
  const auto key = PublicKey::from_spki(spki);
  if (key) return "accepted";
  BOOST_TEST((key.error().code == ErrorCode::invalid_request));
  BOOST_TEST(key.error().field == "public_key");
  return key.error().message;
}

Bytes spki(KeyType type) {
  return spki_of(generate(type).get());
}

/// Lengths below 128 only.
Bytes wrap(std::uint8_t tag, const std::string& content) {
  Bytes out = {tag, static_cast<std::uint8_t>(content.size())};
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(public_key_tests)

// OpenSSL wrote each of them; what is made of it must be the same key to OpenSSL.
BOOST_AUTO_TEST_CASE(reads_every_type_as_openssl_does) {
  for (const KeyTypeRow& type : key_types()) {
    BOOST_TEST_CONTEXT(type.name) {
      const Pkey made = generate(type.type);
      const Bytes der = spki_of(made.get());
      const auto key = PublicKey::from_spki(der);
      BOOST_REQUIRE(key);
      BOOST_TEST((key->type() == type.type));
      BOOST_TEST(key->spki() == der);
      BOOST_TEST(EVP_PKEY_eq(key->handle(), made.get()) == 1);
      BOOST_TEST(spki_of(key->handle()) == der);
    }
  }
}

BOOST_AUTO_TEST_CASE(refuses_points_that_are_not_on_the_curve) {
  for (const KeyType type : {KeyType::ec_p256, KeyType::ec_p384, KeyType::ec_p521}) {
    Bytes der = spki(type);
    der.back() ^= 1;
    BOOST_TEST(has(reason(der), "point of its curve"), reason(der));
    BOOST_TEST(ERR_peek_error() == 0U);  // nothing is left behind for the next who looks
  }
}

BOOST_AUTO_TEST_CASE(refuses_other_forms_of_points) {
  const Pkey key = generate(KeyType::ec_p256);
  for (const char* form : {"compressed", "hybrid"}) {
    BOOST_REQUIRE(EVP_PKEY_set_utf8_string_param(key.get(), "point-format", form) == 1);
    BOOST_TEST(has(reason(spki_of(key.get())), "uncompressed"), form);
  }
}

BOOST_AUTO_TEST_CASE(refuses_other_keys) {
  struct Case {
    const char* name;
    Pkey key;
    const char* reason;
  };
  const Case cases[] = {
      {"another curve", Pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "secp256k1")), "curve"},
      {"another size", Pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{1024})), "1024"},
      {"another type", Pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448")), "RSA, EC or Ed25519"},
      {"no signature key", Pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519")), "Ed25519"},
  };
  for (const Case& c : cases) {
    BOOST_REQUIRE(c.key);
    BOOST_TEST(has(reason(spki_of(c.key.get())), c.reason), c.name);
  }
  const Pkey explicit_curve = generate(KeyType::ec_p256);
  BOOST_REQUIRE(EVP_PKEY_set_utf8_string_param(explicit_curve.get(), "encoding", "explicit") == 1);
  BOOST_TEST(has(reason(spki_of(explicit_curve.get())), "named curve"));
}

BOOST_AUTO_TEST_CASE(refuses_what_is_not_canonical) {
  const Bytes good = spki(KeyType::ed25519);
  BOOST_REQUIRE(reason(good) == "accepted");
  for (std::size_t size = 0; size < good.size(); ++size) {
    BOOST_TEST(reason(Bytes(good.begin(), good.begin() + static_cast<long>(size))) != "accepted");
  }
  Bytes longer = good;
  longer.push_back(0);
  BOOST_TEST(reason(longer) != "accepted");

  // Ed25519 with NULL parameters (RFC 8410 section 3 has none), a short key, an RSA modulus of 0.
  const std::string ed25519("\x06\x03\x2b\x65\x70", 5), null("\x05\x00", 2);
  const std::string key = std::string("\x03\x21\x00", 3) + std::string(32, 'k');
  const auto sequence = [](const std::string& content) {
    const Bytes der = wrap(0x30, content);
    return std::string(der.begin(), der.end());
  };
  const auto bytes = [&](const std::string& content) {
    const std::string der = sequence(content);
    return Bytes(der.begin(), der.end());
  };
  BOOST_TEST(reason(bytes(sequence(ed25519) + key)) == "accepted");
  BOOST_TEST(reason(bytes(sequence(ed25519 + null) + key)) != "accepted");
  BOOST_TEST(reason(bytes(sequence(ed25519) + std::string("\x03\x02\x00k", 4))) != "accepted");
  const std::string rsa("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 11);
  const std::string zero = sequence(std::string("\x02\x01\x00\x02\x01\x03", 6));
  const std::string bits =
      std::string("\x03", 1) + static_cast<char>(zero.size() + 1) + '\0' + zero;
  BOOST_TEST(has(reason(bytes(sequence(rsa + null) + bits)), "not positive"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery::test
