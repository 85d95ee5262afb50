// TBSCertificates and TBSCertLists: what is read of those that this service would make, and a table
// of what may not stand in them.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "core/alt_name.h"
#include "core/extension.h"
#include "core/message_x509.h"
#include "core/oid.h"
#include "core/signature_identifier.h"
#include "tests/core/messages/content_text.h"
#include "tests/core/x509/software_ca.h"

namespace chancery::test {
namespace {

using namespace std::string_view_literals;

constexpr std::int64_t kNow = 1'800'000'000;
const Time kAt = from_unix_seconds(kNow);

using Write = std::function<void(DerWriter&)>;

void write_attribute(DerWriter& out, std::string_view oid, std::string_view value,
                     std::uint8_t tag = der::utf8_string) {
  out.nested(der::set, [&] {
    out.sequence([&] {
      out.oid(oid);
      out.element(tag, value);
    });
  });
}

Write name(std::string_view common_name) {
  return [common_name](DerWriter& out) {
    out.sequence([&] {
      write_attribute(out, oid::organization, "Example, Inc.");
      write_attribute(out, oid::common_name, common_name);
    });
  };
}

/// A TBSCertificate of which each part may be another one.
struct Tbs {
  unsigned version = 2;
  bool write_version = true, write_extensions = true;
  Bytes serial = {0x12, 0x34};
  Write issuer = name("CA"), subject = name("www"), after_key, alt_names, more;
  Time not_before = kAt, not_after = kAt + Seconds(3600);
  bool generalized = false;
  Bytes spki = SoftwareKey::shared(KeyType::ec_p256).public_key().spki();

  [[nodiscard]] Bytes der() const {
    DerWriter out;
    out.sequence([&] {
      if (write_version) out.nested(der::constructed(0), [&] { out.integer(version); });
      out.element(der::integer, ByteView(serial));
      out.raw(signature_identifier(SignatureAlgorithm::ecdsa_p256_sha256));
      issuer(out);
      out.sequence([&] {
        out.time(not_before);
        if (generalized) out.generalized_time(not_after);
        if (!generalized) out.time(not_after);
      });
      subject(out);
      out.raw(spki);
      if (after_key) after_key(out);
      if (!write_extensions) return;
      out.nested(der::constructed(3), [&] {
        out.sequence([&] {
          write_extension(out, oid::key_usage, true, [&] { out.named_bits(0b1000'0000'1); });
          if (alt_names)
            write_extension(out, oid::subject_alt_name, false, [&] { alt_names(out); });
          if (more) more(out);
        });
      });
    });
    return out.take();
  }
};

/// Extensions 1.2.N, each with NULL.
Write extensions(int count) {
  return [count](DerWriter& out) {
    for (int i = 0; i < count; ++i) {
      const std::string oid = {'\x2a', static_cast<char>(i)};
      write_extension(out, oid, false, [&] { out.null(); });
    }
  };
}

Write constraints(const Write& content) {
  return [content](DerWriter& out) {
    write_extension(out, oid::basic_constraints, true,
                    [&] { out.sequence([&] { content(out); }); });
  };
}

Write alt_name(std::uint8_t tag, std::string_view value) {
  return [tag, value](DerWriter& out) { out.sequence([&] { out.element(tag, value); }); };
}

std::string read(const Bytes& der) {
  const auto certificate = parse_tbs_certificate(der, kAt);
  return text_of_result(certificate);
}

BOOST_AUTO_TEST_CASE(a_certificate_of_this_service_is_read) {
  const SoftwareCa ca = SoftwareCa::root("root", KeyType::ec_p256);
  const Profile profile = server_profile();
  CertificateDraft draft =
      server_draft(profile, SoftwareKey::shared(KeyType::ed25519).public_key());
  draft.names = {{"www.example.com", "*.example.org"},
                 {"192.0.2.1", "2001:db8::1"},
                 {"spiffe://example.com/web"},
                 {"a@example.com"}};
  const Bytes tbs = rehearse(ca.issuer, draft).value();
  const auto read = parse_tbs_certificate(tbs, draft.not_after - Seconds(60));
  BOOST_REQUIRE(read);
  const std::string said = text_of_content(read->content);
  for (const char* part : {"issuer=CN=root", "dns_name=www.example.com|*.example.org",
                           "ip_address=192.0.2.1|2001:db8::1", "uri=spiffe://example.com/web",
                           "email=a@example.com", "ca=false", "key_usage=digital_signature",
                           "extended_key_usage=server_auth", "lifetime=60"}) {
    BOOST_TEST(said.find(part) != said.npos, std::string(part) + " in " + said);
  }
  BOOST_TEST(text_of(read->algorithm) ==
             text_of(signature_identifier(SignatureAlgorithm::ecdsa_p256_sha256)));
  BOOST_TEST(!parse_tbs_crl(tbs, kAt));
}

BOOST_AUTO_TEST_CASE(a_crl_of_this_service_is_read) {
  const SoftwareCa ca = SoftwareCa::root("root", KeyType::ec_p256);
  CrlDraft draft;
  draft.number = "1234567890123456789012";
  draft.this_update = kAt;
  draft.next_update = kAt + Seconds(3600);
  DerWriter entries;
  RevokedEntry entry;
  entry.serial = *Serial::parse("0123456789abcdef0123456789abcdef01234567");
  entry.revoked_at = kAt;
  entry.reason = RevocationReason::key_compromise;
  write_revoked_entry(entries, entry);
  draft.entries = 1;
  draft.encoded_entries = entries.take();
  const Bytes tbs = build_crl_tbs(ca.issuer, draft);
  const auto read = parse_tbs_crl(tbs, kAt);
  BOOST_REQUIRE(read);
  BOOST_TEST(text_of_content(read->content) ==
             "issuer=CN=root,O=Example GmbH,C=DE number=1234567890123456789012 lifetime=3600");
  BOOST_TEST(!parse_tbs_certificate(tbs, kAt));
  for (std::size_t size = 0; size < tbs.size(); ++size) {
    BOOST_TEST(!parse_tbs_crl(ByteView(tbs).first(size), kAt), size);
  }
}

struct ListCase {
  const char* name;
  Write entries;  ///< of revokedCertificates
  const char* expected;
};
std::ostream& operator<<(std::ostream& out, const ListCase& one) {
  return out << one.name;
}
Write revoked(const Write& after_serial) {
  return [after_serial](DerWriter& out) {
    out.sequence([&] {
      out.integer(7);
      after_serial(out);
    });
  };
}
const ListCase kLists[] = {
    {"an entry", revoked([](DerWriter& out) { out.time(kAt); }), "issuer=CN=CA,"},
    {"none", [](DerWriter&) {}, "data: "},
    {"GeneralizedTime before 2050", revoked([](DerWriter& out) { out.generalized_time(kAt); }),
     "data.revocation_date: "},
    {"an empty list of extensions", revoked([](DerWriter& out) {
       out.time(kAt);
       out.sequence([] {});
     }),
     "data.extensions: "},
    {"an extension twice", revoked([](DerWriter& out) {
       out.time(kAt);
       out.sequence([&] {
         extensions(1)(out);
         extensions(1)(out);
       });
     }),
     "data.extensions: "},
    {"65 extensions", revoked([](DerWriter& out) {
       out.time(kAt);
       out.sequence([&] { extensions(65)(out); });
     }),
     "data.extensions: "},
    {"something behind it", revoked([](DerWriter& out) {
       out.time(kAt);
       out.sequence([&] { extensions(1)(out); });
       out.null();
     }),
     "data: "},
};
BOOST_DATA_TEST_CASE(entries_of_a_crl_are_read, boost::unit_test::data::make(kLists), one) {
  DerWriter out;
  out.sequence([&] {
    out.integer(1);
    out.raw(signature_identifier(SignatureAlgorithm::ecdsa_p256_sha256));
    name("CA")(out);
    out.time(kAt);
    out.sequence([&] { one.entries(out); });
  });
  const std::string said = text_of_result(parse_tbs_crl(out.bytes(), kAt));
  BOOST_TEST(said.starts_with(one.expected), said);
}

struct Case {
  const char* name;
  std::function<void(Tbs&)> change;
  const char* expected;  ///< what is read has this; of a refusal, it begins so
};
std::ostream& operator<<(std::ostream& out, const Case& one) {
  return out << one.name;
}

const Case kGood[] = {
    {"names as text, the last first", [](Tbs&) {},
     "issuer=CN=CA,O=Example\\, Inc. common_name=www subject=CN=www,O=Example\\, Inc. ca=false "
     "key_usage=digital_signature|decipher_only lifetime=3600"},
    {"no subject", [](Tbs& t) { t.subject = [](DerWriter& out) { out.sequence([] {}); }; },
     "Inc. ca=false"},
    {"what RFC 4514 escapes", [](Tbs& t) { t.subject = name("#a+b;c<d>e\\f\"g"); },
     "subject=CN=\\#a\\+b\\;c\\<d\\>e\\\\f\\\"g,O="},
    {"space around", [](Tbs& t) { t.subject = name(" a "); }, "subject=CN=\\ a\\ ,O="},
    {"an attribute without a short name",
     [](Tbs& t) {
       t.subject = [](DerWriter& out) {
         out.sequence([&] { write_attribute(out, "\x55\x04\x05", "7", der::printable_string); });
       };
     },
     "subject=2.5.4.5=#130137"},
    {"a domain in IA5",
     [](Tbs& t) {
       t.subject = [](DerWriter& out) {
         out.sequence([&] { write_attribute(out, oid::domain_component, "com", der::ia5_string); });
       };
     },
     "subject=DC=com"},
    {"a CA",
     [](Tbs& t) {
       t.more = [](DerWriter& out) {
         write_extension(out, oid::basic_constraints, true,
                         [&] { out.sequence([&] { out.boolean_true(); }); });
       };
     },
     "ca=true"},
    {"constraints of no CA", [](Tbs& t) { t.more = constraints([](DerWriter&) {}); }, "ca=false"},
    {"an end in 2050", [](Tbs& t) { t.not_after = from_unix_seconds(2'524'608'000); },
     "lifetime=724608000"},
    {"63 extensions more", [](Tbs& t) { t.more = extensions(63); }, "ca=false"},
    {"a purpose without a name",
     [](Tbs& t) {
       t.more = [](DerWriter& out) {
         write_extension(out, oid::extended_key_usage, false,
                         [&] { out.sequence([&] { out.oid("\x2a\x03\x04"); }); });
       };
     },
     "extended_key_usage=1.2.3.4"},
};
BOOST_DATA_TEST_CASE(an_x509_certificate_is_read, boost::unit_test::data::make(kGood), one) {
  Tbs tbs;
  one.change(tbs);
  const std::string said = read(tbs.der());
  BOOST_TEST(said.find(one.expected) != said.npos, said);
}

const Case kBad[] = {
    {"v1", [](Tbs& t) { t.write_version = false; }, "data.version: "},
    {"v2", [](Tbs& t) { t.version = 1; }, "data.version: "},
    {"a negative serial", [](Tbs& t) { t.serial = {0x80}; }, "data.serial: "},
    {"the serial zero", [](Tbs& t) { t.serial = {0}; }, "data.serial: "},
    {"a serial of 21 octets", [](Tbs& t) { t.serial = Bytes(21, 1); }, "data.serial: "},
    {"a serial with a zero in front",
     [](Tbs& t) {
       t.serial = {0, 1};
     },
     "data: "},
    {"no issuer", [](Tbs& t) { t.issuer = [](DerWriter& out) { out.sequence([] {}); }; },
     "data.issuer: "},
    {"an e-mail address in the subject",
     [](Tbs& t) {
       t.subject = [](DerWriter& out) {
         out.sequence(
             [&] { write_attribute(out, oid::email_address, "a@b.example", der::ia5_string); });
       };
     },
     "data.subject: "},
    {"a subject in BMPString",
     [](Tbs& t) {
       t.subject = [](DerWriter& out) {
         out.sequence([&] { write_attribute(out, oid::common_name, "\0a"sv, 0x1e); });
       };
     },
     "data.subject: "},
    {"a NUL in the subject", [](Tbs& t) { t.subject = name("a\0b"sv); }, "data.subject: "},
    {"an empty common name", [](Tbs& t) { t.subject = name(""); }, "data.subject: "},
    {"an RDN in another order",
     [](Tbs& t) {
       t.subject = [](DerWriter& out) {
         out.sequence([&] {
           out.nested(der::set, [&] {
             for (const char* value : {"b", "a"}) {
               out.sequence([&] {
                 out.oid(oid::common_name);
                 out.element(der::utf8_string, value);
               });
             }
           });
         });
       };
     },
     "data.subject: "},
    {"an end at its beginning", [](Tbs& t) { t.not_after = t.not_before; }, "data.not_after: "},
    {"a key that is none",
     [](Tbs& t) {
       t.spki = {0x30, 0};
     },
     "data.public_key: "},
    {"a unique identifier",
     [](Tbs& t) { t.after_key = [](DerWriter& out) { out.element(der::primitive(1), "\0\1"sv); }; },
     "data: "},
    {"an extension twice",
     [](Tbs& t) {
       t.more = [](DerWriter& out) {
         write_extension(out, oid::key_usage, true, [&] { out.named_bits(1); });
       };
     },
     "data.extensions: "},
    {"64 extensions more", [](Tbs& t) { t.more = extensions(64); }, "data.extensions: "},
    {"no extension", [](Tbs& t) { t.write_extensions = false; }, "data.extensions: "},
    {"a FALSE that is the default",
     [](Tbs& t) {
       t.more = constraints([](DerWriter& out) { out.element(der::boolean, "\0"sv); });
     },
     "data.basic_constraints: "},
    {"a path length of no CA",
     [](Tbs& t) { t.more = constraints([](DerWriter& out) { out.integer(1); }); },
     "data.basic_constraints: "},
    {"GeneralizedTime before 2050", [](Tbs& t) { t.generalized = true; }, "data.not_after: "},
    {"a directory name among the alternative names",
     [](Tbs& t) { t.alt_names = alt_name(der::constructed(4), "\x30\0"sv); },
     "data.subject_alt_name: "},
    {"another name", [](Tbs& t) { t.alt_names = alt_name(der::constructed(0), "\6\1\1"sv); },
     "data.subject_alt_name: "},
    {"a DNS name that is none", [](Tbs& t) { t.alt_names = alt_name(general_name::dns, "a_b"); },
     "data.subject_alt_name: "},
    {"an IPv4 address in IPv6's clothes",
     [](Tbs& t) {
       t.alt_names = alt_name(general_name::ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1"sv);
     },
     "data.subject_alt_name: "},
};
BOOST_DATA_TEST_CASE(a_bad_certificate_is_refused, boost::unit_test::data::make(kBad), one) {
  Tbs tbs;
  one.change(tbs);
  const std::string said = read(tbs.der());
  BOOST_TEST(said.starts_with(one.expected), said);
}

BOOST_AUTO_TEST_CASE(a_certificate_cut_off_or_longer_is_refused) {
  Bytes whole = Tbs().der();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    BOOST_TEST(!parse_tbs_certificate(ByteView(whole).first(size), kAt), size);
  }
  whole.push_back(0);
  BOOST_TEST(!parse_tbs_certificate(whole, kAt));
}

}  // namespace
}  // namespace chancery::test
