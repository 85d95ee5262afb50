#include <boost/test/unit_test.hpp>

#include "core/crl_stream.h"
#include "core/der.h"
#include "core/limits.h"
#include "tests/core/x509/software_ca.h"

namespace chancery::test {
namespace {

FaceIssuer face_of(const SoftwareCa& ca) {
  auto issuer = FaceIssuer::from(ca.certificate);
  BOOST_REQUIRE_MESSAGE(issuer, (issuer ? "" : issuer.error().message));
  return std::move(*issuer);
}

Result<CrlReading> read(const FaceIssuer& issuer, ByteView der, std::vector<Serial> wanted = {},
                        std::size_t piece = 4096) {
  CrlStream stream(issuer, std::move(wanted));
  for (std::size_t at = 0; at < der.size(); at += piece) {
    RETURN_IF_ERROR(stream.feed(der.subspan(at, std::min(piece, der.size() - at))));
  }
  return stream.finish();
}

RevokedEntry entry_of(unsigned number, RevocationReason reason) {
  RevokedEntry entry{.serial = Serial::allocate(to_unix_seconds(today())),
                     .revoked_at = today() + std::chrono::seconds(number),
                     .reason = reason,
                     .invalidity_date = {}};
  if (number % 2 == 1) entry.invalidity_date = today() - std::chrono::hours(number);
  return entry;
}

CrlDraft draft_of(const std::vector<RevokedEntry>& entries) {
  CrlDraft draft;
  draft.number = "1234567890123456";
  draft.this_update = today();
  draft.next_update = today() + std::chrono::hours(24);
  draft.entries = entries.size();
  DerWriter out;
  for (const RevokedEntry& entry : entries) write_revoked_entry(out, entry);
  draft.encoded_entries = out.take();
  return draft;
}

std::vector<RevokedEntry> some(unsigned count) {
  using enum RevocationReason;
  constexpr std::array reasons{unspecified, key_compromise, certificate_hold, remove_from_crl};
  std::vector<RevokedEntry> entries;
  for (unsigned i = 0; i < count; ++i) entries.push_back(entry_of(i, reasons[i % reasons.size()]));
  return entries;
}

struct P256 {
  SoftwareCa ca = SoftwareCa::root("root", KeyType::ec_p256);
  FaceIssuer issuer = face_of(ca);
};

}  // namespace

BOOST_AUTO_TEST_SUITE(crl_stream)

BOOST_AUTO_TEST_CASE(lists_of_every_issuer_are_read_in_pieces_of_any_length) {
  const Serial absent = Serial::allocate(to_unix_seconds(today()));
  for (const KeyTypeRow& type : key_types()) {
    const SoftwareCa ca = SoftwareCa::root("root", type.type);
    const FaceIssuer issuer = face_of(ca);
    for (const unsigned count : {0U, 1U, 3U, 400U}) {
      const auto entries = some(count);
      const Bytes der = ca.sign_crl(draft_of(entries));
      std::vector<Serial> wanted{absent};
      if (count > 0) wanted.push_back(entries.back().serial);
      for (const std::size_t piece :
           {std::size_t{1}, std::size_t{7}, std::size_t{4096}, der.size()}) {
        const auto reading = read(issuer, der, wanted, piece);
        BOOST_REQUIRE_MESSAGE(reading, type.name << (reading ? "" : reading.error().message));
        BOOST_TEST((reading->entries == count && reading->bytes == der.size()));
        BOOST_TEST(reading->number == "1234567890123456");
        BOOST_TEST((reading->this_update == today()));
        BOOST_TEST((reading->next_update == today() + std::chrono::hours(24)));
        BOOST_TEST((!reading->base && !reading->point && !reading->freshest));
        BOOST_TEST(!reading->found[0].has_value());
        if (count == 0) continue;
        BOOST_REQUIRE(reading->found[1].has_value());
        BOOST_TEST((reading->found[1]->revoked_at == entries.back().revoked_at));
        BOOST_TEST((reading->found[1]->reason == entries.back().reason));
        BOOST_TEST((reading->found[1]->invalidity_date == entries.back().invalidity_date));
      }
    }
  }
}

BOOST_FIXTURE_TEST_CASE(each_kind_of_list_says_what_it_is, P256) {
  CrlDraft shard = draft_of(some(2));
  shard.scope = CrlScope::of_shard(4, 3);
  auto reading = read(issuer, ca.sign_crl(std::move(shard)));
  BOOST_REQUIRE(reading.has_value());
  BOOST_TEST((reading->point == "http://ca.example.com/crl/root/4/3.crl"));

  CrlDraft delta = draft_of(some(4));
  delta.scope = CrlScope::delta_of_all();
  delta.base_number = "99";
  reading = read(issuer, ca.sign_crl(std::move(delta)));
  BOOST_REQUIRE(reading.has_value());
  BOOST_TEST((reading->base == "99"));

  CrlDraft all = draft_of({});
  all.freshest = true;
  reading = read(issuer, ca.sign_crl(std::move(all)));
  BOOST_REQUIRE(reading.has_value());
  BOOST_TEST((reading->freshest == "http://ca.example.com/crl/root/delta.crl"));
}

BOOST_FIXTURE_TEST_CASE(no_changed_bit_passes, P256) {
  const auto entries = some(3);
  const Bytes der = ca.sign_crl(draft_of(entries));
  BOOST_REQUIRE(read(issuer, der).has_value());
  for (std::size_t bit = 0; bit < der.size() * 8; ++bit) {
    Bytes changed = der;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    BOOST_TEST(!read(issuer, changed, {entries[0].serial}).has_value(), "bit " << bit);
  }
}

BOOST_FIXTURE_TEST_CASE(a_list_that_is_cut_off_or_goes_on_is_refused, P256) {
  const Bytes der = ca.sign_crl(draft_of(some(3)));
  for (std::size_t size = 0; size < der.size(); ++size) {
    BOOST_TEST(!read(issuer, ByteView(der).first(size)).has_value(), size << " octets");
  }
  Bytes longer = der;
  longer.push_back(0);
  BOOST_TEST(!read(issuer, longer).has_value());
}

BOOST_FIXTURE_TEST_CASE(another_issuers_list_is_refused, P256) {
  const SoftwareCa other = SoftwareCa::intermediate(ca, "issuing", KeyType::ec_p256);
  const auto named = read(issuer, other.sign_crl(draft_of(some(1))));
  BOOST_REQUIRE(!named.has_value());
  BOOST_TEST(named.error().message == "it is another issuer's");
  // The same name, and another key.
  SoftwareCa twin = SoftwareCa::root("root", KeyType::ec_p384);
  const auto keyed = read(issuer, twin.sign_crl(draft_of(some(1))));
  BOOST_TEST(!keyed.has_value());
}

BOOST_FIXTURE_TEST_CASE(two_entries_of_one_certificate_are_refused, P256) {
  auto entries = some(2);
  entries[1].serial = entries[0].serial;
  const auto reading = read(issuer, ca.sign_crl(draft_of(entries)), {entries[0].serial});
  BOOST_REQUIRE(!reading.has_value());
  BOOST_TEST(reading.error().message == "it has two entries of one certificate");
}

BOOST_FIXTURE_TEST_CASE(what_takes_memory_is_refused_before_it_came, P256) {
  // CertificateList and TBSCertList of 16 MiB each, then a version of 15 MiB.
  CrlStream stream(issuer, {});
  const Bytes head = *from_hex("3083fffff03083ffffe00283efffff");
  const auto fed = stream.feed(head);
  BOOST_REQUIRE(!fed.has_value());
  BOOST_TEST(fed.error().field == "crl");
}

BOOST_AUTO_TEST_CASE(numbers_are_compared_as_numbers) {
  BOOST_TEST(is_smaller_number("9", "10"));
  BOOST_TEST(!is_smaller_number("10", "9"));
  BOOST_TEST(!is_smaller_number("10", "10"));
  BOOST_TEST(is_smaller_number("1999", "2000"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery::test
