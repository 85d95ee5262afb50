#include <boost/test/unit_test.hpp>
#include <functional>

#include "core/der.h"

namespace chancery::test {
namespace {

Bytes hex(std::string_view text) {
  auto bytes = from_hex(text);
  CHECK(bytes);
  return *bytes;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(der_encoding)

BOOST_AUTO_TEST_CASE(what_is_not_der_is_refused) {
  using Read = std::function<Result<void>(DerReader&)>;
  const auto reads = [](auto method) {
    return Read([method](DerReader& in) -> Result<void> {
      RETURN_IF_ERROR((in.*method)());
      return in.end();
    });
  };
  const Read any = reads(&DerReader::any), boolean = reads(&DerReader::boolean),
             integer = reads(&DerReader::integer), small = reads(&DerReader::small_integer),
             oid = reads(&DerReader::oid), octets = reads(&DerReader::bit_string),
             bits = reads(&DerReader::named_bits), time = reads(&DerReader::time);
  const struct {
    const char* name;
    Read read;
    std::string bytes;
    const char* reason;  // nullptr: it is DER
  } rows[] = {
      {"nothing", any, "", "ends early"},
      {"a tag alone", any, "30", "ends early"},
      {"content cut off", any, "040201", "ends early"},
      {"length cut off", any, "0482", "ends early"},
      {"indefinite length", any, "3080", "indefinite"},
      {"five octets of length", any, "04850000000001ff", "more than four"},
      {"long form for a short length", any, "048101ff", "shortest"},
      {"leading zero in the length", any, "04820081" + std::string(258, '0'), "shortest"},
      {"a length beyond memory", any, "0484ffffffff", "ends early"},
      {"high tag number", any, "1f2000", "tag number"},
      {"bytes follow", any, "050000", "bytes follow"},
      {"null", any, "0500", nullptr},
      {"129 octets", any, "048181" + std::string(258, '0'), nullptr},
      {"TRUE as 01", boolean, "010101", "00 or FF"},
      {"BOOLEAN of two octets", boolean, "0102ffff", "00 or FF"},
      {"TRUE", boolean, "0101ff", nullptr},
      {"INTEGER of no octets", integer, "0200", "without octets"},
      {"INTEGER with a needless zero", integer, "02020001", "shortest"},
      {"INTEGER with a needless ff", integer, "0202ff80", "shortest"},
      {"INTEGER with a needed zero", integer, "02020080", nullptr},
      {"ENUMERATED for INTEGER", integer, "0a0101", "tag 0a where 02"},
      {"a negative small one", small, "0201ff", "out of range"},
      {"a large small one", small, "02050100000000", "out of range"},
      {"2^31 - 1", small, "02047fffffff", nullptr},
      {"OID of no octets", oid, "0600", "incomplete"},
      {"OID cut off", oid, "060181", "incomplete"},
      {"OID with a padded arc", oid, "06028001", "shortest"},
      {"OID with a padded later arc", oid, "0603558001", "shortest"},
      {"OID with a huge arc", oid,
       "060b55"
       "ffffffffffffffffff7f",
       "63 bits"},
      {"OID", oid, "0603550403", nullptr},
      {"BIT STRING of no octets", octets, "0300", "whole octets"},
      {"BIT STRING with unused bits", octets, "030204f0", "whole octets"},
      {"BIT STRING of none", octets, "030100", nullptr},
      {"no named bits", bits, "030100", "none"},
      {"named bits with a trailing zero", bits,
       "03020780"
       "",
       nullptr},
      {"named bits not shortest", bits, "03020680", "shortest"},
      {"named bits with padding set", bits, "030204ff", "shortest"},
      {"nine unused bits", bits, "03020980", "none"},
      {"named bits of three octets", bits, "030400000001", "none"},
      {"UTCTime without seconds", time,
       "170b"
       "3236313130313030305a"
       "5a",
       "neither"},
      {"UTCTime with an offset", time,
       "1711"
       "3236313130313030303030302b30303030",
       "neither"},
      {"UTCTime", time,
       "170d"
       "3236313130313030303030305a",
       nullptr},
      {"UTCTime without Z", time,
       "170d"
       "32363131303130303030303030",
       "YYYYMMDDHHMMSSZ"},
      {"February 30th", time,
       "170d"
       "3236303233303030303030305a",
       "YYYYMMDDHHMMSSZ"},
      {"hour 24", time,
       "170d"
       "3236303230313234303030305a",
       "YYYYMMDDHHMMSSZ"},
      {"second 60", time,
       "170d"
       "3236303230313233353936305a",
       "YYYYMMDDHHMMSSZ"},
      {"a sign for a digit", time,
       "170d"
       "2d36303230313030303030305a",
       "YYYYMMDDHHMMSSZ"},
      {"GeneralizedTime with fractions", time,
       "1811"
       "32303530303130313030303030302e355a",
       "YYYYMMDDHHMMSSZ"},
      {"GeneralizedTime", time,
       "180f"
       "32303530303130313030303030305a",
       nullptr},
      {"an INTEGER for a time", time, "020101", "neither"},
  };
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const Bytes bytes = hex(row.bytes);
      DerReader in(bytes, "thing");
      const auto read = row.read(in);
      if (!row.reason) {
        BOOST_TEST(read.has_value());
        continue;
      }
      BOOST_REQUIRE(!read);
      BOOST_TEST(read.error().field == "thing");
      BOOST_TEST(read.error().message.find(row.reason) != std::string::npos, read.error().message);
    }
  }
}

BOOST_AUTO_TEST_CASE(lengths_are_written_in_their_shortest_form) {
  const struct {
    std::size_t size;
    std::string head;
  } rows[] = {{0, "0400"},       {127, "047f"},       {128, "048180"},      {255, "0481ff"},
              {256, "04820100"}, {65535, "0482ffff"}, {65536, "0483010000"}};
  for (const auto& row : rows) {
    DerWriter flat, nested;
    flat.element(der::octet_string, Bytes(row.size));
    nested.nested(der::octet_string, [&] { nested.raw(Bytes(row.size)); });
    BOOST_TEST(to_hex(ByteView(flat.bytes()).first(flat.bytes().size() - row.size)) == row.head);
    BOOST_TEST(flat.bytes() == nested.bytes());
    DerReader in(flat.bytes(), "thing");
    const auto element = in.element(der::octet_string);
    BOOST_REQUIRE(element);
    BOOST_TEST(element->content.size() == row.size);
  }
}

BOOST_AUTO_TEST_CASE(numbers_and_bits_are_written_in_their_shortest_form) {
  const auto number = [](ByteView magnitude) {
    DerWriter out;
    out.integer(magnitude);
    return to_hex(out.bytes());
  };
  BOOST_TEST(number({}) == "020100");
  BOOST_TEST(number(hex("0000")) == "020100");
  BOOST_TEST(number(hex("007f")) == "02017f");
  BOOST_TEST(number(hex("80")) == "02020080");
  const auto bits = [](unsigned value) {
    DerWriter out;
    out.named_bits(value);
    return to_hex(out.bytes());
  };
  BOOST_TEST(bits(1U << 0) == "03020780");            // digitalSignature
  BOOST_TEST(bits(1U << 5 | 1U << 6) == "03020106");  // keyCertSign, cRLSign
  BOOST_TEST(bits(1U << 8) == "0303070080");          // decipherOnly
  for (unsigned value = 1; value < 512; ++value) {
    DerWriter out;
    out.named_bits(value);
    DerReader in(out.bytes(), "thing");
    BOOST_TEST(in.named_bits().value_or(0) == value);
  }
}

BOOST_AUTO_TEST_CASE(times_turn_from_utc_to_generalized_in_2050) {
  const struct {
    const char* rfc3339;
    std::uint8_t tag;
    const char* text;
  } rows[] = {{"1950-01-01T00:00:00Z", der::utc_time, "500101000000Z"},
              {"1999-12-31T23:59:59Z", der::utc_time, "991231235959Z"},
              {"2026-11-22T09:40:50Z", der::utc_time, "261122094050Z"},
              {"2049-12-31T23:59:59Z", der::utc_time, "491231235959Z"},
              {"2050-01-01T00:00:00Z", der::generalized_time, "20500101000000Z"},
              {"9999-12-31T23:59:59Z", der::generalized_time, "99991231235959Z"}};
  for (const auto& row : rows) {
    const auto time = from_rfc3339(row.rfc3339);
    BOOST_REQUIRE(time);
    DerWriter out;
    out.time(*time);
    DerReader in(out.bytes(), "thing"), again(out.bytes(), "thing");
    const auto element = in.any();
    BOOST_REQUIRE(element);
    BOOST_TEST(element->tag == row.tag);
    BOOST_TEST(text_of(element->content) == row.text);
    BOOST_TEST((again.time().value_or(Time{}) == *time));
  }
}

BOOST_AUTO_TEST_CASE(oids_are_shown_with_dots) {
  BOOST_TEST(oid_text(hex("550403")) == "2.5.4.3");
  BOOST_TEST(oid_text(hex("2a864886f70d01010b")) == "1.2.840.113549.1.1.11");
  BOOST_TEST(oid_text(hex("883703")) == "2.999.3");  // X.660's example arc
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery::test
