#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/clock.h"

namespace chancery {

/// Identifier octets of ITU-T X.690 section 8.1.2 that Chancery reads or writes. Tag numbers above
/// 30 appear in none of the structures of RFC 5280 or RFC 2986.
namespace der {
inline constexpr std::uint8_t boolean = 0x01;
inline constexpr std::uint8_t integer = 0x02;
inline constexpr std::uint8_t bit_string = 0x03;
inline constexpr std::uint8_t octet_string = 0x04;
inline constexpr std::uint8_t null = 0x05;
inline constexpr std::uint8_t oid = 0x06;
inline constexpr std::uint8_t enumerated = 0x0a;
inline constexpr std::uint8_t utf8_string = 0x0c;
inline constexpr std::uint8_t printable_string = 0x13;
inline constexpr std::uint8_t ia5_string = 0x16;
inline constexpr std::uint8_t utc_time = 0x17;
inline constexpr std::uint8_t generalized_time = 0x18;
inline constexpr std::uint8_t sequence = 0x30;
inline constexpr std::uint8_t set = 0x31;

/// Context-specific tags: [number] around a value, and [number] in place of a simple type's tag.
constexpr std::uint8_t constructed(unsigned number) {
  return static_cast<std::uint8_t>(0xa0U | number);
}
constexpr std::uint8_t primitive(unsigned number) {
  return static_cast<std::uint8_t>(0x80U | number);
}
}  // namespace der

/// Writes DER (ITU-T X.690 section 10) into one buffer. A constructed value is a call with a
/// function that writes what is inside; its length is filled in afterwards.
class DerWriter {
 public:
  template <class Body>
  void nested(std::uint8_t tag, Body&& body) {
    const std::size_t start = open(tag);
    body();
    close(start);
  }
  template <class Body>
  void sequence(Body&& body) {
    nested(der::sequence, body);
  }

  void element(std::uint8_t tag, ByteView content);
  void element(std::uint8_t tag, std::string_view content) { element(tag, bytes_of(content)); }
  /// Identifier and length octets alone; `length` octets of content must follow by raw().
  void header(std::uint8_t tag, std::size_t length);
  /// Octets that are DER already.
  void raw(ByteView der) { bytes_.insert(bytes_.end(), der.begin(), der.end()); }

  void oid(std::string_view content) { element(der::oid, content); }
  void null() { element(der::null, ByteView{}); }
  void boolean_true() { element(der::boolean, "\xff"); }
  void integer(unsigned value);
  /// A non-negative INTEGER from its big-endian magnitude, which may have leading zeros.
  void integer(ByteView magnitude);
  /// A BIT STRING of whole octets.
  void bit_string(ByteView octets);
  /// A BIT STRING with named bits (X.690 section 11.2.2): bit n of `bits` is named bit n, below 9.
  void named_bits(unsigned bits);
  /// RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050.
  void time(Time time);
  /// GeneralizedTime in any year, to the second (RFC 5280 section 4.1.2.5.2).
  void generalized_time(Time time);

  void reserve(std::size_t size) { bytes_.reserve(size); }
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }
  [[nodiscard]] Bytes take() { return std::move(bytes_); }

 private:
  std::size_t open(std::uint8_t tag);
  void close(std::size_t start);
  Bytes bytes_;
};

/// One element as read; views into the reader's input.
struct DerElement {
  std::uint8_t tag = 0;
  ByteView content;
  ByteView whole;  ///< with identifier and length octets
};

/// Reads DER strictly: definite lengths in their shortest form, nothing beyond the end. Every error
/// is invalid_request with the reader's field, which must outlive the reader (a literal).
class DerReader {
 public:
  DerReader(ByteView der, std::string_view field) : rest_(der), field_(field) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] bool next_is(std::uint8_t tag) const { return !at_end() && rest_[0] == tag; }
  [[nodiscard]] std::string_view field() const { return field_; }
  /// Nothing may follow.
  [[nodiscard]] Result<void> end() const;

  Result<DerElement> any();
  Result<DerElement> element(std::uint8_t tag);
  /// A reader of the content of the next element.
  Result<DerReader> enter(std::uint8_t tag) { return enter(tag, field_); }
  Result<DerReader> enter(std::uint8_t tag, std::string_view field);

  Result<bool> boolean();
  /// Content octets of an INTEGER in its shortest form; the sign bit is not interpreted.
  Result<ByteView> integer();
  /// An INTEGER from 0 to 2^31 - 1.
  Result<int> small_integer();
  /// Content octets of a well-formed OBJECT IDENTIFIER.
  Result<ByteView> oid();
  /// The octets of a BIT STRING without unused bits.
  Result<ByteView> bit_string();
  /// A BIT STRING with named bits in its shortest form, as DerWriter::named_bits takes them.
  Result<unsigned> named_bits();
  /// RFC 5280 section 4.1.2.5: UTCTime or GeneralizedTime, to the second, in UTC.
  Result<Time> time();

 private:
  [[nodiscard]] Failure malformed(std::string_view what) const;
  ByteView rest_;
  std::string_view field_;
};

/// "2.5.4.3" from the content octets of an OBJECT IDENTIFIER that DerReader accepted.
std::string oid_text(ByteView content);

}  // namespace chancery
