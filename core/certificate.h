#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/crl_scope.h"
#include "core/profile.h"
#include "core/public_key.h"
#include "core/subject.h"

namespace chancery {

/// What a parsed certificate says, as far as Chancery cares.
struct CertificateInfo {
  Bytes serial;  ///< content octets of the INTEGER
  Subject subject;
  Bytes subject_name, issuer_name;  ///< DER Name
  SubjectAltNames names;
  Time not_before, not_after;
  Bytes spki;
  Bytes subject_key_id, authority_key_id;  ///< empty where absent
  bool ca = false;
  std::optional<int> path_length;  ///< none: unlimited, or not a CA
  unsigned key_usage_bits = 0;     ///< bit KeyUsage; 0 where the extension is absent
};

/// One DER certificate, also one of a foreign CA: name attributes and types that Chancery does not
/// certify are passed over, of a repeated attribute the last counts. invalid_request (field
/// "certificate") when it does not parse.
Result<CertificateInfo> parse_certificate(ByteView der);

/// SHA-256 of the whole certificate.
std::string certificate_fingerprint(ByteView der);

/// The issuer's side of a certificate: its name, key and where its CRLs and certificate are.
/// Holds a throw-away software key of the issuer's key type for the rehearsal (see rehearse()).
/// Immutable: many threads may use one.
class Issuer {
 public:
  /// `certificate` is the issuer's own, DER. `public_url` such as "http://127.0.0.1:8080", without
  /// a slash at the end. The CDP is PUBLIC_URL/crl/ and CrlScope::path(); AIA caIssuers is
  /// PUBLIC_URL/ca/NAME.crt, and with `ocsp` there is AIA ocsp PUBLIC_URL/ocsp too.
  /// invalid_request (field "certificate") when it is not a CA's that signs certificates and CRLs
  /// and has a subject key identifier.
  static Result<Issuer> create(CaName name, ByteView certificate, std::string public_url,
                               bool ocsp = false);
  /// For a root before it has a certificate: it will be issuer and subject of its first one.
  static Result<Issuer> create_root(CaName name, const Subject& subject, const PublicKey& key,
                                    std::string public_url);
  Issuer(Issuer&&) noexcept;
  Issuer& operator=(Issuer&&) noexcept;
  ~Issuer();

  [[nodiscard]] const CaName& name() const;
  [[nodiscard]] SignatureAlgorithm algorithm() const;
  [[nodiscard]] Time not_before() const;
  [[nodiscard]] Time not_after() const;
  [[nodiscard]] const Bytes& certificate() const;   ///< DER; empty for a root's first certificate
  [[nodiscard]] const Bytes& subject_name() const;  ///< DER Name
  [[nodiscard]] const Bytes& subject_key_id() const;
  [[nodiscard]] const Bytes& spki() const;
  /// How many CAs may follow below it; none: any number.
  [[nodiscard]] std::optional<int> path_length() const;
  [[nodiscard]] std::string crl_url(const CrlScope& scope) const;
  /// For AIA ocsp; empty where there is no responder.
  [[nodiscard]] std::string ocsp_url() const;
  /// Where its own certificate is, for AIA caIssuers.
  [[nodiscard]] std::string certificate_url() const;

  struct State;
  [[nodiscard]] const State& state() const { return *state_; }

 private:
  explicit Issuer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// What is to be certified, every name already permitted by profile and policy. Times are to the
/// second. Of the profile's validity, notBefore may be set back by limits::backdate_at_most.
struct CertificateDraft {
  Serial serial;
  Subject subject;
  SubjectAltNames names;
  Time not_before, not_after;
  unsigned crl_shards = 1;  ///< of the issuer, now
  const Profile* profile = nullptr;
  const PublicKey* public_key = nullptr;
};

/// The list that the certificate names.
CrlScope crl_scope_of(const CertificateDraft& draft);

/// Builds the certificate, signs it with the issuer's throw-away key, lints the result (lint.h) and
/// returns its TBSCertificate (RFC 5280 section 4.1), DER: exactly what the token will sign.
/// internal with the failed rules when the lint finds anything.
Result<Bytes> rehearse(const Issuer& issuer, const CertificateDraft& draft);

/// SEQUENCE { tbs, AlgorithmIdentifier, BIT STRING }: a certificate or a CRL. Goes on in the memory
/// of `tbs`, which a CRL may have much of.
Bytes assemble_signed(Bytes tbs, SignatureAlgorithm algorithm, ByteView signature);

/// Checks names and validity against the profile before anything is built: which subject and SAN
/// types may appear, wildcard, key type, validity above zero and at most the profile's.
/// invalid_request with the field.
Result<void> check_profile(const Profile& profile, const Subject& subject,
                           const SubjectAltNames& names, KeyType key_type, Seconds validity);

}  // namespace chancery
