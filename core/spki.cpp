#include "core/spki.h"

#include <array>

#include "core/der.h"
#include "core/oid.h"

namespace chancery {
namespace {

constexpr std::string_view kField = "public_key";
constexpr std::size_t kEd25519Bytes = 32;

struct NamedCurve {
  std::string_view oid;
  KeyType type;
};
constexpr std::array kNamedCurves = {NamedCurve{oid::p256, KeyType::ec_p256},
                                     NamedCurve{oid::p384, KeyType::ec_p384},
                                     NamedCurve{oid::p521, KeyType::ec_p521}};

Failure unsupported(const std::string& what) {
  return invalid(std::string(kField), what);
}

// RFC 5480 section 2.1.1: the parameters are the OID of a named curve.
Result<Spki> parse_ec(DerReader& algorithm, ByteView point) {
  constexpr auto kCurves = "EC keys must be on the named curve P-256, P-384 or P-521";
  if (!algorithm.next_is(der::oid)) return unsupported(kCurves);
  ASSIGN_OR_RETURN(const ByteView name, algorithm.oid());
  RETURN_IF_ERROR(algorithm.end());
  for (const NamedCurve& curve : kNamedCurves) {
    if (curve.oid != text_of(name)) continue;
    const std::size_t coordinate = (row(curve.type).bits + 7) / 8;
    if (point.size() != 1 + 2 * coordinate || point[0] != 4) {
      return unsupported("EC points must be uncompressed");
    }
    return Spki{.type = curve.type, .point = point, .modulus = {}, .exponent = {}};
  }
  return unsupported(kCurves);
}

bool is_positive(ByteView integer) {
  return integer[0] < 0x80 && (integer[0] != 0 || integer.size() > 1);
}

std::size_t bits_of(ByteView positive) {
  if (positive[0] == 0) positive = positive.subspan(1);
  std::size_t bits = positive.size() * 8;
  for (unsigned mask = 0x80; (positive[0] & mask) == 0; mask >>= 1) --bits;
  return bits;
}

// RSAPublicKey, RFC 8017 appendix A.1.1; the parameters are NULL (RFC 3279 section 2.3.1).
Result<Spki> parse_rsa(DerReader& algorithm, ByteView bits) {
  ASSIGN_OR_RETURN(const DerElement parameters, algorithm.element(der::null));
  RETURN_IF_ERROR(algorithm.end());
  if (!parameters.content.empty()) return unsupported("has a NULL that is not empty");
  DerReader outer(bits, kField);
  ASSIGN_OR_RETURN(DerReader key, outer.enter(der::sequence));
  RETURN_IF_ERROR(outer.end());
  ASSIGN_OR_RETURN(const ByteView modulus, key.integer());
  ASSIGN_OR_RETURN(const ByteView exponent, key.integer());
  RETURN_IF_ERROR(key.end());
  if (!is_positive(modulus) || !is_positive(exponent)) {
    return unsupported("has an RSA modulus or exponent that is not positive");
  }
  const std::size_t size = bits_of(modulus);
  for (const KeyTypeRow& candidate : key_types()) {
    if (candidate.family == KeyFamily::rsa && candidate.bits == size) {
      return Spki{.type = candidate.type, .point = {}, .modulus = modulus, .exponent = exponent};
    }
  }
  return unsupported("RSA keys must have 2048, 3072 or 4096 bits; this one has " +
                     std::to_string(size));
}

// RFC 8410 section 4: there are no parameters.
Result<Spki> parse_ed25519(const DerReader& algorithm, ByteView key) {
  RETURN_IF_ERROR(algorithm.end());
  if (key.size() != kEd25519Bytes) return unsupported("Ed25519 keys have 32 bytes");
  return Spki{.type = KeyType::ed25519, .point = key, .modulus = {}, .exponent = {}};
}

}  // namespace

Result<Spki> parse_spki(ByteView der) {
  DerReader outer(der, kField);
  ASSIGN_OR_RETURN(DerReader info, outer.enter(der::sequence));
  RETURN_IF_ERROR(outer.end());
  ASSIGN_OR_RETURN(DerReader algorithm, info.enter(der::sequence));
  ASSIGN_OR_RETURN(const ByteView name, algorithm.oid());
  ASSIGN_OR_RETURN(const ByteView key, info.bit_string());
  RETURN_IF_ERROR(info.end());
  if (text_of(name) == oid::ec_public_key) return parse_ec(algorithm, key);
  if (text_of(name) == oid::rsa_encryption) return parse_rsa(algorithm, key);
  if (text_of(name) == oid::ed25519) return parse_ed25519(algorithm, key);
  return unsupported("keys must be RSA, EC or Ed25519");
}

}  // namespace chancery
