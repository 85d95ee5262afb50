#pragma once

#include <memory>
#include <string>

#include "core/algorithm.h"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY; its headers stay out of ours

namespace chancery {

/// A public key of one of the supported types. Immutable; verify() is safe from many threads.
class PublicKey {
 public:
  /// From DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7). invalid_request (field
  /// "public_key") for unsupported types, sizes, parameters, points off the curve, trailing bytes.
  static Result<PublicKey> from_spki(ByteView der);
  PublicKey(PublicKey&&) noexcept;
  PublicKey& operator=(PublicKey&&) noexcept;
  ~PublicKey();
  /// Another owner of the same immutable key.
  [[nodiscard]] PublicKey copy() const;

  [[nodiscard]] KeyType type() const { return type_; }
  [[nodiscard]] const Bytes& spki() const { return spki_; }
  [[nodiscard]] const Bytes& spki_sha256() const { return spki_sha256_; }
  /// "-----BEGIN PUBLIC KEY-----" …
  [[nodiscard]] std::string pem() const;
  /// RFC 7517 JSON text with kty, key parameters, and `kid` (RFC 7638 thumbprint, base64url).
  [[nodiscard]] std::string jwk() const;

  /// `input` is the digest for algorithms that have one, the message for Ed25519. `signature` in
  /// X.509's form (ECDSA: DER Ecdsa-Sig-Value). PSS: MGF1 with the same digest, salt as long as it.
  [[nodiscard]] bool verify(SignatureAlgorithm algorithm, ByteView input, ByteView signature) const;

  [[nodiscard]] evp_pkey_st* handle() const { return key_.get(); }

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  PublicKey() = default;
  std::unique_ptr<evp_pkey_st, Free> key_;
  KeyType type_ = KeyType::ec_p256;
  Bytes spki_, spki_sha256_;
};

}  // namespace chancery
