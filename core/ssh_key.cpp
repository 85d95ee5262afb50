#include "core/ssh_key.h"

#include "core/spki.h"

namespace chancery {
namespace {

/// RFC 4251 section 5: `string`. An `mpint` is the same around the content of a DER INTEGER, which
/// is two's complement in its shortest form too.
void put_string(Bytes& out, ByteView content) {
  for (int shift : {24, 16, 8, 0}) {
    out.push_back(static_cast<std::uint8_t>(content.size() >> static_cast<unsigned>(shift)));
  }
  out.insert(out.end(), content.begin(), content.end());
}
void put_string(Bytes& out, std::string_view content) {
  put_string(out, bytes_of(content));
}

void put_ecdsa(Bytes& out, std::string_view curve, ByteView point) {
  put_string(out, "ecdsa-sha2-" + std::string(curve));
  put_string(out, curve);
  put_string(out, point);
}

}  // namespace

Bytes ssh_public_key(const PublicKey& key) {
  const auto parts = parse_spki(key.spki());
  CHECK(parts);  // a PublicKey has been one
  Bytes out;
  switch (parts->type) {
    case KeyType::rsa_2048:
    case KeyType::rsa_3072:
    case KeyType::rsa_4096:
      put_string(out, "ssh-rsa");
      put_string(out, parts->exponent);
      put_string(out, parts->modulus);
      break;
    case KeyType::ec_p256:
      put_ecdsa(out, "nistp256", parts->point);
      break;
    case KeyType::ec_p384:
      put_ecdsa(out, "nistp384", parts->point);
      break;
    case KeyType::ec_p521:
      put_ecdsa(out, "nistp521", parts->point);
      break;
    case KeyType::ed25519:
      put_string(out, "ssh-ed25519");
      put_string(out, parts->point);
      break;
  }
  return out;
}

}  // namespace chancery
