#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace chancery {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes copy_of(ByteView bytes) {
  return Bytes(bytes.begin(), bytes.end());
}

/// Lower-case hexadecimal, two digits a byte.
std::string to_hex(ByteView bytes);
/// Either case; an odd length or any other character is invalid_request.
Result<Bytes> from_hex(std::string_view text);

/// RFC 4648 section 4, with padding.
std::string to_base64(ByteView bytes);
/// RFC 4648 section 5, without padding.
std::string to_base64url(ByteView bytes);
/// Canonical only: white space, missing padding and non-zero trailing bits are invalid_request.
Result<Bytes> from_base64(std::string_view text);
Result<Bytes> from_base64url(std::string_view text);

/// RFC 7468 armour around DER, e.g. label "CERTIFICATE".
std::string to_pem(ByteView der, std::string_view label);
/// The DER of the one PEM block with this label in `text`; none or several are invalid_request.
Result<Bytes> from_pem(std::string_view text, std::string_view label);

/// Compares without leaking where the first difference is.
bool equal_in_constant_time(ByteView a, ByteView b);

/// `size` bytes from the operating system's generator; aborts when it has none.
Bytes random_bytes(std::size_t size);

}  // namespace chancery
