#include "core/der.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace chancery {

namespace {

// Octets of a length in the long form's tail (X.690 section 8.1.3.5), most significant first.
struct LengthOctets {
  std::array<std::uint8_t, 5> bytes{};
  std::size_t count = 0;
};

LengthOctets encode_length(std::size_t length) {
  CHECK(length <= 0xffffffffU);
  LengthOctets octets;
  if (length < 0x80) {
    octets.bytes[octets.count++] = static_cast<std::uint8_t>(length);
    return octets;
  }
  std::size_t tail = 1;
  while (length >> (8 * tail)) ++tail;
  octets.bytes[octets.count++] = static_cast<std::uint8_t>(0x80U | tail);
  while (tail-- > 0) {
    octets.bytes[octets.count++] = static_cast<std::uint8_t>(length >> (8 * tail));
  }
  return octets;
}

// The value of the decimal digits in `text`, or nothing where another character is among them.
std::optional<int> number(std::string_view text) {
  int value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

// YYYYMMDDHHMMSSZ.
std::optional<Time> parse_generalized(std::string_view text) {
  using namespace std::chrono;
  if (text.size() != 15 || text[14] != 'Z') return std::nullopt;
  const auto y = number(text.substr(0, 4)), mo = number(text.substr(4, 2)),
             d = number(text.substr(6, 2)), h = number(text.substr(8, 2)),
             mi = number(text.substr(10, 2)), s = number(text.substr(12, 2));
  if (!y || !mo || !d || !h || !mi || !s || *h > 23 || *mi > 59 || *s > 59) return std::nullopt;
  const year_month_day date{year{*y}, month{static_cast<unsigned>(*mo)},
                            day{static_cast<unsigned>(*d)}};
  if (!date.ok()) return std::nullopt;
  return Time{sys_days{date} + hours{*h} + minutes{*mi} + seconds{*s}};
}

}  // namespace

void DerWriter::header(std::uint8_t tag, std::size_t length) {
  const LengthOctets octets = encode_length(length);
  bytes_.push_back(tag);
  bytes_.insert(bytes_.end(), octets.bytes.begin(), octets.bytes.begin() + octets.count);
}

void DerWriter::element(std::uint8_t tag, ByteView content) {
  header(tag, content.size());
  raw(content);
}

std::size_t DerWriter::open(std::uint8_t tag) {
  bytes_.push_back(tag);
  bytes_.push_back(0);  // room for the short form; close() makes more where it is needed
  return bytes_.size();
}

void DerWriter::close(std::size_t start) {
  const LengthOctets octets = encode_length(bytes_.size() - start);
  bytes_[start - 1] = octets.bytes[0];
  bytes_.insert(bytes_.begin() + static_cast<std::ptrdiff_t>(start), octets.bytes.begin() + 1,
                octets.bytes.begin() + octets.count);
}

void DerWriter::integer(unsigned value) {
  const std::array<std::uint8_t, 4> magnitude = {
      static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
      static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
  integer(ByteView(magnitude));
}

void DerWriter::integer(ByteView magnitude) {
  while (magnitude.size() > 1 && magnitude[0] == 0) magnitude = magnitude.subspan(1);
  const bool pad = magnitude.empty() || (magnitude[0] & 0x80) != 0;
  header(der::integer, magnitude.size() + (pad ? 1 : 0));
  if (pad) bytes_.push_back(0);
  raw(magnitude);
}

void DerWriter::bit_string(ByteView octets) {
  header(der::bit_string, octets.size() + 1);
  bytes_.push_back(0);
  raw(octets);
}

void DerWriter::named_bits(unsigned bits) {
  CHECK(bits < (1U << 9));
  unsigned count = 9;  // named bits up to the last one that is set
  while (count > 0 && !(bits & (1U << (count - 1)))) --count;
  std::array<std::uint8_t, 3> content{};
  for (unsigned bit = 0; bit < count; ++bit) {
    if (bits & (1U << bit)) content[1 + bit / 8] |= static_cast<std::uint8_t>(0x80U >> (bit % 8));
  }
  const std::size_t octets = (count + 7) / 8;
  content[0] = static_cast<std::uint8_t>(octets * 8 - count);
  element(der::bit_string, ByteView(content).first(octets + 1));
}

namespace {

using GeneralizedTime = std::array<char, 15>;  // "YYYYMMDDHHMMSSZ"

GeneralizedTime generalized(Time time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{floor<seconds>(time - day)};
  const int year = static_cast<int>(date.year());
  CHECK(year >= 1950 && year <= 9999);
  GeneralizedTime text{};
  auto end = text.begin();
  // Not printf: a CRL has a million of these.
  const auto put = [&end](unsigned two_digits) {
    *end++ = static_cast<char>('0' + two_digits / 10);
    *end++ = static_cast<char>('0' + two_digits % 10);
  };
  put(static_cast<unsigned>(year) / 100);
  put(static_cast<unsigned>(year) % 100);
  put(static_cast<unsigned>(date.month()));
  put(static_cast<unsigned>(date.day()));
  put(static_cast<unsigned>(clock.hours().count()));
  put(static_cast<unsigned>(clock.minutes().count()));
  put(static_cast<unsigned>(clock.seconds().count()));
  *end = 'Z';
  return text;
}

}  // namespace

void DerWriter::time(Time time) {
  const GeneralizedTime text = generalized(time);
  const std::string_view digits(text.data(), text.size());
  if (digits < "2050") {
    element(der::utc_time, digits.substr(2));
  } else {
    element(der::generalized_time, digits);
  }
}

void DerWriter::generalized_time(Time time) {
  const GeneralizedTime text = generalized(time);
  element(der::generalized_time, std::string_view(text.data(), text.size()));
}

Failure DerReader::malformed(std::string_view what) const {
  return invalid(std::string(field_),
                 std::string(field_) + " is not valid DER: " + std::string(what));
}

Result<void> DerReader::end() const {
  if (!at_end()) return malformed("bytes follow the end");
  return {};
}

Result<DerElement> DerReader::any() {
  if (rest_.size() < 2) return malformed("it ends early");
  const std::uint8_t tag = rest_[0];
  if ((tag & 0x1f) == 0x1f) return malformed("a tag number above 30");
  std::size_t length = rest_[1], start = 2;
  if (length >= 0x80) {
    const std::size_t octets = length & 0x7f;
    if (octets == 0) return malformed("an indefinite length");
    if (octets > 4) return malformed("a length of more than four octets");
    if (rest_.size() < 2 + octets) return malformed("it ends early");
    length = 0;
    for (std::size_t i = 0; i < octets; ++i) length = (length << 8) | rest_[2 + i];
    if (length < 0x80 || (length >> (8 * (octets - 1))) == 0) {
      return malformed("a length that is not in its shortest form");
    }
    start += octets;
  }
  if (length > rest_.size() - start) return malformed("it ends early");
  const DerElement element{tag, rest_.subspan(start, length), rest_.first(start + length)};
  rest_ = rest_.subspan(start + length);
  return element;
}

Result<DerElement> DerReader::element(std::uint8_t tag) {
  if (!at_end() && rest_[0] != tag) {
    return malformed("tag " + to_hex(rest_.first(1)) + " where " + to_hex({&tag, 1}) +
                     " is expected");
  }
  return any();
}

Result<DerReader> DerReader::enter(std::uint8_t tag, std::string_view field) {
  ASSIGN_OR_RETURN(const DerElement inner, element(tag));
  return DerReader(inner.content, field);
}

Result<bool> DerReader::boolean() {
  ASSIGN_OR_RETURN(const DerElement value, element(der::boolean));
  if (value.content.size() != 1 || (value.content[0] != 0 && value.content[0] != 0xff)) {
    return malformed("a BOOLEAN other than 00 or FF");
  }
  return value.content[0] == 0xff;
}

Result<ByteView> DerReader::integer() {
  ASSIGN_OR_RETURN(const DerElement value, element(der::integer));
  const ByteView octets = value.content;
  if (octets.empty()) return malformed("an INTEGER without octets");
  if (octets.size() > 1 &&
      ((octets[0] == 0x00 && octets[1] < 0x80) || (octets[0] == 0xff && octets[1] >= 0x80))) {
    return malformed("an INTEGER that is not in its shortest form");
  }
  return octets;
}

Result<int> DerReader::small_integer() {
  ASSIGN_OR_RETURN(const ByteView octets, integer());
  if (octets.size() > 4 || octets[0] >= 0x80) return malformed("an INTEGER out of range");
  unsigned value = 0;
  for (std::uint8_t octet : octets) value = (value << 8) | octet;
  return static_cast<int>(value);
}

Result<ByteView> DerReader::oid() {
  ASSIGN_OR_RETURN(const DerElement value, element(der::oid));
  const ByteView octets = value.content;
  if (octets.empty() || (octets.back() & 0x80) != 0) return malformed("an incomplete OID");
  bool begins = true;  // whether the next octet begins a subidentifier (X.690 section 8.19.2)
  unsigned septets = 0;
  for (std::uint8_t octet : octets) {
    if (begins && octet == 0x80) return malformed("an OID that is not in its shortest form");
    septets = begins ? 1 : septets + 1;
    if (septets > 9) return malformed("an OID with an arc beyond 63 bits");
    begins = (octet & 0x80) == 0;
  }
  return octets;
}

Result<ByteView> DerReader::bit_string() {
  ASSIGN_OR_RETURN(const DerElement value, element(der::bit_string));
  if (value.content.empty() || value.content[0] != 0) {
    return malformed("a BIT STRING that is not of whole octets");
  }
  return value.content.subspan(1);
}

Result<unsigned> DerReader::named_bits() {
  ASSIGN_OR_RETURN(const DerElement value, element(der::bit_string));
  const ByteView content = value.content;
  if (content.size() < 2 || content.size() > 3 || content[0] > 7) {
    return malformed("a BIT STRING with none or too many named bits");
  }
  const unsigned last = content.back();
  if ((last & ((1U << content[0]) - 1)) != 0 || ((last >> content[0]) & 1) == 0) {
    return malformed("named bits that are not in their shortest form");
  }
  const unsigned count = static_cast<unsigned>(content.size() - 1) * 8 - content[0];
  unsigned bits = 0;
  for (unsigned bit = 0; bit < count; ++bit) {
    if (content[1 + bit / 8] & (0x80U >> (bit % 8))) bits |= 1U << bit;
  }
  return bits;
}

Result<Time> DerReader::time() {
  ASSIGN_OR_RETURN(const DerElement value, any());
  std::string text(text_of(value.content));
  if (value.tag == der::utc_time && text.size() == 13) {
    // RFC 5280 section 4.1.2.5.1: YY from 50 is 19YY, below it is 20YY.
    text.insert(0, text[0] >= '5' ? "19" : "20");
  } else if (value.tag != der::generalized_time) {
    return malformed("a time that is neither UTCTime nor GeneralizedTime to the second");
  }
  const std::optional<Time> time = parse_generalized(text);
  if (!time) return malformed("a time that is not YYYYMMDDHHMMSSZ");
  return *time;
}

std::string oid_text(ByteView content) {
  std::string text;
  std::uint64_t arc = 0;
  for (std::uint8_t octet : content) {
    arc = (arc << 7) | (octet & 0x7fU);
    if (octet & 0x80) continue;
    if (text.empty()) {
      const std::uint64_t root = std::min<std::uint64_t>(arc / 40, 2);
      text = std::to_string(root) + '.' + std::to_string(arc - 40 * root);
    } else {
      text += '.' + std::to_string(arc);
    }
    arc = 0;
  }
  return text;
}

}  // namespace chancery
