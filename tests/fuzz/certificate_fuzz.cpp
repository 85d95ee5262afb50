// Certificates: what is read agrees with what OpenSSL reads; and a certificate in which the lint
// finds nothing is, but for the order of its extensions, the one that was drafted.
//
// An input that begins with 0x30 is a certificate. Any other one is a list of edits to a good one:
// place (two octets) and what to add to the octet there.

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "core/certificate_view.h"
#include "core/lint.h"
#include "core/openssl_ptr.h"

namespace {

using namespace chancery;

void require(bool condition) {
  if (!condition) std::abort();
}

PublicKey generate() {
  const HandlePtr<EVP_PKEY, EVP_PKEY_free> key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  auto public_key = PublicKey::from_spki({der, static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  require(public_key.has_value());
  return std::move(*public_key);
}

Profile ca_profile() {
  Profile profile;
  profile.name = ProfileName::literal("root-ca");
  profile.ca = true;
  profile.key_usages = {KeyUsage::key_cert_sign, KeyUsage::crl_sign};
  profile.max_validity = std::chrono::days(3650);
  profile.key_types = {KeyType::ec_p256};
  profile.subject = {SubjectField::common_name};
  profile.require_alt_name = false;
  return profile;
}

Profile server_profile() {
  Profile profile;
  profile.name = ProfileName::literal("tls-server");
  profile.key_usages = {KeyUsage::digital_signature};
  profile.extended_key_usages = {ExtendedKeyUsage::server_auth};
  profile.max_validity = std::chrono::days(90);
  profile.key_types = {KeyType::ec_p256};
  profile.subject = {SubjectField::common_name};
  profile.alt_names = {AltNameType::dns, AltNameType::ip, AltNameType::uri};
  return profile;
}

// An issuer, a draft and the certificate that was made of it.
struct Good {
  PublicKey key = generate();
  Profile ca = ca_profile(), server = server_profile();
  Issuer issuer = make_issuer();
  CertificateDraft draft = server_draft();
  Bytes der = certify(issuer, draft);

  static Bytes certify(const Issuer& by, const CertificateDraft& of) {
    const auto tbs = rehearse(by, of);
    require(tbs.has_value());
    const Bytes signature = *from_hex("3006020101020101");  // lint looks at its form only
    return assemble_signed(*tbs, by.algorithm(), signature);
  }

  [[nodiscard]] CertificateDraft ca_draft() const {
    CertificateDraft of;
    of.serial = *Serial::parse("0123456789abcdef0123456789abcdef01234567");
    of.subject.common_name = "root";
    of.not_before = from_unix_seconds(1'800'000'000);
    of.not_after = of.not_before + std::chrono::days(3650);
    of.profile = &ca;
    of.public_key = &key;
    of.crl_shards = 4;
    return of;
  }

  [[nodiscard]] Issuer make_issuer() const {
    const CertificateDraft of = ca_draft();
    const CaName name = CaName::literal("root");
    auto unborn = Issuer::create_root(name, of.subject, key, "http://ca.example.com");
    require(unborn.has_value());
    auto made = Issuer::create(name, certify(*unborn, of), "http://ca.example.com");
    require(made.has_value());
    return std::move(*made);
  }

  [[nodiscard]] CertificateDraft server_draft() const {
    CertificateDraft of = ca_draft();
    of.subject.common_name = "www";
    of.names.dns = {"www.example.com"};
    of.names.ip = {"192.0.2.1"};
    of.names.uri = {"spiffe://example.com/machine/www"};
    of.not_after = of.not_before + std::chrono::days(30);
    of.profile = &server;
    return of;
  }
};

const Good& good() {
  static const Good made;
  return made;
}

Bytes edited(ByteView edits) {
  Bytes der = good().der;
  for (; edits.size() >= 3; edits = edits.subspan(3)) {
    der[(edits[0] * 256U + edits[1]) % der.size()] += edits[2];
  }
  return der;
}

void check_with_openssl(ByteView der, const CertificateInfo& info) {
  const std::uint8_t* cursor = der.data();
  const HandlePtr<X509, X509_free> other(d2i_X509(nullptr, &cursor, static_cast<long>(der.size())));
  if (!other) return;  // OpenSSL also judges what we pass over, such as a name's odd strings
  require(cursor == der.data() + der.size());
  const ASN1_INTEGER* serial = X509_get0_serialNumber(other.get());
  unsigned char* octets = nullptr;
  const int size = i2d_ASN1_INTEGER(serial, &octets);
  require(size == static_cast<int>(info.serial.size()) + 2 &&
          std::equal(info.serial.begin(), info.serial.end(), octets + 2));
  OPENSSL_free(octets);
  for (const auto& [theirs, ours] : {std::pair{X509_get0_notBefore(other.get()), info.not_before},
                                     std::pair{X509_get0_notAfter(other.get()), info.not_after}}) {
    require(ASN1_TIME_cmp_time_t(theirs, static_cast<time_t>(to_unix_seconds(ours))) == 0);
  }
  const std::uint32_t flags = X509_get_extension_flags(other.get());
  if (flags & EXFLAG_INVALID) return;
  require(info.ca == ((flags & EXFLAG_CA) != 0));
}

// The parts before the extensions, then the extensions in order of their octets.
std::vector<std::string> parts(const CertificateView& view) {
  const auto text = [](ByteView bytes) { return std::string(text_of(bytes)); };
  std::vector<std::string> all = {
      std::to_string(view.version),       text(view.serial),  text(view.inner_algorithm),
      text(view.outer_algorithm),         text(view.issuer),  text(view.not_before_element.whole),
      text(view.not_after_element.whole), text(view.subject), text(view.spki)};
  const auto extensions_at = static_cast<std::ptrdiff_t>(all.size());
  for (const ExtensionView& extension : view.extensions) {
    all.push_back(text(extension.oid) + (extension.critical ? "!" : ":") + text(extension.value));
  }
  std::sort(all.begin() + extensions_at, all.end());
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView input(data, size);
  const bool whole = data[0] == der::sequence;
  const Bytes der = whole ? copy_of(input) : edited(input.subspan(1));
  const auto info = parse_certificate(der);
  if (!info) {
    require(info.error().code == ErrorCode::invalid_request);
    require(info.error().field == "certificate");
  } else if (whole) {  // edits nearly always parse, and OpenSSL is slow
    check_with_openssl(der, *info);
  }
  if (!lint(der, good().issuer, good().draft).empty()) return 0;
  const auto linted = read_certificate(der), drafted = read_certificate(good().der);
  require(linted && drafted && parts(*linted) == parts(*drafted));
  return 0;
}
