#pragma once

#include <memory>

#include "core/algorithm.h"
#include "core/secret.h"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY; its headers stay out of ours

namespace chancery {

/// A machine's own key pair, in software: made here, kept in a file, never sent anywhere.
class PrivateKey {
 public:
  static Result<PrivateKey> generate(KeyType type);
  /// PEM, unencrypted (PKCS#8 or the older forms).
  static Result<PrivateKey> from_pem(const Secret& pem);

  /// PKCS#8 (RFC 5958), PEM, unencrypted.
  [[nodiscard]] Secret pem() const;
  /// By the usual algorithm of its type, in X.509's form.
  [[nodiscard]] Bytes sign(std::string_view message) const;
  /// DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
  [[nodiscard]] Bytes spki() const;

  [[nodiscard]] evp_pkey_st* handle() const { return key_.get(); }

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  explicit PrivateKey(evp_pkey_st* key) : key_(key) {}
  std::unique_ptr<evp_pkey_st, Free> key_;
};

}  // namespace chancery
