#include "core/weak_key.h"

#include <openssl/sha.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "core/rsa_modulus.h"
#include "core/spki.h"

namespace chancery {
namespace {

Failure weak(const std::string& why) {
  return invalid("public_key", "public_key is weak: " + why);
}

// Calls take(line, number) for each line that is neither empty nor a comment, until it fails.
template <class Take>
Result<void> each_line(std::istream& file, Take&& take) {
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty() || line.front() == '#') continue;
    RETURN_IF_ERROR(take(line, number));
  }
  return {};
}

bool is_lower_hex(const std::string& text, std::size_t size) {
  return text.size() == size && text.find_first_not_of("0123456789abcdef") == text.npos;
}

// Of a key that was accepted, and so parses.
Spki numbers_of(const PublicKey& key) {
  const auto numbers = parse_spki(key.spki());
  CHECK(numbers);
  return *numbers;
}

// Whether e is at most 2^16, NIST SP 800-56B's lower bound, or even.
Result<void> check_exponent(ByteView exponent) {
  if ((exponent.back() & 1) == 0) return weak("its RSA exponent is even");
  if (exponent[0] == 0) exponent = exponent.subspan(1);
  const bool large = exponent.size() > 3 || (exponent.size() == 3 && exponent[0] >= 1);
  if (!large) return weak("its RSA exponent is below 65537");
  if (exponent.size() > 32) return weak("its RSA exponent is above 2^256");
  return {};
}

Result<void> check_rsa(const PublicKey& key) {
  const Spki numbers = numbers_of(key);
  RETURN_IF_ERROR(check_exponent(numbers.exponent));
  const RsaModulus modulus(numbers.modulus);
  if (modulus.bits() != row(key.type()).bits) {
    return weak("its RSA modulus has " + std::to_string(modulus.bits()) + " bits");
  }
  if (const unsigned factor = modulus.small_factor()) {
    return weak("its RSA modulus is divisible by " + std::to_string(factor));
  }
  if (modulus.has_roca_fingerprint()) {
    return weak(
        "it was made by an Infineon chip whose keys can be factored (ROCA, "
        "CVE-2017-15361)");
  }
  if (modulus.has_close_factors()) {
    return weak("the factors of its RSA modulus are close together (Fermat's factorisation)");
  }
  return {};
}

// The y coordinates, little-endian without the sign bit, of Ed25519's eight points of small order
// and of the encodings that stand for the same values plus p (RFC 8032 section 5.1.3). Under such a
// key a signature can be made for any message without a private key.
Result<void> check_ed25519(const PublicKey& key) {
  static const std::set<std::string> small_order = [] {
    const std::string ones(60, 'f');
    return std::set<std::string>{
        std::string(64, '0'),         // 0, order 4
        "01" + std::string(62, '0'),  // 1, the neutral point
        "ec" + ones + "7f",           // p - 1, order 2
        "ed" + ones + "7f",           // 0 + p
        "ee" + ones + "7f",           // 1 + p
        // The two roots of d*y^4 + 2*y^2 = 1, order 8.
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    };
  }();
  Bytes point = copy_of(ByteView(key.spki()).last(32));
  point.back() &= 0x7f;
  if (small_order.contains(to_hex(point))) return weak("its Ed25519 point has a small order");
  return {};
}

}  // namespace

Result<BlockedKeys> BlockedKeys::load(const std::string& path) {
  std::ifstream file(path);
  if (!file) return invalid("blocked_keys", path + " cannot be read");
  BlockedKeys blocked;
  RETURN_IF_ERROR(each_line(file, [&](const std::string& line, std::size_t number) -> Result<void> {
    if (!is_lower_hex(line, 64)) {
      return invalid("blocked_keys", path + ":" + std::to_string(number) +
                                         ": not the SHA-256 of a SubjectPublicKeyInfo, 64 "
                                         "lower-case hexadecimal digits");
    }
    ASSIGN_OR_RETURN(Bytes hash, from_hex(line));
    blocked.add(std::move(hash));
    return {};
  }));
  return blocked;
}

Result<DebianWeakKeys> DebianWeakKeys::load(const std::string& directory) {
  DebianWeakKeys keys;
  for (const KeyTypeRow& type : key_types()) {
    if (type.family != KeyFamily::rsa) continue;
    const std::string path = directory + "/blacklist.RSA-" + std::to_string(type.bits);
    if (!std::filesystem::exists(path)) continue;
    std::ifstream file(path);
    if (!file) return fail(ErrorCode::internal, path + " cannot be read");
    RETURN_IF_ERROR(
        each_line(file, [&](const std::string& line, std::size_t number) -> Result<void> {
          if (!is_lower_hex(line, 20)) {
            return fail(ErrorCode::internal, path + ":" + std::to_string(number) +
                                                 ": not 20 lower-case hexadecimal digits");
          }
          keys.hashes_.insert(line);
          return {};
        }));
  }
  return keys;
}

bool DebianWeakKeys::contains(const PublicKey& key) const {
  if (hashes_.empty() || row(key.type()).family != KeyFamily::rsa) return false;
  ByteView modulus = numbers_of(key).modulus;
  if (modulus[0] == 0) modulus = modulus.subspan(1);
  std::string text = to_hex(modulus);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
  text = "Modulus=" + text + "\n";
  Bytes hash(SHA_DIGEST_LENGTH);
  SHA1(bytes_of(text).data(), text.size(), hash.data());
  return hashes_.contains(to_hex(hash).substr(20));
}

Result<void> check_strength(const PublicKey& key, const DebianWeakKeys& debian) {
  switch (row(key.type()).family) {
    case KeyFamily::rsa:
      RETURN_IF_ERROR(check_rsa(key));
      if (debian.contains(key))
        return weak("Debian's OpenSSL made it from a few bits (CVE-2008-0166)");
      return {};
    case KeyFamily::ed25519:
      return check_ed25519(key);
    case KeyFamily::ec:
      return {};
  }
  return {};
}

Result<void> check_strength(const PublicKey& key) {
  static const Result<DebianWeakKeys> installed =
      DebianWeakKeys::load("/usr/share/openssl-blacklist");
  if (!installed) return Failure(installed.error());
  return check_strength(key, *installed);
}

}  // namespace chancery
