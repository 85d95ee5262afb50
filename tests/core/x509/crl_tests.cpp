#include <boost/test/unit_test.hpp>

#include "core/crl.h"
#include "core/der.h"
#include "tests/core/x509/software_ca.h"

namespace chancery::test {
namespace {

Revocation revoked(RevocationReason reason) {
  Revocation revocation;
  revocation.serial = *Serial::parse("0123456789abcdef0123456789abcdef01234567");
  revocation.issuer = CaName::literal("issuing");
  revocation.reason = reason;
  revocation.revoked_at = *from_rfc3339("2026-11-22T09:40:50Z");
  return revocation;
}

CrlDraft draft_of(const std::string& number, std::size_t entries) {
  CrlDraft draft;
  draft.number = number;
  draft.this_update = today();
  draft.next_update = today() + std::chrono::hours(24);
  for (std::size_t i = 0; i < entries; ++i) {
    Revocation revocation = revoked(RevocationReason::superseded);
    revocation.serial = Serial::allocate(to_unix_seconds(today()));
    draft.entries.push_back(encode_revoked_entry(revocation));
  }
  return draft;
}

struct Cas {
  SoftwareCa root = SoftwareCa::root("root", KeyType::ec_p256);
  SoftwareCa issuing = SoftwareCa::intermediate(root, "issuing", KeyType::ec_p384, 2);
};

}  // namespace

BOOST_AUTO_TEST_SUITE(crl)

BOOST_AUTO_TEST_CASE(entries_have_a_reason_unless_unspecified) {
  const std::string serial_and_time =
      "02140123456789abcdef0123456789abcdef01234567"
      "170d3236313132323039343035305a";
  BOOST_TEST(to_hex(encode_revoked_entry(revoked(RevocationReason::unspecified))) ==
             "3025" + serial_and_time);
  BOOST_TEST(to_hex(encode_revoked_entry(revoked(RevocationReason::key_compromise))) ==
             "3033" + serial_and_time + "300c300a0603551d1504030a0101");
  BOOST_TEST(to_hex(encode_revoked_entry(revoked(RevocationReason::privilege_withdrawn))) ==
             "3033" + serial_and_time + "300c300a0603551d1504030a0109");
}

BOOST_AUTO_TEST_CASE(every_type_of_issuer_makes_good_crls) {
  for (const KeyTypeRow& type : key_types()) {
    const SoftwareCa root = SoftwareCa::root("root", type.type);
    std::string previous;
    for (std::size_t entries : {0U, 1U, 300U}) {
      const std::string number = std::to_string(1000 + entries);
      const Bytes crl = root.sign_crl(draft_of(number, entries));
      const auto checked =
          check_crl(crl, root.issuer, root.key.public_key(), {}, previous, entries);
      BOOST_TEST(checked.has_value(),
                 type.name << ": " << (checked ? "" : checked.error().message));
      previous = number;
    }
  }
}

BOOST_AUTO_TEST_CASE(numbers_up_to_20_octets_are_written_and_compared) {
  const Cas cas;
  const std::string largest = "730750818665451459101842416358141509827966271487";  // 2^159 - 1
  const struct {
    std::string previous, number;
    bool good;
  } rows[] = {
      {"", "0", true},
      {"0", "0", false},
      {"0", "1", true},
      {"9", "10", true},
      {"10", "9", false},
      {"255", "256", true},
      {"256", "255", false},
      {"65535", "65535", false},
      {"18446744073709551615", "18446744073709551616", true},
      {"00010", "11", true},
      {"largest", "1", false},
      {"-1", "1", false},
      {"1", largest, true},
      {largest, "1", false},
  };
  for (const auto& row : rows) {
    const Bytes crl = cas.root.sign_crl(draft_of(row.number, 0));
    const auto checked =
        check_crl(crl, cas.root.issuer, cas.root.key.public_key(), {}, row.previous, 0);
    BOOST_TEST(checked.has_value() == row.good, row.previous << " then " << row.number);
  }
}

// RFC 5280 section 5.2.5: a reader that does not know the critical extension must not use the CRL.
BOOST_AUTO_TEST_CASE(only_the_crl_of_a_shard_has_a_distribution_point) {
  const Cas cas;
  CrlDraft draft = draft_of("5", 3);
  const std::string idp = "0603551d1c0101ff";  // its object identifier, critical
  const auto extensions = [&] {
    const std::string tbs = to_hex(build_crl_tbs(cas.issuing.issuer, draft));
    return std::pair(
        tbs.find(idp) != std::string::npos,
        tbs.find(to_hex(bytes_of(cas.issuing.issuer.crl_url(1)))) != std::string::npos);
  };
  BOOST_TEST((extensions() == std::pair(false, false)));
  draft.shard = 1;
  BOOST_TEST((extensions() == std::pair(true, true)));
}

BOOST_AUTO_TEST_CASE(what_must_not_be_published_is_refused) {
  static const Cas cas;
  static const PublicKey& key = cas.issuing.key.public_key();
  const struct {
    const char* name;
    const char* reason;
    Result<void> (*check)(CrlDraft);
  } rows[] = {
      {"a number that does not grow", "CRLNumber",
       [](CrlDraft draft) {
         return check_crl(cas.issuing.sign_crl(draft), cas.issuing.issuer, key, 1, "5", 3);
       }},
      {"another shard's IDP", "IDP",
       [](CrlDraft draft) {
         draft.shard = 0;
         return check_crl(cas.issuing.sign_crl(draft), cas.issuing.issuer, key, 1, "4", 3);
       }},
      {"no IDP where the CRL is of a shard", "not AKI, CRLNumber and IDP",
       [](CrlDraft draft) {
         draft.shard = std::nullopt;
         return check_crl(cas.issuing.sign_crl(draft), cas.issuing.issuer, key, 1, "4", 3);
       }},
      {"an IDP where the CRL is of all", "not AKI and CRLNumber",
       [](CrlDraft draft) {
         return check_crl(cas.issuing.sign_crl(draft), cas.issuing.issuer, key, {}, "4", 3);
       }},
      {"fewer entries", "3 entries in place of 4",
       [](CrlDraft draft) {
         return check_crl(cas.issuing.sign_crl(draft), cas.issuing.issuer, key, 1, "4", 4);
       }},
      {"an empty list where entries are due", "0 entries in place of 3",
       [](CrlDraft draft) {
         draft.entries.clear();
         return check_crl(cas.issuing.sign_crl(draft), cas.issuing.issuer, key, 1, "4", 3);
       }},
      {"nextUpdate before thisUpdate", "nextUpdate",
       [](CrlDraft draft) {
         draft.next_update = draft.this_update;
         return check_crl(cas.issuing.sign_crl(draft), cas.issuing.issuer, key, 1, "4", 3);
       }},
      {"a damaged signature", "signature",
       [](CrlDraft draft) {
         Bytes crl = cas.issuing.sign_crl(draft);
         crl.back() ^= 1;
         return check_crl(crl, cas.issuing.issuer, key, 1, "4", 3);
       }},
      {"another key's signature", "signature",
       [](CrlDraft draft) {
         const Bytes tbs = build_crl_tbs(cas.issuing.issuer, draft);
         static const SoftwareKey other = SoftwareKey::make(KeyType::ec_p384);
         const auto algorithm = cas.issuing.issuer.algorithm();
         return check_crl(assemble_signed(tbs, algorithm, other.sign(algorithm, tbs)),
                          cas.issuing.issuer, key, 1, "4", 3);
       }},
      {"another issuer's", "algorithm",
       [](CrlDraft draft) {
         draft.shard = 0;
         return check_crl(cas.root.sign_crl(draft), cas.issuing.issuer, key, 0, "4", 3);
       }},
      {"bytes follow", "bytes follow",
       [](CrlDraft draft) {
         Bytes crl = cas.issuing.sign_crl(draft);
         crl.push_back(0);
         return check_crl(crl, cas.issuing.issuer, key, 1, "4", 3);
       }},
      {"nothing", "ends early",
       [](CrlDraft) { return check_crl({}, cas.issuing.issuer, key, 1, "4", 3); }},
  };
  CrlDraft draft = draft_of("5", 3);
  draft.shard = 1;
  BOOST_TEST(
      check_crl(cas.issuing.sign_crl(draft), cas.issuing.issuer, key, 1, "4", 3).has_value());
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const auto checked = row.check(draft);
      BOOST_REQUIRE(!checked);
      BOOST_TEST((checked.error().code == ErrorCode::internal));
      BOOST_TEST(checked.error().message.find(row.reason) != std::string::npos,
                 checked.error().message);
    }
  }
}

BOOST_AUTO_TEST_CASE(every_truncation_and_flipped_bit_is_refused) {
  const Cas cas;
  for (const std::optional<unsigned> shard : {std::optional<unsigned>(), std::optional(0U)}) {
    CrlDraft draft = draft_of("5", 2);
    draft.shard = shard;
    const Bytes crl = cas.root.sign_crl(draft);
    const auto good = [&](ByteView der) {
      return check_crl(der, cas.root.issuer, cas.root.key.public_key(), shard, "4", 2).has_value();
    };
    BOOST_TEST(good(crl));
    for (std::size_t size = 0; size < crl.size(); ++size) {
      BOOST_TEST(!good(ByteView(crl).first(size)));
    }
    for (std::size_t at = 0; at < crl.size(); ++at) {
      Bytes flipped = crl;
      flipped[at] ^= 0x04;
      BOOST_TEST(!good(flipped), "byte " << at);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_hundred_thousand_entries_are_appended_not_moved) {
  const Cas cas;
  const CrlDraft draft = draft_of("1", 100'000);
  const Bytes tbs = build_crl_tbs(cas.root.issuer, draft);
  DerReader in(tbs, "crl");
  BOOST_TEST(in.element(der::sequence).has_value());
  BOOST_TEST(in.at_end());
  std::size_t size = 0;
  for (const Bytes& entry : draft.entries) size += entry.size();
  BOOST_TEST(tbs.size() > size);
  BOOST_TEST(tbs.size() < size + 512);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery::test
