#include <boost/test/unit_test.hpp>

#include "core/crl.h"
#include "core/der.h"
#include "tests/core/x509/software_ca.h"

namespace chancery::test {
namespace {

RevokedEntry revoked(RevocationReason reason) {
  return {.serial = *Serial::parse("0123456789abcdef0123456789abcdef01234567"),
          .revoked_at = *from_rfc3339("2026-11-22T09:40:50Z"),
          .reason = reason,
          .invalidity_date = {}};
}

std::string encoded(const RevokedEntry& entry) {
  DerWriter out;
  write_revoked_entry(out, entry);
  return to_hex(out.take());
}

CrlDraft draft_of(const std::string& number, std::size_t entries) {
  CrlDraft draft;
  draft.number = number;
  draft.this_update = today();
  draft.next_update = today() + std::chrono::hours(24);
  draft.entries = entries;
  DerWriter out;
  for (std::size_t i = 0; i < entries; ++i) {
    RevokedEntry entry = revoked(RevocationReason::superseded);
    entry.serial = Serial::allocate(to_unix_seconds(today()));
    write_revoked_entry(out, entry);
  }
  draft.encoded_entries = out.take();
  return draft;
}

struct Cas {
  SoftwareCa root = SoftwareCa::root("root", KeyType::ec_p256);
  SoftwareCa issuing = SoftwareCa::intermediate(root, "issuing", KeyType::ec_p384);
};

}  // namespace

BOOST_AUTO_TEST_SUITE(crl)

BOOST_AUTO_TEST_CASE(entries_have_a_reason_unless_unspecified) {
  const std::string serial_and_time =
      "02140123456789abcdef0123456789abcdef01234567"
      "170d3236313132323039343035305a";
  BOOST_TEST(encoded(revoked(RevocationReason::unspecified)) == "3025" + serial_and_time);
  BOOST_TEST(encoded(revoked(RevocationReason::key_compromise)) ==
             "3033" + serial_and_time + "300c300a0603551d1504030a0101");
  BOOST_TEST(encoded(revoked(RevocationReason::privilege_withdrawn)) ==
             "3033" + serial_and_time + "300c300a0603551d1504030a0109");
}

BOOST_AUTO_TEST_CASE(an_invalidity_date_is_a_generalized_time) {
  const std::string date = "30180603551d180411180f" + to_hex(bytes_of("20261120000000Z"));
  RevokedEntry entry = revoked(RevocationReason::unspecified);
  entry.invalidity_date = *from_rfc3339("2026-11-20T00:00:00Z");
  BOOST_TEST(encoded(entry).ends_with("301a" + date));
  entry.reason = RevocationReason::key_compromise;
  BOOST_TEST(encoded(entry).ends_with("3026300a0603551d1504030a0101" + date));
}

BOOST_AUTO_TEST_CASE(every_type_of_issuer_makes_good_crls) {
  for (const KeyTypeRow& type : key_types()) {
    const SoftwareCa root = SoftwareCa::root("root", type.type);
    std::string previous;
    for (std::size_t entries : {0U, 1U, 300U}) {
      const std::string number = std::to_string(1000 + entries);
      const Bytes crl = root.sign_crl(draft_of(number, entries));
      const auto checked =
          check_crl(crl, root.issuer, root.key.public_key(),
                    {.scope = {}, .previous_number = previous, .entries = entries});
      const auto head = read_signed_crl(crl, root.issuer, root.key.public_key());
      BOOST_REQUIRE(head.has_value());
      BOOST_TEST((head->number == number && head->entries == entries));
      BOOST_TEST((head->this_update == today()));
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
    const auto checked = check_crl(crl, cas.root.issuer, cas.root.key.public_key(),
                                   {.scope = {}, .previous_number = row.previous});
    BOOST_TEST(checked.has_value() == row.good, row.previous << " then " << row.number);
    const auto head = read_signed_crl(crl, cas.root.issuer, cas.root.key.public_key());
    BOOST_TEST(head->number == row.number);
  }
}

// RFC 5280 section 5.2.5: a reader that does not know the critical extension must not use the CRL.
BOOST_AUTO_TEST_CASE(only_the_crl_of_a_shard_has_a_distribution_point) {
  const Cas cas;
  const CrlScope shard = CrlScope::of_shard(2, 1);
  const std::string idp = "0603551d1c0101ff";  // its object identifier, critical
  const auto extensions = [&](const CrlScope& scope) {
    CrlDraft draft = draft_of("5", 3);
    draft.scope = scope;
    const std::string tbs = to_hex(build_crl_tbs(cas.issuing.issuer, draft));
    return std::pair(
        tbs.find(idp) != std::string::npos,
        tbs.find(to_hex(bytes_of(cas.issuing.issuer.crl_url(shard)))) != std::string::npos);
  };
  BOOST_TEST((extensions(CrlScope::all()) == std::pair(false, false)));
  BOOST_TEST((extensions(shard) == std::pair(true, true)));
}

BOOST_AUTO_TEST_CASE(what_must_not_be_published_is_refused) {
  static const Cas cas;
  static const PublicKey& key = cas.issuing.key.public_key();
  static const CrlScope shard = CrlScope::of_shard(2, 1);
  struct Case {
    CrlDraft draft;
    CrlExpectation expected;
    [[nodiscard]] Result<void> check() const {
      return check_crl(cas.issuing.sign_crl(draft), cas.issuing.issuer, key, expected);
    }
  };
  const struct {
    const char* name;
    const char* reason;
    Result<void> (*check)(Case);
  } rows[] = {
      {"a number that does not grow", "CRLNumber",
       [](Case one) {
         one.expected.previous_number = "5";
         return one.check();
       }},
      {"another shard's IDP", "IDP",
       [](Case one) {
         one.draft.scope = CrlScope::of_shard(2, 0);
         return one.check();
       }},
      {"the IDP of as many shards as there were before", "IDP",
       [](Case one) {
         one.draft.scope = CrlScope::of_shard(4, 1);
         return one.check();
       }},
      {"no IDP where the CRL is of a shard", "other extensions",
       [](Case one) {
         one.draft.scope = CrlScope::all();
         return one.check();
       }},
      {"an IDP where the CRL is of all", "other extensions",
       [](Case one) {
         one.expected.scope = CrlScope::all();
         return one.check();
       }},
      {"a delta where the list is of all", "other extensions",
       [](Case one) {
         one.expected.scope = CrlScope::all();
         one.draft.scope = CrlScope::delta_of_all();
         one.draft.base_number = "4";
         return one.check();
       }},
      {"the delta of another list", "delta of another",
       [](Case one) {
         one.expected.scope = one.draft.scope = CrlScope::delta_of_all();
         one.draft.base_number = "4";
         one.expected.base_number = "3";
         return one.check();
       }},
      {"a list that does not name its delta", "other extensions",
       [](Case one) {
         one.expected.freshest = true;
         return one.check();
       }},
      {"fewer entries", "3 entries in place of 4",
       [](Case one) {
         one.expected.entries = 4;
         return one.check();
       }},
      {"an empty list where entries are due", "0 entries in place of 3",
       [](Case one) {
         one.draft.entries = 0;
         one.draft.encoded_entries.clear();
         return one.check();
       }},
      {"nextUpdate before thisUpdate", "nextUpdate",
       [](Case one) {
         one.draft.next_update = one.draft.this_update;
         return one.check();
       }},
      {"a damaged signature", "signature",
       [](Case one) {
         Bytes crl = cas.issuing.sign_crl(one.draft);
         crl.back() ^= 1;
         return check_crl(crl, cas.issuing.issuer, key, one.expected);
       }},
      {"another key's signature", "signature",
       [](Case one) {
         const Bytes tbs = build_crl_tbs(cas.issuing.issuer, one.draft);
         static const SoftwareKey other = SoftwareKey::make(KeyType::ec_p384);
         const auto algorithm = cas.issuing.issuer.algorithm();
         return check_crl(assemble_signed(tbs, algorithm, other.sign(algorithm, tbs)),
                          cas.issuing.issuer, key, one.expected);
       }},
      {"another issuer's", "algorithm",
       [](Case one) {
         return check_crl(cas.root.sign_crl(one.draft), cas.issuing.issuer, key, one.expected);
       }},
      {"bytes follow", "bytes follow",
       [](Case one) {
         Bytes crl = cas.issuing.sign_crl(one.draft);
         crl.push_back(0);
         return check_crl(crl, cas.issuing.issuer, key, one.expected);
       }},
      {"nothing", "ends early",
       [](Case one) { return check_crl({}, cas.issuing.issuer, key, one.expected); }},
  };
  Case good{draft_of("5", 3), {.scope = shard, .previous_number = "4", .entries = 3}};
  good.draft.scope = shard;
  BOOST_TEST(good.check().has_value());
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const auto checked = row.check(good);
      BOOST_REQUIRE(!checked);
      BOOST_TEST((checked.error().code == ErrorCode::internal));
      BOOST_TEST(checked.error().message.find(row.reason) != std::string::npos,
                 checked.error().message);
    }
  }
}

BOOST_AUTO_TEST_CASE(every_truncation_and_flipped_bit_is_refused) {
  const Cas cas;
  for (const CrlScope& scope :
       {CrlScope::all(), CrlScope::delta_of_all(), CrlScope::of_shard(2, 0)}) {
    CrlDraft draft = draft_of("5", 2);
    draft.scope = scope;
    draft.freshest = scope == CrlScope::all();
    if (scope.delta) draft.base_number = "3";
    const CrlExpectation expected{.scope = scope,
                                  .base_number = draft.base_number,
                                  .freshest = draft.freshest,
                                  .previous_number = "4",
                                  .entries = 2};
    const Bytes crl = cas.root.sign_crl(draft);
    const auto good = [&](ByteView der) {
      return check_crl(der, cas.root.issuer, cas.root.key.public_key(), expected).has_value();
    };
    BOOST_TEST(good(crl), scope.name());
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

BOOST_AUTO_TEST_CASE(a_hundred_thousand_entries_are_moved_once) {
  const Cas cas;
  CrlDraft draft = draft_of("1", 100'000);
  const std::size_t size = draft.encoded_entries.size();
  const Bytes tbs = build_crl_tbs(cas.root.issuer, draft);
  DerReader in(tbs, "crl");
  BOOST_TEST(in.element(der::sequence).has_value());
  BOOST_TEST(in.at_end());
  BOOST_TEST(tbs.size() > size);
  BOOST_TEST(tbs.size() < size + 512);
}

BOOST_AUTO_TEST_CASE(scopes_have_one_name_each) {
  for (const char* name : {"all", "delta", "2/0", "2/1", "64/3", "4096/4095"}) {
    BOOST_TEST(CrlScope::parse(name)->name() == name);
  }
  for (const char* name : {"", "ALL", "1/0", "0/0", "2/2", "02/1", "2/01", "2", "2/", "/1", "2/1/",
                           "4097/0", "2/-1", "99999999999/1", "delta/1"}) {
    BOOST_TEST(!CrlScope::parse(name).has_value(), name);
  }
  BOOST_TEST((CrlScope::of_shard(1, 0) == CrlScope::all()));
  BOOST_TEST(CrlScope::of_shard(64, 3).path("issuing") == "issuing/64/3.crl");
  BOOST_TEST(CrlScope::all().path("issuing") == "issuing.crl");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery::test
