// CMS signed attributes: a good set, and a table of bad ones.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "core/der.h"
#include "core/message_cms.h"
#include "core/oid.h"
#include "tests/core/messages/content_text.h"

namespace chancery::test {
namespace {

using namespace std::string_view_literals;

constexpr auto kData = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"sv;         // 1.2.840.113549.1.7.1
constexpr auto kSigningTime = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05"sv;  // RFC 5652 section 11.3
constexpr auto kDigest = "0123456789abcdef0123456789abcdef"sv;

using Write = std::function<void(DerWriter&)>;

Bytes attribute(std::string_view type, const Write& values) {
  DerWriter out;
  out.sequence([&] {
    out.oid(type);
    out.nested(der::set, [&] { values(out); });
  });
  return out.take();
}
Bytes content_type() {
  return attribute(oid::cms_content_type, [](DerWriter& out) { out.oid(kData); });
}
Bytes digest_of(std::string_view octets) {
  return attribute(oid::cms_message_digest,
                   [&](DerWriter& out) { out.element(der::octet_string, octets); });
}
Bytes signing_time() {
  return attribute(kSigningTime,
                   [](DerWriter& out) { out.time(from_unix_seconds(1'800'000'000)); });
}

Bytes set_of(const std::vector<Bytes>& attributes, std::uint8_t tag = der::set) {
  DerWriter out;
  out.nested(tag, [&] {
    for (const Bytes& one : attributes) out.raw(one);
  });
  return out.take();
}

BOOST_AUTO_TEST_CASE(attributes_are_read) {
  // In DER's order: the shortest first.
  const Bytes message = set_of({content_type(), signing_time(), digest_of(kDigest)});
  BOOST_TEST(text_of_result(parse_cms_attributes(message)) == "content_type=1.2.840.113549.1.7.1");
}

struct Case {
  const char* name;
  Bytes message;
};
std::ostream& operator<<(std::ostream& out, const Case& one) {
  return out << one.name;
}
Bytes with_tail() {
  Bytes message = set_of({content_type(), digest_of(kDigest)});
  message.push_back(0);
  return message;
}
Bytes nested(int levels) {
  return attribute(kSigningTime, [&](DerWriter& out) {
    std::function<void(int)> write = [&](int left) {
      if (left > 0) out.sequence([&] { write(left - 1); });
    };
    write(levels);
  });
}
Bytes values(std::initializer_list<std::string_view> octets) {
  return attribute(kSigningTime, [&](DerWriter& out) {
    for (std::string_view one : octets) out.element(der::octet_string, one);
  });
}
/// Attributes 1.2.N.0 in their order, behind those that there must be.
Bytes many(int count) {
  std::vector<Bytes> all;
  for (int i = 0; i < count - 2; ++i) {
    const std::string type = {'\x2a', static_cast<char>(i), '\0'};
    all.push_back(attribute(type, [](DerWriter& out) { out.null(); }));
  }
  all.push_back(content_type());
  all.push_back(digest_of(kDigest));
  return set_of(all);
}
const Case kBad[] = {
    {"values in another order", set_of({values({"b", "a"}), content_type(), digest_of(kDigest)})},
    {"a value twice", set_of({values({"a", "a"}), content_type(), digest_of(kDigest)})},
    {"65 attributes", many(65)},
    {"nothing", {}},
    {"as in a SignerInfo", set_of({content_type(), digest_of(kDigest)}, der::constructed(0))},
    {"bytes behind it", with_tail()},
    {"no content type", set_of({digest_of(kDigest)})},
    {"no digest", set_of({content_type()})},
    {"another order", set_of({digest_of(kDigest), content_type()})},
    {"the content type twice", set_of({content_type(), content_type(), digest_of(kDigest)})},
    {"two digests",
     set_of({content_type(), digest_of(kDigest), digest_of("1123456789abcdef0123456789abcdef")})},
    {"another attribute twice",
     set_of({content_type(), signing_time(),
             attribute(kSigningTime,
                       [](DerWriter& out) { out.time(from_unix_seconds(1'900'000'000)); }),
             digest_of(kDigest)})},
    {"SHA-1", set_of({content_type(), digest_of(kDigest.substr(0, 20))})},
    {"two values of the digest",
     set_of({content_type(), attribute(oid::cms_message_digest,
                                       [](DerWriter& out) {
                                         out.element(der::octet_string, kDigest);
                                         out.element(der::octet_string, kDigest);
                                       })})},
    {"no value",
     set_of({attribute(kSigningTime, [](DerWriter&) {}), content_type(), digest_of(kDigest)})},
    {"a digest that is no octet string",
     set_of({attribute(oid::cms_message_digest, [](DerWriter& out) { out.integer(1); }),
             content_type()})},
    {"a value that is no DER",
     set_of(
         {attribute(kSigningTime, [](DerWriter& out) { out.element(der::sequence, "\x02\x7f"); }),
          content_type(), digest_of(kDigest)})},
    {"a value too deep", set_of({content_type(), nested(17), digest_of(kDigest)})},
};
BOOST_DATA_TEST_CASE(bad_attributes_are_refused, boost::unit_test::data::make(kBad), one) {
  const auto read = parse_cms_attributes(one.message);
  BOOST_REQUIRE(!read);
  BOOST_CHECK(read.error().code == ErrorCode::invalid_request);
  BOOST_TEST(read.error().field == "data");
}

// What makes each row of kBad bad is that one thing: the same with it mended is read.
BOOST_AUTO_TEST_CASE(nearly_as_bad_attributes_are_read) {
  BOOST_TEST(
      parse_cms_attributes(set_of({nested(3), content_type(), digest_of(kDigest)})).has_value());
  BOOST_TEST(parse_cms_attributes(set_of({values({"a", "b"}), content_type(), digest_of(kDigest)}))
                 .has_value());
  BOOST_TEST(parse_cms_attributes(many(64)).has_value());
}

}  // namespace
}  // namespace chancery::test
