#include <openssl/bn.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "core/certificate_request.h"
#include "core/der.h"
#include "core/weak_key.h"
#include "tests/core/x509/request_builder.h"

namespace chancery::test {
namespace {

using Number = HandlePtr<BIGNUM, BN_free>;
using NumberContext = HandlePtr<BN_CTX, BN_CTX_free>;

BN_CTX* context() {
  static const NumberContext numbers(BN_CTX_new());
  return numbers.get();
}

Number number(BN_ULONG value) {
  Number result(BN_new());
  BN_set_word(result.get(), value);
  return result;
}

Number product(const Number& a, const Number& b) {
  Number result(BN_new());
  BN_mul(result.get(), a.get(), b.get(), context());
  return result;
}

// A prime whose two top bits are set, so that a product of two has twice its bits.
Number random_prime(int bits) {
  Number prime(BN_new());
  BN_generate_prime_ex2(prime.get(), bits, 0, nullptr, nullptr, nullptr, context());
  return prime;
}

Number next_prime(const Number& from) {
  Number prime(BN_dup(from.get()));
  do {
    BN_add_word(prime.get(), 2);
  } while (BN_check_prime(prime.get(), context(), nullptr) != 1);
  return prime;
}

// A prime as Infineon's RSALib made them for RSA-2048: k*M + (65537^a mod M), M the product of the
// first 126 primes (Nemec et al. 2017, sections 2.1 and 2.2).
Number roca_prime() {
  Number primorial = number(1);
  unsigned found = 0;
  for (unsigned candidate = 2; found < 126; ++candidate) {
    bool prime = true;
    for (unsigned d = 2; d * d <= candidate; ++d) prime = prime && candidate % d != 0;
    if (!prime) continue;
    BN_mul_word(primorial.get(), candidate);
    ++found;
  }
  const Number generator = number(65537);
  for (;;) {
    Number a(BN_new()), k(BN_new()), prime(BN_new());
    BN_rand(a.get(), 62, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
    BN_rand(k.get(), 1024, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY);
    BN_div(k.get(), nullptr, k.get(), primorial.get(), context());
    BN_mod_exp(prime.get(), generator.get(), a.get(), primorial.get(), context());
    const Number multiple = product(k, primorial);
    BN_add(prime.get(), prime.get(), multiple.get());
    if (BN_num_bits(prime.get()) != 1024 || !BN_is_bit_set(prime.get(), 1022)) continue;
    if (BN_check_prime(prime.get(), context(), nullptr) == 1) return prime;
  }
}

Bytes rsa_spki(const Number& n, const Number& e) {
  const auto integer = [](DerWriter& out, const Number& value) {
    Bytes magnitude(static_cast<std::size_t>(BN_num_bytes(value.get())));
    BN_bn2bin(value.get(), magnitude.data());
    out.integer(ByteView(magnitude));
  };
  DerWriter key;
  key.sequence([&] {
    integer(key, n);
    integer(key, e);
  });
  DerWriter out;
  out.sequence([&] {
    out.sequence([&] {
      out.oid(std::string_view("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"));
      out.null();
    });
    out.bit_string(key.bytes());
  });
  return out.take();
}

// What stands in the way of this key, from reading it or from its strength.
Error refusal(const Bytes& spki) {
  const auto key = PublicKey::from_spki(spki);
  if (!key) return key.error();
  const auto strong = check_strength(*key);
  return strong ? Error{ErrorCode::internal, "accepted"} : strong.error();
}

void expect_refusal(const Bytes& spki, const std::string& reason) {
  const Error error = refusal(spki);
  BOOST_TEST((error.code == ErrorCode::invalid_request));
  BOOST_TEST(error.field == "public_key");
  BOOST_TEST(error.message.find(reason) != std::string::npos, error.message);
}

// A modulus of `bits` bits that `factor` divides, and no other number below 2,048.
Number divisible_by(BN_ULONG factor, int bits) {
  for (;;) {
    Number cofactor(BN_new());
    BN_rand(cofactor.get(), bits - BN_num_bits_word(factor) + 1, BN_RAND_TOP_ONE,
            BN_RAND_BOTTOM_ODD);
    bool good = true;
    for (BN_ULONG d = 3; d < 2048 && good; d += 2) good = BN_mod_word(cofactor.get(), d) != 0;
    Number n = product(cofactor, number(factor));
    if (good && BN_num_bits(n.get()) == bits) return n;
  }
}

struct TemporaryDirectory {
  std::string path;
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "weak-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(name.data()));
    path = name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
};

std::string output_of(const std::string& command) {
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  BOOST_REQUIRE(pipe);
  for (int c = fgetc(pipe); c != EOF; c = fgetc(pipe)) output += static_cast<char>(c);
  BOOST_REQUIRE(pclose(pipe) == 0);
  return output;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(weak_key)

BOOST_AUTO_TEST_CASE(generated_keys_of_every_type_are_strong) {
  for (const KeyTypeRow& type : key_types()) {
    const auto strong = check_strength(SoftwareKey::shared(type.type).public_key());
    BOOST_TEST(strong.has_value(), type.name);
  }
}

BOOST_AUTO_TEST_CASE(exponents_at_most_2_16_or_even_are_weak) {
  const Number n = product(random_prime(1024), random_prime(1024));
  BOOST_TEST(refusal(rsa_spki(n, number(65537))).message == "accepted");
  BOOST_TEST(refusal(rsa_spki(n, number(4294967297))).message == "accepted");
  for (BN_ULONG e : {1UL, 3UL, 17UL, 257UL, 65535UL}) {
    expect_refusal(rsa_spki(n, number(e)), "exponent is below 65537");
  }
  expect_refusal(rsa_spki(n, number(65536)), "exponent is even");
  expect_refusal(rsa_spki(n, number(65538)), "exponent is even");
}

BOOST_AUTO_TEST_CASE(moduli_of_other_sizes_are_refused) {
  for (int bits : {1024, 2047, 2049, 3071}) {
    expect_refusal(rsa_spki(divisible_by(1, bits), number(65537)), "2048, 3072 or 4096");
  }
}

BOOST_AUTO_TEST_CASE(small_factors_are_found) {
  Number even = divisible_by(1, 2048);
  BN_clear_bit(even.get(), 0);
  expect_refusal(rsa_spki(even, number(65537)), "divisible by 2");
  for (BN_ULONG factor : {3UL, 167UL, 2039UL}) {
    expect_refusal(rsa_spki(divisible_by(factor, 2048), number(65537)),
                   "divisible by " + std::to_string(factor));
  }
}

BOOST_AUTO_TEST_CASE(keys_of_infineons_library_are_recognised) {
  const Number n = product(roca_prime(), roca_prime());
  expect_refusal(rsa_spki(n, number(65537)), "ROCA");
  // One such prime is not enough: the form of n is what is seen.
  const Number mixed = product(roca_prime(), random_prime(1024));
  BOOST_TEST(refusal(rsa_spki(mixed, number(65537))).message == "accepted");
}

BOOST_AUTO_TEST_CASE(close_factors_are_found) {
  const Number p = random_prime(1024);
  expect_refusal(rsa_spki(product(p, p), number(65537)), "close together");
  expect_refusal(rsa_spki(product(p, next_prime(p)), number(65537)), "close together");
  Number near(BN_dup(p.get())), distance(BN_new());
  BN_set_bit(distance.get(), 514);
  BN_add(near.get(), near.get(), distance.get());
  expect_refusal(rsa_spki(product(p, next_prime(near)), number(65537)), "close together");
  Number far(BN_dup(p.get()));
  BN_set_bit(distance.get(), 600);
  BN_add(far.get(), far.get(), distance.get());
  BOOST_TEST(refusal(rsa_spki(product(p, next_prime(far)), number(65537))).message == "accepted");
}

BOOST_AUTO_TEST_CASE(ed25519_points_of_small_order_are_refused) {
  // RFC 8032: p = 2^255 - 19, d = -121665/121666; order 8 means d*y^4 + 2*y^2 = 1.
  const char* order_8[] = {"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                           "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"};
  Number p(BN_new()), d(BN_new()), sum(BN_new());
  BN_set_bit(p.get(), 255);
  BN_sub_word(p.get(), 19);
  const Number denominator = number(121666);
  BN_mod_inverse(d.get(), denominator.get(), p.get(), context());
  BN_mul_word(d.get(), 121665);
  BN_mod_sub(d.get(), number(0).get(), d.get(), p.get(), context());
  for (const char* encoded : order_8) {
    const Bytes y_bytes = *from_hex(encoded);
    const Number y(BN_lebin2bn(y_bytes.data(), 32, nullptr));
    Number y2(BN_new()), y4(BN_new());
    BN_mod_sqr(y2.get(), y.get(), p.get(), context());
    BN_mod_sqr(y4.get(), y2.get(), p.get(), context());
    BN_mod_mul(sum.get(), d.get(), y4.get(), p.get(), context());
    BN_mod_add(sum.get(), sum.get(), y2.get(), p.get(), context());
    BN_mod_add(sum.get(), sum.get(), y2.get(), p.get(), context());
    BOOST_TEST(BN_is_one(sum.get()));
  }
  const std::string ones(60, 'f'), zeros(62, '0');
  for (std::string point : {"00" + zeros, "01" + zeros, "ec" + ones + "7f", "ed" + ones + "7f",
                            "ee" + ones + "7f", std::string(order_8[0]), std::string(order_8[1])}) {
    for (std::uint8_t sign : {std::uint8_t{0}, std::uint8_t{0x80}}) {
      Bytes spki = *from_hex("302a300506032b6570032100" + point);
      spki.back() |= sign;
      const Error error = refusal(spki);
      BOOST_TEST(error.field == "public_key", point);
    }
  }
}

BOOST_AUTO_TEST_CASE(debian_lists_are_read_as_openssl_blacklist_writes_them) {
  const TemporaryDirectory directory;
  const PublicKey& key = SoftwareKey::shared(KeyType::rsa_2048).public_key();
  std::ofstream(directory.path + "/key.pem") << key.pem();
  // As the header of the package's lists says.
  const std::string line =
      output_of("openssl rsa -pubin -noout -modulus -in " + directory.path +
                "/key.pem 2>/dev/null | sha1sum | cut -d ' ' -f 1 | cut -c 21-");
  std::ofstream(directory.path + "/blacklist.RSA-2048") << "# a comment\n00005890bc78bcbee3ca\n"
                                                        << line;
  const auto lists = DebianWeakKeys::load(directory.path);
  BOOST_REQUIRE(lists);
  BOOST_TEST(lists->contains(key));
  const auto strong = check_strength(key, *lists);
  BOOST_REQUIRE(!strong);
  BOOST_TEST(strong.error().message.find("CVE-2008-0166") != std::string::npos);
  BOOST_TEST(!lists->contains(SoftwareKey::shared(KeyType::rsa_3072).public_key()));
  BOOST_TEST(!lists->contains(SoftwareKey::shared(KeyType::ec_p256).public_key()));

  std::ofstream(directory.path + "/blacklist.RSA-4096") << "# fine\nnot a hash\n";
  const auto broken = DebianWeakKeys::load(directory.path);
  BOOST_REQUIRE(!broken);
  BOOST_TEST(broken.error().message.find("RSA-4096:2") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(blocked_keys_are_read_line_by_line) {
  const TemporaryDirectory directory;
  const PublicKey& key = SoftwareKey::shared(KeyType::ec_p256).public_key();
  const std::string path = directory.path + "/blocked";
  std::ofstream(path) << "# stolen in 2026\n\n" << to_hex(key.spki_sha256()) << "\r\n";
  const auto blocked = BlockedKeys::load(path);
  BOOST_REQUIRE(blocked);
  BOOST_TEST(blocked->contains(key.spki_sha256()));
  BOOST_TEST(!blocked->contains(SoftwareKey::shared(KeyType::ec_p384).public_key().spki_sha256()));

  for (const char* bad : {"abc", "zz", " "}) {
    std::ofstream(path) << "# one\n" << bad << std::string(64, 'A') << "\n";
    const auto refused = BlockedKeys::load(path);
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().message.find(path + ":2") != std::string::npos);
  }
  BOOST_TEST(!BlockedKeys::load(directory.path + "/absent"));
}

BOOST_AUTO_TEST_CASE(a_request_with_a_weak_key_names_its_field) {
  RequestBuilder builder;
  builder.spki = rsa_spki(product(random_prime(1024), random_prime(1024)), number(3));
  const auto request = parse_certificate_request(builder.build());
  BOOST_REQUIRE(!request);
  BOOST_TEST(request.error().field == "csr.public_key");
  BOOST_TEST(request.error().message.find("exponent") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery::test
