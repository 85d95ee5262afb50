#pragma once

#include <openssl/evp.h>

#include "core/certificate.h"
#include "core/crl.h"
#include "core/openssl_ptr.h"

namespace chancery::test {

/// A key pair in OpenSSL: what the token does in the service.
class SoftwareKey {
 public:
  /// One of each type for the whole program: RSA keys take seconds to make.
  static const SoftwareKey& shared(KeyType type);
  static SoftwareKey make(KeyType type);

  [[nodiscard]] KeyType type() const { return public_key_.type(); }
  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] EVP_PKEY* handle() const { return key_.get(); }
  [[nodiscard]] Bytes sign(SignatureAlgorithm algorithm, ByteView message) const;

 private:
  using PkeyPtr = HandlePtr<EVP_PKEY, EVP_PKEY_free>;
  SoftwareKey(PkeyPtr key, PublicKey public_key)
      : key_(std::move(key)), public_key_(std::move(public_key)) {}
  PkeyPtr key_;
  PublicKey public_key_;
};

/// 2026-11-01T00:00:00Z or so: today's midnight, whole seconds.
Time today();

Profile root_profile();
Profile intermediate_profile();
Profile server_profile();  ///< all key types, all SAN types, wildcards, subject optional
Profile ocsp_profile();

struct SoftwareCa {
  const SoftwareKey& key;
  Issuer issuer;
  Bytes certificate;

  /// Self-signed, key type `type`, path length 1.
  static SoftwareCa root(const std::string& name, KeyType type);
  /// Below `parent`, path length 0.
  static SoftwareCa intermediate(const SoftwareCa& parent, const std::string& name, KeyType type);

  /// rehearse(), signed by this CA's key.
  [[nodiscard]] Bytes issue(const CertificateDraft& draft) const;
  /// build_crl_tbs(), signed by this CA's key.
  [[nodiscard]] Bytes sign_crl(CrlDraft draft) const;
};

/// A draft for www.example.com with a new serial, valid from today for 30 days.
CertificateDraft server_draft(const Profile& profile, const PublicKey& key);

}  // namespace chancery::test
