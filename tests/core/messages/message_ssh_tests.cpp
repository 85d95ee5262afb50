// OpenSSH certificates up to the signature: a good one of each type, and what may not stand in
// them. That ssh-keygen makes and reads the same is in tests/system/message_tests.py.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "core/message_ssh.h"
#include "core/ssh_key.h"
#include "tests/core/messages/content_text.h"
#include "tests/core/x509/software_ca.h"

namespace chancery::test {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;

/// A certificate of which each part may be another one.
struct Certificate {
  std::string type = "ssh-ed25519-cert-v01@openssh.com";
  std::string nonce = std::string(32, 'n');
  std::string key = string(std::string(32, 'k'));  // everything between nonce and serial
  std::uint32_t kind = 1;
  std::string key_id = "alice's laptop";
  std::string principals = string("alice") + string("deploy");
  std::uint64_t valid_after = kNow - 60, valid_before = kNow + 3600;
  std::string options = string("force-command") + string(string("/bin/true"));
  std::string extensions = string("permit-pty") + string("") + string("x@example.com") + string("");
  std::string reserved, signature_key = "the CA", tail;

  static std::string number(std::uint64_t value, int bytes) {
    std::string text;
    while (bytes-- > 0) text += static_cast<char>(value >> (8 * bytes));
    return text;
  }
  static std::string string(const std::string& content) {
    return number(content.size(), 4) + content;
  }
  [[nodiscard]] std::string text() const {
    return string(type) + string(nonce) + key + number(7, 8) + number(kind, 4) + string(key_id) +
           string(principals) + number(valid_after, 8) + number(valid_before, 8) + string(options) +
           string(extensions) + string(reserved) + string(signature_key) + tail;
  }
};

std::string read(const std::string& message) {
  return text_of_result(parse_ssh_certificate(bytes_of(message), from_unix_seconds(kNow)));
}

const std::string kRead =
    "type=user key_id=alice's laptop principal=alice|deploy critical_option=force-command "
    "extension=permit-pty|x@example.com lifetime=3600";

/// Of so many bits, if the exponent and the modulus are to be odd.
std::string rsa(int bits, const std::string& exponent = std::string("\1\0\1", 3),
                char last = '\xff') {
  std::string modulus(static_cast<std::size_t>(bits + 7) / 8, '\xff');
  modulus.front() = static_cast<char>(0xff >> (8 * modulus.size() - static_cast<unsigned>(bits)));
  modulus.back() = last;
  if (bits % 8 == 0) modulus.insert(0, 1, '\0');
  return Certificate::string(exponent) + Certificate::string(modulus);
}

std::string ecdsa(const std::string& curve, std::size_t point) {
  return Certificate::string(curve) + Certificate::string("\x04" + std::string(point - 1, 'p'));
}

struct KeyCase {
  std::string type, key;
};
std::ostream& operator<<(std::ostream& out, const KeyCase& one) {
  return out << one.type;
}
const KeyCase kKeys[] = {
    {"ssh-ed25519-cert-v01@openssh.com", Certificate().key},
    {"sk-ssh-ed25519-cert-v01@openssh.com", Certificate().key + Certificate::string("ssh:")},
    {"ecdsa-sha2-nistp256-cert-v01@openssh.com", ecdsa("nistp256", 65)},
    {"ecdsa-sha2-nistp384-cert-v01@openssh.com", ecdsa("nistp384", 97)},
    {"ecdsa-sha2-nistp521-cert-v01@openssh.com", ecdsa("nistp521", 133)},
    {"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
     ecdsa("nistp256", 65) + Certificate::string("ssh:")},
    {"ssh-rsa-cert-v01@openssh.com", rsa(2048)},
    {"ssh-rsa-cert-v01@openssh.com", rsa(16'384, "\3")},
};
BOOST_DATA_TEST_CASE(a_certificate_of_each_type_is_read, boost::unit_test::data::make(kKeys), one) {
  Certificate certificate;
  certificate.type = one.type;
  certificate.key = one.key;
  BOOST_TEST(read(certificate.text()) == kRead);
}

BOOST_AUTO_TEST_CASE(a_host_for_ever_is_read_as_such) {
  Certificate certificate;
  certificate.kind = 2;
  certificate.principals = Certificate::string("web-1");
  certificate.options = certificate.extensions = "";
  certificate.valid_before = ~std::uint64_t{0};
  BOOST_TEST(read(certificate.text()) == "type=host key_id=alice's laptop principal=web-1");
}

struct Case {
  const char* name;
  std::function<void(Certificate&)> change;
  const char* field;
};
std::ostream& operator<<(std::ostream& out, const Case& one) {
  return out << one.name;
}
const Case kBad[] = {
    {"another type", [](Certificate& c) { c.type = "ssh-ed25519"; }, "data.type"},
    {"DSA", [](Certificate& c) { c.type = "ssh-dss-cert-v01@openssh.com"; }, "data.type"},
    {"a short nonce", [](Certificate& c) { c.nonce = "0123456789abcde"; }, "data.nonce"},
    {"a long nonce", [](Certificate& c) { c.nonce = std::string(65, 'n'); }, "data.nonce"},
    {"a short key", [](Certificate& c) { c.key = Certificate::string("k"); }, "data.public_key"},
    {"another curve",
     [](Certificate& c) {
       c.type = "ecdsa-sha2-nistp256-cert-v01@openssh.com";
       c.key = ecdsa("nistp384", 65);
     },
     "data.public_key"},
    {"a compressed point",
     [](Certificate& c) {
       c.type = "ecdsa-sha2-nistp256-cert-v01@openssh.com";
       c.key = Certificate::string("nistp256") + Certificate::string(std::string(65, '\2'));
     },
     "data.public_key"},
    {"an RSA exponent with a zero in front",
     [](Certificate& c) {
       c.type = "ssh-rsa-cert-v01@openssh.com";
       c.key = Certificate::string(std::string("\0\1", 2)) + Certificate::string("m");
     },
     "data.public_key"},
    {"a negative RSA modulus",
     [](Certificate& c) {
       c.type = "ssh-rsa-cert-v01@openssh.com";
       c.key = Certificate::string("\3") + Certificate::string("\x80");
     },
     "data.public_key"},
    {"an RSA key of 2047 bits",
     [](Certificate& c) {
       c.type = "ssh-rsa-cert-v01@openssh.com";
       c.key = rsa(2047);
     },
     "data.public_key"},
    {"an RSA key that is too long",
     [](Certificate& c) {
       c.type = "ssh-rsa-cert-v01@openssh.com";
       c.key = rsa(16'385);
     },
     "data.public_key"},
    {"an even RSA modulus",
     [](Certificate& c) {
       c.type = "ssh-rsa-cert-v01@openssh.com";
       c.key = rsa(2048, "\3", '\2');
     },
     "data.public_key"},
    {"the RSA exponent one",
     [](Certificate& c) {
       c.type = "ssh-rsa-cert-v01@openssh.com";
       c.key = rsa(2048, "\1");
     },
     "data.public_key"},
    {"neither user nor host", [](Certificate& c) { c.kind = 3; }, "data.kind"},
    {"a key id with a line end", [](Certificate& c) { c.key_id = "a\nb"; }, "data.key_id"},
    {"no principals", [](Certificate& c) { c.principals = ""; }, "data.valid_principals"},
    {"a principal without name", [](Certificate& c) { c.principals += Certificate::string(""); },
     "data.valid_principals"},
    {"a principal cut off", [](Certificate& c) { c.principals += "\1"; }, "data.valid_principals"},
    {"a principal with a NUL",
     [](Certificate& c) { c.principals = Certificate::string(std::string("a\0b", 3)); },
     "data.valid_principals"},
    {"an end at its beginning", [](Certificate& c) { c.valid_before = c.valid_after; },
     "data.valid_before"},
    {"an end beyond 9999", [](Certificate& c) { c.valid_before = ~std::uint64_t{1}; },
     "data.valid_before"},
    {"an option twice", [](Certificate& c) { c.options += c.options; }, "data.critical_options"},
    {"options in another order",
     [](Certificate& c) {
       c.options = Certificate::string("verify-required") + Certificate::string("") + c.options;
     },
     "data.critical_options"},
    {"an option without data", [](Certificate& c) { c.options = Certificate::string("a"); },
     "data.critical_options"},
    {"an option whose data is two strings",
     [](Certificate& c) {
       c.options = Certificate::string("a") +
                   Certificate::string(Certificate::string("b") + Certificate::string("c"));
     },
     "data.critical_options"},
    {"an extension twice", [](Certificate& c) { c.extensions += c.extensions; }, "data.extensions"},
    {"something reserved", [](Certificate& c) { c.reserved = "x"; }, "data.reserved"},
    {"a signature", [](Certificate& c) { c.tail = Certificate::string("signature"); }, "data"},
};
BOOST_DATA_TEST_CASE(a_bad_ssh_certificate_is_refused, boost::unit_test::data::make(kBad), one) {
  Certificate certificate;
  one.change(certificate);
  const auto said = parse_ssh_certificate(bytes_of(certificate.text()), from_unix_seconds(kNow));
  BOOST_REQUIRE(!said);
  BOOST_TEST(said.error().field == one.field, said.error().message);
}

BOOST_AUTO_TEST_CASE(a_certificate_cut_off_anywhere_is_refused) {
  const std::string whole = Certificate().text();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    BOOST_TEST(!parse_ssh_certificate(bytes_of(whole.substr(0, size)), now()), size);
  }
}

// The beginning of each form; ssh-keygen reads the whole in tests/system/message_tests.py.
BOOST_AUTO_TEST_CASE(public_keys_are_written_as_ssh_does) {
  const std::pair<KeyType, std::string> kForms[] = {
      {KeyType::ed25519, Certificate::string("ssh-ed25519") + Certificate::number(32, 4)},
      {KeyType::ec_p256, Certificate::string("ecdsa-sha2-nistp256") +
                             Certificate::string("nistp256") + Certificate::number(65, 4) + "\4"},
      {KeyType::ec_p384, Certificate::string("ecdsa-sha2-nistp384") +
                             Certificate::string("nistp384") + Certificate::number(97, 4) + "\4"},
      {KeyType::ec_p521, Certificate::string("ecdsa-sha2-nistp521") +
                             Certificate::string("nistp521") + Certificate::number(133, 4) + "\4"},
      {KeyType::rsa_2048, Certificate::string("ssh-rsa") +
                              Certificate::string(std::string("\1\0\1", 3)) +
                              Certificate::number(257, 4) + std::string(1, '\0')},
  };
  for (const auto& [type, beginning] : kForms) {
    const Bytes key = ssh_public_key(SoftwareKey::shared(type).public_key());
    BOOST_TEST(text_of(key).starts_with(beginning), row(type).name);
  }
}

}  // namespace
}  // namespace chancery::test
