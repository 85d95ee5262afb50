#include "pkcs11/der.h"

#include <algorithm>

namespace chancery::der {
namespace {

constexpr std::uint8_t integer_tag = 0x02, bit_string_tag = 0x03, octet_string_tag = 0x04,
                       sequence_tag = 0x30;

void put_header(Bytes& out, std::uint8_t tag, std::size_t size) {
  out.push_back(tag);
  if (size < 0x80) {
    out.push_back(static_cast<std::uint8_t>(size));
    return;
  }
  CHECK(size <= 0xffff);
  if (size <= 0xff) {
    out.push_back(0x81);
  } else {
    out.push_back(0x82);
    out.push_back(static_cast<std::uint8_t>(size >> 8));
  }
  out.push_back(static_cast<std::uint8_t>(size & 0xff));
}

void put_unsigned_integer(Bytes& out, ByteView number) {
  while (number.size() > 1 && number[0] == 0) number = number.subspan(1);
  const bool needs_zero = number.empty() || number[0] >= 0x80;
  put_header(out, integer_tag, number.size() + (needs_zero ? 1 : 0));
  if (needs_zero) out.push_back(0);
  out.insert(out.end(), number.begin(), number.end());
}

}  // namespace

Bytes sequence(std::initializer_list<ByteView> elements) {
  std::size_t size = 0;
  for (const ByteView element : elements) size += element.size();
  Bytes out;
  put_header(out, sequence_tag, size);
  for (const ByteView element : elements) out.insert(out.end(), element.begin(), element.end());
  return out;
}

Bytes unsigned_integer(ByteView big_endian) {
  Bytes out;
  put_unsigned_integer(out, big_endian);
  return out;
}

Bytes bit_string(ByteView octets) {
  Bytes out;
  put_header(out, bit_string_tag, octets.size() + 1);
  out.push_back(0);
  out.insert(out.end(), octets.begin(), octets.end());
  return out;
}

Result<ByteView> octet_string_content(ByteView der) {
  // 127 bytes and more need the long form: a P-521 point has 133.
  const bool long_form = der.size() > 2 && der[1] == 0x81;
  const std::size_t header = long_form ? 3 : 2;
  if (der.size() < header || der[0] != octet_string_tag) {
    return invalid("octet_string", "not an OCTET STRING");
  }
  const std::size_t size = der[header - 1];
  if (size != der.size() - header || long_form != (size >= 0x80)) {
    return invalid("octet_string", "the length is wrong");
  }
  return der.subspan(header);
}

Result<Bytes> ecdsa_signature(ByteView raw) {
  constexpr std::size_t p521_bytes = 132;
  if (raw.empty() || raw.size() % 2 != 0 || raw.size() > p521_bytes) {
    return invalid("signature", "not r and s of one size");
  }
  Bytes content;
  content.reserve(raw.size() + 8);
  put_unsigned_integer(content, raw.first(raw.size() / 2));
  put_unsigned_integer(content, raw.subspan(raw.size() / 2));
  return sequence({content});
}

}  // namespace chancery::der
