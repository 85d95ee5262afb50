// What a certificate request must not be: a table, and the requests it makes.
#include <boost/test/unit_test.hpp>

#include "core/alt_name.h"
#include "core/certificate_request.h"
#include "core/extension.h"
#include "core/limits.h"
#include "core/oid.h"
#include "tests/core/x509/request_builder.h"

namespace chancery::test {
namespace {

using namespace std::string_view_literals;

struct Refusal {
  const char* name;
  const char* field;
  const char* reason;  // a part of the message
  std::function<Bytes()> make;
};

Bytes with_subject(std::string_view oid, std::uint8_t tag, std::string_view value) {
  RequestBuilder builder;
  builder.subject = RequestBuilder::encode_subject({{oid, tag, value}});
  return builder.build();
}

Bytes with_alt_name(std::uint8_t tag, std::string_view value) {
  return RequestBuilder().add_alt_names({{tag, value}}).build();
}

Bytes with_extension(std::string_view oid, const std::function<void(DerWriter&)>& value,
                     bool critical = false) {
  return RequestBuilder()
      .add_extensions(
          [&](DerWriter& out) { write_extension(out, oid, critical, [&] { value(out); }); })
      .build();
}

Bytes with_names(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back("h" + std::to_string(i) + ".example.com");
  std::vector<std::pair<std::uint8_t, std::string_view>> list;
  for (const std::string& name : names) list.emplace_back(general_name::dns, name);
  return RequestBuilder().add_alt_names(list).build();
}

Bytes with_flipped_bit(std::size_t from_end) {
  Bytes der = RequestBuilder().build();
  der[der.size() - from_end] ^= 1;
  return der;
}

Bytes with_identifier(std::string_view oid, bool null_parameters) {
  RequestBuilder builder;
  DerWriter out;
  out.sequence([&] {
    out.oid(oid);
    if (null_parameters) out.null();
  });
  builder.signature_identifier = out.take();
  return builder.build();
}

// P-521's and others' SubjectPublicKeyInfo with another content.
Bytes with_spki(std::string_view algorithm, std::string_view parameters, ByteView key) {
  RequestBuilder builder;
  DerWriter out;
  out.sequence([&] {
    out.sequence([&] {
      out.oid(algorithm);
      if (!parameters.empty()) out.oid(parameters);
    });
    out.bit_string(key);
  });
  builder.spki = out.take();
  return builder.build();
}

constexpr auto kEcPublicKey = "\x2a\x86\x48\xce\x3d\x02\x01"sv;
constexpr auto kP256 = "\x2a\x86\x48\xce\x3d\x03\x01\x07"sv;
constexpr auto kSecp256k1 = "\x2b\x81\x04\x00\x0a"sv;

Bytes point(std::uint8_t form, std::uint8_t last) {
  const ByteView spki = SoftwareKey::shared(KeyType::ec_p256).public_key().spki();
  Bytes octets = copy_of(spki.last(65));
  octets[0] = form;
  octets[64] ^= last;
  return octets;
}

const std::vector<Refusal>& refusals() {
  constexpr std::uint8_t kT61String = 0x14, kBmpString = 0x1e, kDirectoryName = 0xa4,
                         kOtherName = 0xa0, kRegisteredId = 0x88;
  static const std::vector<Refusal> rows = {
      {"nothing", "csr", "neither DER nor one PEM block", [] { return Bytes{}; }},
      {"a sequence of nothing", "csr", "ends early",
       [] {
         return Bytes{0x30, 0x00};
       }},
      {"text", "csr", "neither DER", [] { return copy_of(bytes_of("hello")); }},
      {"PEM of a certificate", "csr", "no PEM block",
       [] { return copy_of(bytes_of(to_pem(RequestBuilder().build(), "CERTIFICATE"))); }},
      {"two PEM blocks", "csr", "several",
       [] {
         const std::string pem = to_pem(RequestBuilder().build(), "CERTIFICATE REQUEST");
         return copy_of(bytes_of(pem + pem));
       }},
      {"truncated", "csr", "ends early",
       [] {
         Bytes der = RequestBuilder().build();
         der.resize(der.size() / 2);
         return der;
       }},
      {"bytes follow", "csr", "bytes follow",
       [] {
         Bytes der = RequestBuilder().build();
         der.push_back(0);
         return der;
       }},
      {"indefinite length", "csr", "indefinite",
       [] {
         Bytes der = RequestBuilder().build();
         der[1] = 0x80;
         return der;
       }},
      {"version 2", "csr.version", "must be 0",
       [] {
         RequestBuilder builder;
         builder.version = 1;
         return builder.build();
       }},
      {"damaged signature", "csr.signature", "does not verify", [] { return with_flipped_bit(1); }},
      {"signed by another key", "csr.signature", "does not verify",
       [] {
         static const SoftwareKey other = SoftwareKey::make(KeyType::ec_p256);
         RequestBuilder builder;
         builder.key = &other;
         builder.spki = SoftwareKey::shared(KeyType::ec_p256).public_key().spki();
         return builder.build();
       }},
      {"signed by MD5", "csr.signature", "broken",
       [] { return with_identifier(oid::md5_with_rsa, true); }},
      {"signed by SHA-1", "csr.signature", "broken",
       [] { return with_identifier(oid::ecdsa_with_sha1, false); }},
      {"RSA's identifier over an EC signature", "csr.signature", "does not verify",
       [] { return with_identifier(oid::sha256_with_rsa, true); }},
      {"ECDSA with parameters", "csr.signature", "bytes follow",
       [] { return with_identifier(oid::ecdsa_with_sha256, true); }},
      {"an unknown algorithm", "csr.signature", "1.2.840.113549.1.1.8",
       [] { return with_identifier(oid::mgf1, false); }},

      {"NUL in the name", "csr.subject.common_name", "NUL",
       [] { return with_subject(oid::common_name, der::utf8_string, "www\0.evil"sv); }},
      {"newline in the name", "csr.subject.common_name", "control",
       [] { return with_subject(oid::common_name, der::utf8_string, "a\nb"); }},
      {"right-to-left override", "csr.subject.common_name", "invisible",
       [] {
         return with_subject(oid::common_name, der::utf8_string,
                             "a\xe2\x80\xae"
                             "b");
       }},
      {"not UTF-8", "csr.subject.common_name", "UTF-8",
       [] { return with_subject(oid::common_name, der::utf8_string, "a\xff"); }},
      {"overlong UTF-8", "csr.subject.common_name", "UTF-8",
       [] { return with_subject(oid::common_name, der::utf8_string, "a\xc0\xaf"); }},
      {"a surrogate", "csr.subject.common_name", "UTF-8",
       [] { return with_subject(oid::common_name, der::utf8_string, "\xed\xa0\x80"); }},
      {"T61String", "csr.subject.common_name", "UTF8String",
       [] { return with_subject(oid::common_name, kT61String, "www"); }},
      {"BMPString", "csr.subject.common_name", "UTF8String",
       [] { return with_subject(oid::common_name, kBmpString, "\0w"sv); }},
      {"IA5String", "csr.subject.common_name", "UTF8String",
       [] { return with_subject(oid::common_name, der::ia5_string, "www"); }},
      {"PrintableString with *", "csr.subject.common_name", "PrintableString",
       [] { return with_subject(oid::common_name, der::printable_string, "*.x"); }},
      {"an empty value", "csr.subject.common_name", "empty",
       [] { return with_subject(oid::common_name, der::utf8_string, ""); }},
      {"space around", "csr.subject.common_name", "space",
       [] { return with_subject(oid::common_name, der::utf8_string, " www"); }},
      {"65 characters", "csr.subject.common_name", "at most 64",
       [] { return with_subject(oid::common_name, der::utf8_string, std::string(65, 'a')); }},
      {"country of three letters", "csr.subject.country", "two capital",
       [] { return with_subject(oid::country, der::printable_string, "DEU"); }},
      {"country in small letters", "csr.subject.country", "two capital",
       [] { return with_subject(oid::country, der::printable_string, "de"); }},
      {"an unknown attribute", "csr.subject", "2.5.4.7",
       [] { return with_subject("\x55\x04\x07", der::utf8_string, "Berlin"); }},
      {"two common names", "csr.subject.common_name", "twice",
       [] {
         RequestBuilder builder;
         builder.subject =
             RequestBuilder::encode_subject({{oid::common_name, der::utf8_string, "a"},
                                             {oid::common_name, der::utf8_string, "b"}});
         return builder.build();
       }},
      {"an RDN of two", "csr.subject", "several attributes",
       [] {
         RequestBuilder builder;
         DerWriter out;
         out.sequence([&] {
           out.nested(der::set, [&] {
             for (std::string_view type : {oid::common_name, oid::organization}) {
               out.sequence([&] {
                 out.oid(type);
                 out.element(der::utf8_string, "a"sv);
               });
             }
           });
         });
         builder.subject = out.take();
         return builder.build();
       }},
      {"an empty RDN", "csr.subject", "ends early",
       [] {
         RequestBuilder builder;
         builder.subject = {0x30, 0x02, 0x31, 0x00};
         return builder.build();
       }},

      {"NUL in a DNS name", "csr.subject_alt_name", "NUL",
       [] { return with_alt_name(general_name::dns, "www.example.com\0.evil.com"sv); }},
      {"non-ASCII DNS name", "csr.subject_alt_name", "non-ASCII",
       [] { return with_alt_name(general_name::dns, "m\xc3\xbcller.example.com"); }},
      {"underscore", "csr.subject_alt_name", "DNS name",
       [] { return with_alt_name(general_name::dns, "a_b.example.com"); }},
      {"an inner wildcard", "csr.subject_alt_name", "DNS name",
       [] { return with_alt_name(general_name::dns, "www.*.example.com"); }},
      {"a wildcard of a top-level domain", "csr.subject_alt_name", "DNS name",
       [] { return with_alt_name(general_name::dns, "*.com"); }},
      {"a dot at the end", "csr.subject_alt_name", "DNS name",
       [] { return with_alt_name(general_name::dns, "www.example.com."); }},
      {"an empty DNS name", "csr.subject_alt_name", "empty",
       [] { return with_alt_name(general_name::dns, ""); }},
      {"an address of five octets", "csr.subject_alt_name", "5 octets",
       [] { return with_alt_name(general_name::ip, "\x01\x02\x03\x04\x05"); }},
      {"a network", "csr.subject_alt_name", "8 octets",
       [] { return with_alt_name(general_name::ip, "\x0a\0\0\0\xff\0\0\0"sv); }},
      {"IPv4 as IPv6", "csr.subject_alt_name", "IP address",
       [] {
         return with_alt_name(general_name::ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01"sv);
       }},
      {"a relative URI", "csr.subject_alt_name", "URI",
       [] { return with_alt_name(general_name::uri, "/path"); }},
      {"a bad address", "csr.subject_alt_name", ": e-mail address 1 is not a valid one",
       [] { return with_alt_name(general_name::email, "nobody"); }},
      {"directoryName", "csr.subject_alt_name", "neither",
       [] { return with_alt_name(kDirectoryName, "\x30\0"sv); }},
      {"otherName", "csr.subject_alt_name", "neither",
       [] { return with_alt_name(kOtherName, ""); }},
      {"registeredID", "csr.subject_alt_name", "neither",
       [] { return with_alt_name(kRegisteredId, "\x2a"); }},
      {"the same name twice", "csr.subject_alt_name", "twice",
       [] {
         return RequestBuilder()
             .add_alt_names(
                 {{general_name::dns, "a.example.com"}, {general_name::dns, "A.example.com"}})
             .build();
       }},
      {"the same address twice", "csr.subject_alt_name", ": e-mail address 2 is there twice",
       [] {
         return RequestBuilder()
             .add_alt_names(
                 {{general_name::email, "a@example.com"}, {general_name::email, "a@EXAMPLE.com"}})
             .build();
       }},
      {"101 names", "csr.subject_alt_name", "has 101 names; at most 100",
       [] { return with_names(101); }},
      {"no names", "csr.subject_alt_name", "empty",
       [] { return RequestBuilder().add_alt_names({}).build(); }},

      {"CA:TRUE", "csr.basicConstraints", "asks for a CA",
       [] {
         return with_extension(oid::basic_constraints,
                               [](DerWriter& out) { out.sequence([&] { out.boolean_true(); }); });
       }},
      {"a path length without CA", "csr.basicConstraints", "asks for a CA",
       [] {
         return with_extension(oid::basic_constraints,
                               [](DerWriter& out) { out.sequence([&] { out.integer(0U); }); });
       }},
      {"a malformed keyUsage", "csr.key_usage", "shortest form",
       [] {
         return with_extension(oid::key_usage, [](DerWriter& out) {
           out.element(der::bit_string, "\x00\x00"sv);  // a trailing zero bit
         });
       }},
      {"an empty extendedKeyUsage", "csr.extended_key_usage", "ends early",
       [] {
         return with_extension(oid::extended_key_usage,
                               [](DerWriter& out) { out.sequence([] {}); });
       }},
      {"a malformed subjectKeyIdentifier", "csr.subject_key_id", "tag 05",
       [] { return with_extension(oid::subject_key_id, [](DerWriter& out) { out.null(); }); }},
      {"an unknown extension", "csr.extensions", "2.5.29.36",
       [] { return with_extension("\x55\x1d\x24", [](DerWriter& out) { out.sequence([] {}); }); }},
      {"an unknown critical extension", "csr.extensions", "1.3.6.1.5.5.7.1.24",
       [] {
         return with_extension(
             "\x2b\x06\x01\x05\x05\x07\x01\x18", [](DerWriter& out) { out.sequence([] {}); }, true);
       }},
      {"an extension twice", "csr.extensions", "twice",
       [] {
         return RequestBuilder()
             .add_extensions([](DerWriter& out) {
               for (int i = 0; i < 2; ++i) {
                 write_extension(out, oid::key_usage, true, [&] { out.named_bits(1); });
               }
             })
             .build();
       }},
      {"extensions twice", "csr.attributes", "twice",
       [] {
         return RequestBuilder()
             .add_alt_names({{general_name::dns, "a.example.com"}})
             .add_alt_names({{general_name::dns, "b.example.com"}})
             .build();
       }},
      {"two values of extensionRequest", "csr.attributes", "twice",
       [] {
         return RequestBuilder()
             .add_attribute(oid::extension_request,
                            [](DerWriter& out) {
                              out.sequence([] {});
                              out.sequence([] {});
                            })
             .build();
       }},
      {"an unknown attribute of the request", "csr.attributes", "1.2.840.113549.1.9.2",
       [] {
         return RequestBuilder()
             .add_attribute("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02",
                            [](DerWriter& out) { out.element(der::utf8_string, "x"sv); })
             .build();
       }},
      {"critical FALSE written out", "csr.extensions", "critical FALSE",
       [] {
         return RequestBuilder()
             .add_extensions([](DerWriter& out) {
               out.sequence([&] {
                 out.oid(oid::key_usage);
                 out.element(der::boolean, "\0"sv);
                 out.nested(der::octet_string, [&] { out.named_bits(1); });
               });
             })
             .build();
       }},

      {"an unsupported curve", "csr.public_key", "",
       [] { return with_spki(kEcPublicKey, kSecp256k1, point(4, 0)); }},
      {"a point off the curve", "csr.public_key", "",
       [] { return with_spki(kEcPublicKey, kP256, point(4, 1)); }},
      {"the point at infinity", "csr.public_key", "",
       [] { return with_spki(kEcPublicKey, kP256, Bytes{0}); }},
      {"a hybrid point", "csr.public_key", "",
       [] { return with_spki(kEcPublicKey, kP256, point(6, 0)); }},
      {"an unsupported type of key", "csr.public_key", "",
       [] { return with_spki("\x2b\x65\x71", "", Bytes(57, 1)); }},  // Ed448
  };
  return rows;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(certificate_request_refusal)

BOOST_AUTO_TEST_CASE(refusals_name_field_and_reason) {
  for (const Refusal& row : refusals()) {
    BOOST_TEST_CONTEXT(row.name) {
      const auto request = parse_certificate_request(row.make());
      BOOST_REQUIRE(!request);
      BOOST_TEST((request.error().code == ErrorCode::invalid_request));
      BOOST_TEST(request.error().field == row.field);
      BOOST_TEST(request.error().message.find(row.reason) != std::string::npos,
                 "\"" << request.error().message << "\" says nothing of \"" << row.reason << "\"");
    }
  }
}

BOOST_AUTO_TEST_CASE(every_prefix_is_refused) {
  const Bytes der = RequestBuilder().add_alt_names({{general_name::dns, "a.example.com"}}).build();
  for (std::size_t size = 0; size < der.size(); ++size) {
    BOOST_TEST(!parse_certificate_request(ByteView(der).first(size)));
  }
  BOOST_TEST(parse_certificate_request(der).has_value());
}

BOOST_AUTO_TEST_CASE(too_large_is_said_before_anything_is_read) {
  for (std::uint8_t first : {std::uint8_t{0x30}, std::uint8_t{'-'}}) {
    const auto request = parse_certificate_request(Bytes(limits::csr_bytes * 2, first));
    BOOST_REQUIRE(!request);
    BOOST_TEST((request.error().code == ErrorCode::too_large));
    BOOST_TEST(request.error().field == "csr");
  }
  BOOST_TEST((parse_certificate_request(with_names(10'000)).error().code == ErrorCode::too_large));
}

BOOST_AUTO_TEST_CASE(exactly_100_names_are_accepted) {
  const auto request = parse_certificate_request(with_names(100));
  BOOST_REQUIRE(request);
  BOOST_TEST(request->names.dns.size() == 100U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery::test
