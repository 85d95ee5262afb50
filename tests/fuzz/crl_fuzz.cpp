// CRLs: what is written is what OpenSSL reads, and passes the checks before publishing; what is
// read, of any bytes, never passes them without the issuer's signature.
//
// The first octet of an input says which: even, the rest describes a list to write; odd, edits to
// one that was written, as place (two octets) and what to add to the octet there.

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "core/crl.h"
#include "core/openssl_ptr.h"

namespace {

using namespace chancery;

using CrlPtr = HandlePtr<X509_CRL, X509_CRL_free>;
using KeyPtr = HandlePtr<EVP_PKEY, EVP_PKEY_free>;

constexpr std::size_t kEntryOctets = 27;  // of the input: serial, time, reason, invalidity date
constexpr std::int64_t kEpoch = 1'700'000'000;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Signer {
  KeyPtr key{EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")};
  PublicKey public_key = spki();
  Issuer issuer = make_issuer();

  [[nodiscard]] Bytes sign(ByteView tbs) const {
    const HandlePtr<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
    Bytes signature(128);
    std::size_t size = signature.size();
    require(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1);
    require(EVP_DigestSign(context.get(), signature.data(), &size, tbs.data(), tbs.size()) == 1);
    signature.resize(size);
    return signature;
  }

 private:
  [[nodiscard]] PublicKey spki() const {
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key.get(), &der);
    auto made = PublicKey::from_spki({der, static_cast<std::size_t>(size)});
    OPENSSL_free(der);
    require(made.has_value());
    return std::move(*made);
  }
  [[nodiscard]] Issuer make_issuer() const {
    Subject subject;
    subject.common_name = "root";
    auto made =
        Issuer::create_root(CaName::literal("root"), subject, public_key, "http://ca.example.com");
    require(made.has_value());
    return std::move(*made);
  }
};

const Signer& signer() {
  static const Signer made;
  return made;
}

/// A list as the publisher would draft it, and what it expects to find in it.
struct Written {
  CrlDraft draft;
  CrlExpectation expected;
  std::vector<RevokedEntry> entries;
  Bytes der;
};

RevokedEntry entry_of(ByteView octets) {
  RevokedEntry entry;
  std::copy_n(octets.begin(), entry.serial.bytes.size(), entry.serial.bytes.begin());
  entry.serial.bytes[0] &= 0x7f;  // positive, and never shorter: the service's own are so
  entry.serial.bytes[0] |= 0x01;
  std::uint32_t seconds = 0;
  for (std::size_t i = 20; i < 24; ++i) seconds = seconds << 8 | octets[i];
  // Both sides of 2050, where UTCTime becomes GeneralizedTime (RFC 5280 section 4.1.2.5).
  entry.revoked_at = from_unix_seconds(kEpoch + seconds);
  constexpr std::array kReasons = {
      RevocationReason::unspecified,        RevocationReason::key_compromise,
      RevocationReason::ca_compromise,      RevocationReason::affiliation_changed,
      RevocationReason::superseded,         RevocationReason::cessation_of_operation,
      RevocationReason::certificate_hold,   RevocationReason::remove_from_crl,
      RevocationReason::privilege_withdrawn};
  entry.reason = kReasons[octets[24] % kReasons.size()];
  if (octets[25] & 1) entry.invalidity_date = entry.revoked_at - Seconds(octets[26] * 3600);
  return entry;
}

CrlScope scope_of(std::uint8_t octet) {
  switch (octet % 3) {
    case 0:
      return CrlScope::all();
    case 1:
      return CrlScope::delta_of_all();
    default:
      return CrlScope::of_shard(2U + octet, octet);
  }
}

/// Nothing where the input is too short to describe one.
std::optional<Written> written(ByteView input) {
  if (input.size() < 8) return std::nullopt;
  Written list;
  CrlDraft& draft = list.draft;
  draft.scope = scope_of(input[0]);
  draft.distribution_point = !draft.scope.delta && (input[1] & 1) != 0;
  draft.freshest = draft.scope == CrlScope::all() && (input[1] & 2) != 0;
  draft.number = std::to_string(input[2] * 16777216ULL + input[3] * 65536U + input[4] + 2U);
  if (draft.scope.delta) draft.base_number = std::to_string(input[5] + 1U);
  draft.this_update = from_unix_seconds(kEpoch + input[6] * 10'000'000LL);
  draft.next_update = draft.this_update + Seconds(3600 + input[7]);
  DerWriter out;
  for (ByteView rest = input.subspan(8); rest.size() >= kEntryOctets;
       rest = rest.subspan(kEntryOctets)) {
    list.entries.push_back(entry_of(rest));
    write_revoked_entry(out, list.entries.back());
  }
  draft.entries = list.entries.size();
  draft.encoded_entries = out.take();
  list.expected = {.scope = draft.scope,
                   .base_number = draft.base_number,
                   .distribution_point = draft.distribution_point,
                   .freshest = draft.freshest,
                   .previous_number = "1",
                   .entries = draft.entries};
  Bytes tbs = build_crl_tbs(signer().issuer, draft);
  const Bytes signature = signer().sign(tbs);
  list.der = assemble_signed(std::move(tbs), signer().issuer.algorithm(), signature);
  return list;
}

Bytes octets_of(const ASN1_INTEGER* number) {
  Bytes octets(static_cast<std::size_t>(ASN1_STRING_length(number)));
  std::copy_n(ASN1_STRING_get0_data(number), octets.size(), octets.begin());
  return octets;
}

bool is_time(const ASN1_TIME* time, Time expected) {
  return ASN1_TIME_cmp_time_t(time, to_unix_seconds(expected)) == 0;
}

void check_entry(X509_REVOKED* read, const RevokedEntry& entry) {
  const Bytes serial = octets_of(X509_REVOKED_get0_serialNumber(read));
  require(std::ranges::equal(serial, entry.serial.bytes));
  require(is_time(X509_REVOKED_get0_revocationDate(read), entry.revoked_at));
  int critical = 0;
  const HandlePtr<ASN1_ENUMERATED, ASN1_ENUMERATED_free> reason(static_cast<ASN1_ENUMERATED*>(
      X509_REVOKED_get_ext_d2i(read, NID_crl_reason, &critical, nullptr)));
  // Said by leaving it out (RFC 5280 section 5.3.1).
  require((reason == nullptr) == (entry.reason == RevocationReason::unspecified));
  if (reason) require(ASN1_ENUMERATED_get(reason.get()) == static_cast<long>(entry.reason));
  const HandlePtr<ASN1_GENERALIZEDTIME, ASN1_GENERALIZEDTIME_free> date(
      static_cast<ASN1_GENERALIZEDTIME*>(
          X509_REVOKED_get_ext_d2i(read, NID_invalidity_date, &critical, nullptr)));
  require((date != nullptr) == entry.invalidity_date.has_value());
  if (date) require(is_time(date.get(), *entry.invalidity_date));
}

void check_with_openssl(const Written& list) {
  const std::uint8_t* cursor = list.der.data();
  const CrlPtr crl(d2i_X509_CRL(nullptr, &cursor, static_cast<long>(list.der.size())));
  require(crl && cursor == list.der.data() + list.der.size());
  require(X509_CRL_verify(crl.get(), signer().key.get()) == 1);
  require(is_time(X509_CRL_get0_lastUpdate(crl.get()), list.draft.this_update));
  require(is_time(X509_CRL_get0_nextUpdate(crl.get()), list.draft.next_update));
  STACK_OF(X509_REVOKED)* revoked = X509_CRL_get_REVOKED(crl.get());
  // An empty list is absent (RFC 5280 section 5.1.2.6).
  require((revoked == nullptr) == list.entries.empty());
  require(sk_X509_REVOKED_num(revoked) == (revoked ? static_cast<int>(list.entries.size()) : -1));
  for (std::size_t i = 0; i < list.entries.size(); ++i) {
    check_entry(sk_X509_REVOKED_value(revoked, static_cast<int>(i)), list.entries[i]);
  }
}

void check_written(ByteView input) {
  const auto list = written(input);
  if (!list) return;
  const Signer& by = signer();
  require(check_crl(list->der, by.issuer, by.public_key, list->expected).has_value());
  const auto head = read_signed_crl(list->der, by.issuer, by.public_key);
  require(head && head->number == list->draft.number && head->entries == list->entries.size());
  CrlExpectation other = list->expected;
  ++other.entries;
  require(!check_crl(list->der, by.issuer, by.public_key, other));
  check_with_openssl(*list);
}

void check_edited(ByteView edits) {
  static const Written good = *written(*from_hex("0003000003050600" + std::string(54, '5')));
  Bytes der = good.der;
  for (; edits.size() >= 3; edits = edits.subspan(3)) {
    der[(edits[0] * 256U + edits[1]) % der.size()] += edits[2];
  }
  const auto checked =
      check_crl(der, signer().issuer, signer().public_key, good.expected).has_value();
  // ECDSA signatures have another form that verifies, but none here is made by adding to octets.
  if (checked) require(der == good.der);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView rest(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    check_written(rest);
  } else {
    check_edited(rest);
  }
  return 0;
}
