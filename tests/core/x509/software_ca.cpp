#include "tests/core/x509/software_ca.h"

#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <map>
#include <stdexcept>

namespace chancery::test {
namespace {

const std::vector<KeyType>& every_key_type() {
  static const std::vector<KeyType> types = [] {
    std::vector<KeyType> all;
    for (const KeyTypeRow& known : key_types()) all.push_back(known.type);
    return all;
  }();
  return types;
}

EVP_PKEY* generate(KeyType type) {
  switch (row(type).family) {
    case KeyFamily::rsa:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{row(type).bits});
    case KeyFamily::ec:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "EC",
                               ("P-" + std::to_string(row(type).bits)).c_str());
    case KeyFamily::ed25519:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  }
  return nullptr;
}

PublicKey public_half(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  CHECK(size > 0);
  auto public_key = PublicKey::from_spki({der, static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  CHECK(public_key);
  return std::move(*public_key);
}

}  // namespace

SoftwareKey SoftwareKey::make(KeyType type) {
  PkeyPtr key(generate(type));
  CHECK(key);
  PublicKey public_key = public_half(key.get());
  return SoftwareKey(std::move(key), std::move(public_key));
}

const SoftwareKey& SoftwareKey::shared(KeyType type) {
  static std::map<KeyType, SoftwareKey> keys;
  auto found = keys.find(type);
  if (found == keys.end()) found = keys.emplace(type, make(type)).first;
  return found->second;
}

Bytes SoftwareKey::sign(SignatureAlgorithm algorithm, ByteView message) const {
  const HandlePtr<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* parameters = nullptr;
  const auto hash = row(algorithm).digest;
  const std::string md = hash ? std::string(row(*hash).name) : "";
  CHECK(EVP_DigestSignInit_ex(context.get(), &parameters, hash ? md.c_str() : nullptr, nullptr,
                              nullptr, handle(), nullptr) == 1);
  if (row(algorithm).name.starts_with("rsa-pss")) {
    CHECK(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1);
    CHECK(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1);
  }
  std::size_t size = static_cast<std::size_t>(EVP_PKEY_get_size(handle()));
  Bytes signature(size);
  CHECK(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) ==
        1);
  signature.resize(size);
  return signature;
}

Time today() {
  return std::chrono::floor<std::chrono::days>(now());
}

Profile root_profile() {
  Profile profile;
  profile.name = ProfileName::literal("root-ca");
  profile.ca = true;
  profile.path_length = 1;
  profile.key_usages = {KeyUsage::key_cert_sign, KeyUsage::crl_sign};
  profile.default_validity = profile.max_validity = std::chrono::days(3650);
  profile.key_types = every_key_type();
  profile.subject = {SubjectField::country, SubjectField::organization, SubjectField::common_name};
  profile.require_alt_name = false;
  return profile;
}

Profile intermediate_profile() {
  Profile profile = root_profile();
  profile.name = ProfileName::literal("intermediate-ca");
  profile.path_length = 0;
  return profile;
}

Profile server_profile() {
  Profile profile;
  profile.name = ProfileName::literal("tls-server");
  profile.key_usages = {KeyUsage::digital_signature, KeyUsage::key_encipherment,
                        KeyUsage::key_agreement};
  profile.extended_key_usages = {ExtendedKeyUsage::server_auth, ExtendedKeyUsage::client_auth};
  profile.default_validity = std::chrono::days(7);
  profile.max_validity = std::chrono::days(90);
  profile.key_types = every_key_type();
  profile.subject = {SubjectField::country, SubjectField::organization,
                     SubjectField::organizational_unit, SubjectField::common_name};
  profile.alt_names = {AltNameType::dns, AltNameType::ip, AltNameType::uri, AltNameType::email};
  profile.wildcard = true;
  return profile;
}

Profile ocsp_profile() {
  Profile profile = server_profile();
  profile.name = ProfileName::literal("ocsp-signing");
  profile.key_usages = {KeyUsage::digital_signature};
  profile.extended_key_usages = {ExtendedKeyUsage::ocsp_signing};
  profile.require_alt_name = false;
  profile.ocsp_nocheck = true;
  return profile;
}

SoftwareCa SoftwareCa::root(const std::string& name, KeyType type) {
  const SoftwareKey& key = SoftwareKey::shared(type);
  const Profile profile = root_profile();
  CertificateDraft draft;
  draft.serial = Serial::allocate(to_unix_seconds(today()));
  draft.subject = {"DE", "Example GmbH", "", name};
  draft.not_before = today();
  draft.not_after = today() + std::chrono::days(3650);
  draft.profile = &profile;
  draft.public_key = &key.public_key();
  const CaName ca = CaName::literal(name);
  auto unborn = Issuer::create_root(ca, draft.subject, key.public_key(), "http://ca.example.com");
  CHECK(unborn);
  SoftwareCa self{key, std::move(*unborn), {}};
  self.certificate = self.issue(draft);
  auto issuer = Issuer::create(ca, self.certificate, "http://ca.example.com");
  CHECK(issuer);
  self.issuer = std::move(*issuer);
  return self;
}

SoftwareCa SoftwareCa::intermediate(const SoftwareCa& parent, const std::string& name,
                                    KeyType type) {
  // Not the shared key: parent and child would have the same subject key identifier.
  static std::map<KeyType, SoftwareKey> keys;
  auto key = keys.find(type);
  if (key == keys.end()) key = keys.emplace(type, SoftwareKey::make(type)).first;
  const Profile profile = intermediate_profile();
  CertificateDraft draft;
  draft.serial = Serial::allocate(to_unix_seconds(today()));
  draft.subject = {"DE", "Example GmbH", "", name};
  draft.not_before = today();
  draft.not_after = today() + std::chrono::days(1825);
  draft.profile = &profile;
  draft.public_key = &key->second.public_key();
  Bytes certificate = parent.issue(draft);
  auto issuer = Issuer::create(CaName::literal(name), certificate, "http://ca.example.com");
  CHECK(issuer);
  return SoftwareCa{key->second, std::move(*issuer), std::move(certificate)};
}

Bytes SoftwareCa::issue(const CertificateDraft& draft) const {
  const auto tbs = rehearse(issuer, draft);
  if (!tbs) throw std::runtime_error(tbs.error().message);
  return assemble_signed(*tbs, issuer.algorithm(), key.sign(issuer.algorithm(), *tbs));
}

Bytes SoftwareCa::sign_crl(CrlDraft draft) const {
  const Bytes tbs = build_crl_tbs(issuer, draft);
  return assemble_signed(tbs, issuer.algorithm(), key.sign(issuer.algorithm(), tbs));
}

CertificateDraft server_draft(const Profile& profile, const PublicKey& key) {
  CertificateDraft draft;
  draft.serial = Serial::allocate(to_unix_seconds(today()));
  draft.subject.common_name = "www";
  draft.names.dns = {"www.example.com"};
  draft.not_before = today();
  draft.not_after = today() + std::chrono::days(30);
  draft.profile = &profile;
  draft.public_key = &key;
  return draft;
}

}  // namespace chancery::test
