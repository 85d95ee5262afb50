#include "core/bytes.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>

namespace chancery {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

using DecodeTable = std::array<std::int8_t, 256>;

constexpr DecodeTable decode_table(std::string_view alphabet) {
  DecodeTable table{};
  for (auto& value : table) value = -1;
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}

std::string encode(ByteView bytes, std::string_view alphabet, bool padded) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < left ? bytes[i + k] : 0);
    for (std::size_t k = 0; k < 4; ++k) {
      if (k <= left) {
        text += alphabet[group >> (18 - 6 * k) & 63];
      } else if (padded) {
        text += '=';
      }
    }
  }
  return text;
}

/// `text` without padding.
Result<Bytes> decode(std::string_view text, const DecodeTable& table) {
  if (text.size() % 4 == 1) return invalid("", "is not base64: bad length");
  Bytes bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (char c : text) {
    const int value = table[static_cast<std::uint8_t>(c)];
    if (value < 0) return invalid("", "is not base64: bad character");
    group = (group << 6 | static_cast<std::uint32_t>(value)) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<std::uint8_t>(group >> bits));
    }
  }
  if (group & ((1U << bits) - 1)) return invalid("", "is not base64: stray bits at its end");
  return bytes;
}

}  // namespace

std::string to_hex(ByteView bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (std::uint8_t byte : bytes) {
    text += kHexDigits[byte >> 4];
    text += kHexDigits[byte & 15];
  }
  return text;
}

Result<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return invalid("", "is not hexadecimal: odd length");
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return invalid("", "is not hexadecimal: bad character");
    bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return bytes;
}

std::string to_base64(ByteView bytes) {
  return encode(bytes, kBase64, true);
}
std::string to_base64url(ByteView bytes) {
  return encode(bytes, kBase64Url, false);
}

Result<Bytes> from_base64(std::string_view text) {
  static constexpr DecodeTable table = decode_table(kBase64);
  if (text.size() % 4 != 0) return invalid("", "is not base64: its padding is missing");
  if (text.ends_with('=')) text.remove_suffix(1);
  if (text.ends_with('=')) text.remove_suffix(1);
  return decode(text, table);
}

Result<Bytes> from_base64url(std::string_view text) {
  static constexpr DecodeTable table = decode_table(kBase64Url);
  return decode(text, table);
}

std::string to_pem(ByteView der, std::string_view label) {
  const std::string body = to_base64(der);
  std::string text = "-----BEGIN " + std::string(label) + "-----\n";
  for (std::size_t i = 0; i < body.size(); i += 64) text += body.substr(i, 64) + "\n";
  return text + "-----END " + std::string(label) + "-----\n";
}

Result<Bytes> from_pem(std::string_view text, std::string_view label) {
  const std::string begin = "-----BEGIN " + std::string(label) + "-----";
  const std::string end = "-----END " + std::string(label) + "-----";
  const std::size_t first = text.find(begin);
  if (first == text.npos) return invalid("", "has no PEM block \"" + std::string(label) + "\"");
  const std::size_t body = first + begin.size();
  const std::size_t last = text.find(end, body);
  if (last == text.npos) return invalid("", "has a PEM block without an end");
  if (text.find(begin, last) != text.npos) return invalid("", "has several PEM blocks");
  std::string base64;
  for (char c : text.substr(body, last - body)) {
    if (c != '\n' && c != '\r' && c != ' ' && c != '\t') base64 += c;
  }
  return from_base64(base64);
}

bool equal_in_constant_time(ByteView a, ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Bytes random_bytes(std::size_t size) {
  Bytes bytes(size);
  CHECK(RAND_bytes(bytes.data(), static_cast<int>(size)) == 1);
  return bytes;
}

}  // namespace chancery
