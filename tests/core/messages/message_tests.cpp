// One class is never taken for another, and what a message says of its signer must be true.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>

#include "core/message.h"
#include "core/message_fields.h"
#include "core/signature_identifier.h"
#include "core/ssh_key.h"
#include "tests/core/messages/content_text.h"
#include "tests/core/x509/software_ca.h"

namespace chancery::test {
namespace {

using namespace std::string_view_literals;

constexpr auto kAlgorithm = SignatureAlgorithm::ecdsa_p256_sha256;

const SoftwareKey& signer() {
  return SoftwareKey::shared(KeyType::ec_p256);
}

Result<MessageContent> read_as(MessageClass message_class, ByteView message,
                               std::string_view context = "",
                               SignatureAlgorithm algorithm = kAlgorithm) {
  return read_message(message, {message_class, context, algorithm, signer().public_key()},
                      from_unix_seconds(1'800'000'000));
}

std::string jwt(std::string_view header = R"({"alg":"ES256"})") {
  return to_base64url(bytes_of(header)) + "." + to_base64url(bytes_of("{}"));
}

std::string ssh_certificate(const Bytes& signature_key) {
  const auto string = [](std::string_view content) {
    return std::string(3, '\0') + static_cast<char>(content.size()) + std::string(content);
  };
  return string("ssh-ed25519-cert-v01@openssh.com") + string("0123456789abcdef") +
         string("0123456789abcdef0123456789abcdef") + std::string(8, '\0') + "\0\0\0\1"sv.data() +
         std::string("\0\0\0\1", 4) + string("id") + string(string("web-1")) +
         std::string(8, '\0') + std::string(8, '\xff') + string("") + string("") + string("") +
         string(text_of(signature_key));
}

Bytes tbs_certificate() {
  static const SoftwareCa ca = SoftwareCa::root("root", KeyType::ec_p256);
  static const Profile profile = server_profile();
  return rehearse(ca.issuer, server_draft(profile, signer().public_key())).value();
}

Bytes tbs_crl() {
  static const SoftwareCa ca = SoftwareCa::root("root", KeyType::ec_p256);
  CrlDraft draft;
  draft.number = "1";
  draft.this_update = from_unix_seconds(1'800'000'000);
  draft.next_update = draft.this_update + Seconds(60);
  return build_crl_tbs(ca.issuer, draft);
}

const Bytes& attributes() {
  static const Bytes bytes = *from_hex(
      "314b301806092a864886f70d010903310b06092a864886f70d010701302f06092a864886f70d010904"
      "31220420" +
      std::string(64, 'a'));
  return bytes;
}

struct Message {
  MessageClass message_class;
  Bytes bytes;
};
std::vector<Message> messages() {
  return {{MessageClass::jwt, copy_of(bytes_of(jwt()))},
          {MessageClass::ssh_certificate,
           copy_of(bytes_of(ssh_certificate(ssh_public_key(signer().public_key()))))},
          {MessageClass::certificate, tbs_certificate()},
          {MessageClass::crl, tbs_crl()},
          {MessageClass::cms_attributes, attributes()},
          {MessageClass::data, copy_of(bytes_of("release/1\0bytes"sv))}};
}

// Every message as every class, with and without a context.
BOOST_AUTO_TEST_CASE(a_message_is_of_its_own_class_only) {
  for (const Message& message : messages()) {
    for (const Message& other : messages()) {
      const bool same = message.message_class == other.message_class;
      const auto read = read_as(other.message_class, message.bytes,
                                other.message_class == MessageClass::data ? "release/1" : "");
      BOOST_TEST(read.has_value() == same, std::string(name_of(message.message_class)) + " as " +
                                               std::string(name_of(other.message_class)) + ": " +
                                               text_of_result(read));
      if (read) BOOST_CHECK(read->message_class == message.message_class);
    }
    const auto unbound = read_as(MessageClass::data, message.bytes);
    BOOST_TEST(unbound.has_value() == (message.message_class == MessageClass::data));
    if (unbound) continue;
    BOOST_TEST(unbound.error().field == "data");
    BOOST_TEST(unbound.error().message.find(
                   "of class " + std::string(name_of(message.message_class))) != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(a_key_for_digests_reads_no_data) {
  const auto read = read_as(MessageClass::digest, bytes_of("hello"));
  BOOST_REQUIRE(!read);
  BOOST_CHECK(read.error().code == ErrorCode::conflict);
}

BOOST_AUTO_TEST_CASE(the_algorithm_in_the_message_is_the_one_that_signs) {
  for (const char* header : {R"({"alg":"none"})", R"({"alg":"HS256"})", R"({"alg":"es256"})",
                             R"({"alg":"ES384"})", R"({"alg":""})"}) {
    const auto read = read_as(MessageClass::jwt, bytes_of(jwt(header)));
    BOOST_REQUIRE_MESSAGE(!read, header);
    BOOST_TEST(read.error().field == "data.header.alg");
  }
  for (const SignatureAlgorithmRow& row : signature_algorithms()) {
    const std::string header = R"({"alg":")" + std::string(row.jose) + "\"}";
    BOOST_TEST(read_as(MessageClass::jwt, bytes_of(jwt(header)), "", row.algorithm).has_value(),
               row.name);
    for (const Bytes& tbs : {tbs_certificate(), tbs_crl()}) {
      const auto of =
          text_of(tbs) == text_of(tbs_crl()) ? MessageClass::crl : MessageClass::certificate;
      const auto read = read_as(of, tbs, "", row.algorithm);
      BOOST_TEST(read.has_value() == (row.algorithm == kAlgorithm), row.name);
      if (!read) BOOST_TEST(read.error().field == "data.signature");
    }
  }
}

BOOST_AUTO_TEST_CASE(an_ssh_certificate_names_the_key_that_signs) {
  const Bytes other = ssh_public_key(SoftwareKey::shared(KeyType::ed25519).public_key());
  const auto read = read_as(MessageClass::ssh_certificate, bytes_of(ssh_certificate(other)));
  BOOST_REQUIRE(!read);
  BOOST_TEST(read.error().field == "data.signature_key");
}

struct ContextCase {
  const char* name;
  std::string message;
  bool good;
};
std::ostream& operator<<(std::ostream& out, const ContextCase& one) {
  return out << one.name;
}
const ContextCase kContexts[] = {
    {"the context and data", std::string("release\0data", 12), true},
    {"the context alone", std::string("release\0", 8), true},
    {"no NUL", "release", false},
    {"another character", "release data", false},
    {"a longer context", std::string("release2\0data", 13), false},
    {"a shorter context", std::string("releas\0data", 11), false},
    {"nothing", "", false},
    {"no context", "data", false},
};
BOOST_DATA_TEST_CASE(data_begins_with_the_context, boost::unit_test::data::make(kContexts), one) {
  const auto read = read_as(MessageClass::data, bytes_of(one.message), "release");
  BOOST_TEST(read.has_value() == one.good);
  if (read) BOOST_TEST(text_of_content(*read) == "context=release");
}

// One context may begin with another: the NUL is where it ends.
BOOST_AUTO_TEST_CASE(data_is_of_one_context) {
  const std::string contexts[] = {"a", "ab", "a/b", "a.b", "aa", "A"};
  for (const std::string& bound : contexts) {
    for (const std::string& sent : contexts) {
      for (const std::string& rest : {std::string(), std::string("b"), std::string("\0b", 2)}) {
        const std::string message = sent + '\0' + rest;
        BOOST_TEST(
            read_as(MessageClass::data, bytes_of(message), bound).has_value() == (bound == sent),
            sent + " by a key for " + bound);
      }
    }
  }
}

// PyJWT passes over what is not base64: behind a context too, a header may stand for it.
BOOST_AUTO_TEST_CASE(a_context_that_begins_a_token_is_no_way_round) {
  const std::string token = jwt();
  const std::string context = token.substr(0, 8);
  BOOST_REQUIRE(check_context(context));
  BOOST_TEST(!read_as(MessageClass::data, bytes_of(context + '\0' + token.substr(8)), context));
}

struct Resemblance {
  const char* name;
  std::string message;
  std::string expected;  ///< class, or empty
};
std::ostream& operator<<(std::ostream& out, const Resemblance& one) {
  return out << one.name;
}
std::string hex(std::string_view text) {
  return std::string(text_of(from_hex(text).value()));
}
const Resemblance kResemblances[] = {
    {"nothing", "", ""},
    {"text", "Hello, world. How are you?", ""},
    {"text whose base64 begins with a brace", "example.com is a name", ""},
    {"a version", "1.2.3", ""},
    {"JSON", R"({"alg":"ES256"}.x)", ""},
    {"an ELF file", hex("7f454c46020101") + ".text", ""},
    {"a token", jwt(), "jwt"},
    {"a signed token", jwt() + ".AAAA", "jwt"},
    {"a token with an unencoded payload", to_base64url(bytes_of(R"({"b64":false})")) + ".any",
     "jwt"},
    {"a token in base64", "eyI/PyI6IiJ9.e30", "jwt"},
    {"a token with padding", "e30=.e30=", "jwt"},
    {"a token over lines", "e3\r\n0.e30", "jwt"},
    {"a token with other characters",
     "e!3\xff"
     "0.e30",
     "jwt"},
    {"a token behind a byte order mark", to_base64url(bytes_of("\xef\xbb\xbf{}")) + ".", "jwt"},
    {"a token in UTF-16", to_base64url(bytes_of("\xff\xfe{\0\"\0x\0"sv)) + ".", "jwt"},
    {"a token in UTF-16, the other way", to_base64url(bytes_of("\0{\0\"\0x\0"sv)) + ".", "jwt"},
    {"a token of few readers' JSON", to_base64url(bytes_of("{ alg : 'ES256'}")) + ".", "jwt"},
    {"single quotes", to_base64url(bytes_of("{'alg':'ES256'}")) + ".", "jwt"},
    {"an unprotected header only", "." + to_base64url(bytes_of(R"({"sub":"x"})")), "jwt"},
    {"a name that begins with a dot", ".profile", ""},
    {"a sentence", "export PATH=/usr/bin. Then go on.", ""},
    {"SSH's certificate, whatever follows", hex("0000000f") + "any-cert-v99@x.y",
     "ssh-certificate"},
    {"SSH's public key", hex("0000000b") + "ssh-ed25519" + hex("00000020"), ""},
    {"SSH's signature", "SSHSIG" + hex("00000001"), ""},
    {"attributes", hex("310430020603"), ""},
    {"attributes of any sort", hex("310a300806032a030431010500"), "cms-attributes"},
    {"attributes in BER", hex("3180308006032a030431800500"), "cms-attributes"},
    {"v1 of a certificate", hex("30203081010201013003060100") + hex("3000301e170d"), ""},
    {"v1",
     hex("3020"
         "020101"
         "3003060100"
         "3000"
         "301e170d"),
     "certificate"},
    {"v3 with long lengths",
     hex("308120"
         "a08103020102"
         "02820001"
         "01"
         "30810306010"
         "0"
         "308100"
         "30811e170d"),
     "certificate"},
    {"v3 with an indefinite length around",
     hex("3080"
         "a003020102"
         "020101"
         "3003060100"
         "3000"
         "301e180f"),
     "certificate"},
    {"v3 with a name of indefinite length",
     hex("3080"
         "a003020102"
         "020101"
         "3003060100"
         "30800000"
         "301e180f"),
     "certificate"},
    {"a list of v1",
     hex("3020"
         "3003060100"
         "3000"
         "170d"),
     "crl"},
    {"a list",
     hex("3020"
         "020101"
         "3003060100"
         "3000"
         "170d"),
     "crl"},
    {"a certificate that is signed",
     hex("3020"
         "3010a003020102"
         "0201013003060100"
         "300030"
         "00"
         "3003060100"
         "030100"),
     ""},
    {"a CSR to be signed",
     hex("3020"
         "020100"
         "3000"
         "3010"
         "300b0609"),
     ""},
    {"CMS in BER",
     hex("3080"
         "06092a864886f70d010702"
         "a080"),
     ""},
};
BOOST_DATA_TEST_CASE(lenient_readers_are_thought_of, boost::unit_test::data::make(kResemblances),
                     one) {
  const auto found = class_resembled(bytes_of(one.message));
  BOOST_TEST((found ? std::string(name_of(*found)) : "") == one.expected);
}

BOOST_AUTO_TEST_CASE(contexts_have_a_form) {
  for (const std::string& good : {std::string("a"), std::string("Z"),
                                  std::string("example.com/release-1_x"), std::string(64, 'a')}) {
    BOOST_TEST(check_context(good).has_value(), good);
  }
  for (const std::string& bad :
       {std::string(), std::string("1a"), std::string("/a"), std::string(".a"), std::string("a b"),
        std::string("a\0b", 3), std::string("a\n"), std::string("\u00e4"), std::string(65, 'a')}) {
    const auto refused = check_context(bad);
    BOOST_REQUIRE_MESSAGE(!refused, bad);
    BOOST_TEST(refused.error().field == "context");
  }
}

BOOST_AUTO_TEST_CASE(some_algorithms_do_not_suit_a_class) {
  BOOST_TEST(suits(MessageClass::ssh_certificate, SignatureAlgorithm::rsa_pkcs1_sha512));
  BOOST_TEST(!suits(MessageClass::ssh_certificate, SignatureAlgorithm::rsa_pkcs1_sha384));
  BOOST_TEST(!suits(MessageClass::ssh_certificate, SignatureAlgorithm::rsa_pss_sha256));
  BOOST_TEST(!suits(MessageClass::digest, SignatureAlgorithm::ed25519));
  BOOST_TEST(suits(MessageClass::digest, kAlgorithm));
  for (const SignatureAlgorithmRow& row : signature_algorithms()) {
    BOOST_TEST(suits(MessageClass::jwt, row.algorithm));
  }
}

BOOST_AUTO_TEST_CASE(fields_of_a_class_are_named_once) {
  for (const MessageFieldRow& row : message_fields()) {
    BOOST_TEST(has_field(row.message_class, row.name));
    const auto same = std::ranges::count_if(message_fields(), [&](const MessageFieldRow& other) {
      return other.message_class == row.message_class && other.name == row.name;
    });
    BOOST_TEST(same == 1, row.name);
  }
  std::ifstream file(CHANCERY_SOURCE_DIR "/docs/message-classes.md");
  const std::string page((std::istreambuf_iterator<char>(file)), {});
  for (const MessageFieldRow& row : message_fields()) {
    // The line of the class in the page's table has the field.
    const std::string begins = "\n| `" + std::string(name_of(row.message_class)) + "` |";
    const std::size_t line = page.find(begins);
    BOOST_REQUIRE_MESSAGE(line != page.npos, begins);
    const std::string text = page.substr(line, page.find('\n', line + 1) - line);
    BOOST_TEST(text.find("`" + std::string(row.name) + "`") != text.npos, row.name);
  }
  BOOST_TEST(!has_field(MessageClass::digest, "context"));
  BOOST_TEST(is_personal("subject", "a@example.com"));
  BOOST_TEST(!is_personal("subject", "web-1"));
  BOOST_TEST(!is_personal("extension", "x@example.com"));
}

}  // namespace
}  // namespace chancery::test
