#include <sys/stat.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "core/limits.h"
#include "core/store.h"
#include "tests/core/audit/log_fixture.h"

namespace chancery {
namespace {

const Time kNow = from_unix_seconds(1'800'000'000);

struct StoreFixture {
  StoreFixture() : store(Store::open(path()).value()) {}
  [[nodiscard]] std::string path() const { return folder.file("chancery.db"); }

  /// One record in a transaction of its own: what was refused, if anything.
  std::optional<Error> apply(std::vector<StoreChange> changes) {
    BOOST_REQUIRE(store->begin());
    const std::uint64_t index = next;
    auto applied =
        store->apply({index, AuditEntry(EntryKind::read).text(kNow), std::move(changes)});
    BOOST_REQUIRE_MESSAGE(applied, (applied ? "" : applied.error().detail));
    if (!applied->refused) ++next;
    BOOST_REQUIRE(store->commit());
    BOOST_TEST(store->log_size().value() == next);
    return applied->refused;
  }
  [[nodiscard]] int count_revoked_from(const char* issuer, std::uint64_t entry) const {
    int count = 0;
    BOOST_REQUIRE(store->each_revoked_from(CaName::literal(issuer), entry,
                                           [&](const RevokedEntry&) { ++count; }));
    return count;
  }
  /// The code of the refusal, or "applied".
  std::string outcome(std::vector<StoreChange> changes) {
    const auto refused = apply(std::move(changes));
    if (!refused) return "applied";
    switch (refused->code) {
      case ErrorCode::conflict:
        return "conflict";
      case ErrorCode::busy:
        return "busy";
      case ErrorCode::unauthenticated:
        return "unauthenticated";
      case ErrorCode::internal:
        return "internal";
      default:
        return "another error";
    }
  }

  TemporaryFolder folder;
  std::unique_ptr<Store> store;
  std::uint64_t next = 0;
};

KeyRecord key_record(const char* name, KeyId id = KeyId::random()) {
  return {KeyName::literal(name),
          id,
          KeyPurpose::data,
          KeyType::ec_p256,
          {SignatureAlgorithm::ecdsa_p256_sha256},
          MachineName::literal("web"),
          kNow,
          Bytes{1, 2, 3},
          7};
}

Revocation revocation_of(const Serial& serial) {
  return {.serial = serial,
          .issuer = CaName::literal("issuing"),
          .reason = RevocationReason::key_compromise,
          .revoked_at = kNow,
          .by = MachineName::literal("op"),
          .not_after = kNow + Seconds(60),
          .invalidity_date = kNow - Seconds(60),
          .incident = "",
          .entry = 9};
}

RenewalRequestRecord renewal_request_of(const CertificateRecord& certificate) {
  return {.serial = certificate.serial,
          .issuer = certificate.issuer,
          .reason = RevocationReason::superseded,
          .deadline = kNow + Seconds(60),
          .explanation_url = ""};
}

CertificateRecord renewal_of(const CertificateRecord& certificate) {
  CertificateRecord renewal = new_certificate();
  renewal.replaces = certificate.serial;
  return renewal;
}

CrlRecord crl_record(const char* number) {
  return {.issuer = CaName::literal("issuing"),
          .scope = CrlScope::all(),
          .number = number,
          .this_update = kNow,
          .next_update = kNow + Seconds(60),
          .since = kNow,
          .entries = 3,
          .sha256 = Bytes(32, 4)};
}

ClaimRequest claim(const char* key, Time expires = kNow + Seconds(60), Time at = kNow) {
  return {{MachineName::literal("web"), key, Bytes(32, 1), "req-1", 0, std::nullopt, expires}, at};
}

EnrollmentRecord enrollment_record(std::uint8_t token, Time expires = kNow + Seconds(60)) {
  return {Bytes(32, token), MachineName::literal("web"), ProfileName::literal("machine"), expires,
          std::nullopt};
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(store, StoreFixture)

BOOST_AUTO_TEST_CASE(preconditions) {
  const CertificateRecord certificate = new_certificate();
  const KeyId id = KeyId::random();
  CertificateRecord same_serial = new_certificate();
  same_serial.serial = certificate.serial;
  CertificateRecord lost = renewal_of(certificate);
  lost.state = CertificateState::unknown;
  const CertificateRecord renewal = renewal_of(certificate), again = renewal_of(certificate),
                          unasked = renewal_of(again);
  const MachineRecord machine{MachineName::literal("web"), MachineName::literal("op"), kNow, 0};
  const CaRecord ca{CaName::literal("root"),
                    KeyName::literal("ca-root"),
                    CaName::literal("root"),
                    Bytes{1},
                    1,
                    0};
  const MachineName web = MachineName::literal("web");
  const struct {
    const char* name;
    std::vector<StoreChange> changes;
    const char* expected;
  } rows[] = {
      {"a certificate", {AddCertificate{certificate}}, "applied"},
      {"the same serial", {AddCertificate{same_serial}}, "conflict"},
      {"a revocation", {AddRevocation{revocation_of(certificate.serial)}}, "applied"},
      {"revoked already", {AddRevocation{revocation_of(certificate.serial)}}, "conflict"},
      {"a request to replace", {PutRenewalRequest{renewal_request_of(certificate)}}, "applied"},
      {"the same again", {PutRenewalRequest{renewal_request_of(certificate)}}, "applied"},
      {"a renewal that was lost", {AddCertificate{lost}}, "applied"},
      {"one that was not", {AddCertificate{renewal}}, "applied"},
      {"a request behind it", {PutRenewalRequest{renewal_request_of(certificate)}}, "conflict"},
      {"another renewal", {AddCertificate{again}}, "applied"},
      {"its renewal", {AddCertificate{unasked}}, "applied"},
      {"what was replaced unasked", {PutRenewalRequest{renewal_request_of(again)}}, "conflict"},
      {"a key", {AddKey{key_record("one", id)}}, "applied"},
      {"its name again", {AddKey{key_record("one")}}, "conflict"},
      {"its id again", {AddKey{key_record("two", id)}}, "conflict"},
      {"a CA", {AddCa{ca}}, "applied"},
      {"the CA again", {AddCa{ca}}, "conflict"},
      {"a machine", {AddMachine{machine}}, "applied"},
      {"the machine again", {AddMachine{machine}}, "conflict"},
      {"no such token", {ClaimEnrollment{Bytes(32, 1), kNow}}, "unauthenticated"},
      {"an enrolment", {AddEnrollment{enrollment_record(1)}}, "applied"},
      {"its claim too late",
       {ClaimEnrollment{Bytes(32, 1), kNow + Seconds(60)}},
       "unauthenticated"},
      {"its claim", {ClaimEnrollment{Bytes(32, 1), kNow + Seconds(59)}}, "applied"},
      {"its claim again", {ClaimEnrollment{Bytes(32, 1), kNow}}, "unauthenticated"},
      {"a CRL", {PutCrl{crl_record("99")}}, "applied"},
      {"the same number", {PutCrl{crl_record("99")}}, "conflict"},
      {"a lower number", {PutCrl{crl_record("98")}}, "conflict"},
      {"lower, though greater as text", {PutCrl{crl_record("100")}}, "applied"},
      {"shorter, though greater as text", {PutCrl{crl_record("99")}}, "conflict"},
      {"a number of 20 octets",
       {PutCrl{crl_record("1461501637330902918203684832716283019655932542975")}},
       "applied"},
      {"a number that is none", {PutCrl{crl_record("0x1")}}, "internal"},
      {"a number with a zero before it", {PutCrl{crl_record("01")}}, "internal"},
      {"a request", {claim("k")}, "applied"},
      {"its key again", {claim("k")}, "busy"},
      {"its answer", {AnswerRequest{web, "k", "{}"}}, "applied"},
      {"its key again, answered", {claim("k")}, "busy"},
      {"the answer to nothing", {AnswerRequest{web, "none", "{}"}}, "applied"},
      {"a policy version", {AddPolicyVersion{{"aa", "text", kNow}}}, "applied"},
      {"the same version", {AddPolicyVersion{{"aa", "other", kNow}}}, "applied"},
  };
  for (const auto& row : rows) BOOST_TEST(outcome(row.changes) == row.expected, row.name);
  BOOST_CHECK(store->renewal_request(certificate.serial).value()->replaced_by == renewal.serial);
  BOOST_CHECK(store->replacement_of(certificate.serial).value() == renewal.serial);
  BOOST_TEST(store->policy_version("aa").value()->text == "text");
  BOOST_TEST(store->request(web, "k").value()->answer.value() == "{}");
}

BOOST_AUTO_TEST_CASE(a_refused_record_leaves_nothing) {
  const CertificateRecord certificate = new_certificate();
  BOOST_TEST(outcome({AddCertificate{certificate}}) == "applied");
  const auto count = store->certificate_count().value();
  // The last of several changes is refused: the ones before it go too, and so does the entry.
  BOOST_TEST(
      outcome({AddMachine{{MachineName::literal("new"), MachineName::literal("op"), kNow, 0}},
               AddCertificate{new_certificate()}, AddCertificate{certificate}}) == "conflict");
  BOOST_TEST(store->certificate_count().value() == count);
  BOOST_TEST(!store->machine(MachineName::literal("new")).value().has_value());
}

BOOST_AUTO_TEST_CASE(others_of_the_same_commit_are_not_affected) {
  const CertificateRecord first = new_certificate();
  const CertificateRecord last = new_certificate();
  BOOST_TEST_REQUIRE(store->begin().has_value());
  BOOST_TEST(!store->apply({0, "zero", {AddCertificate{first}}})->refused);
  BOOST_TEST(store->apply({1, "refused", {AddCertificate{last}, AddCertificate{first}}})
                 ->refused.has_value());
  BOOST_TEST(!store->apply({1, "one", {AddCertificate{last}}})->refused);
  BOOST_TEST_REQUIRE(store->commit().has_value());
  BOOST_TEST(store->entries(0, 10).value() == (std::vector<std::string>{"zero", "one"}));
  BOOST_TEST(store->certificate(last.serial).value().has_value());
}

BOOST_AUTO_TEST_CASE(nothing_is_read_before_its_commit) {
  BOOST_TEST_REQUIRE(store->begin().has_value());
  BOOST_TEST(!store->apply({0, "zero", {}})->refused);
  BOOST_TEST(store->log_size().value() == 0U);
  store->roll_back();
  BOOST_TEST(store->log_size().value() == 0U);
}

BOOST_AUTO_TEST_CASE(an_expired_request_key_can_be_claimed_again) {
  BOOST_TEST(outcome({claim("k")}) == "applied");
  BOOST_TEST(outcome({claim("k", kNow + Seconds(99), kNow + Seconds(59))}) == "busy");
  BOOST_TEST(outcome({claim("k", kNow + Seconds(200), kNow + Seconds(60))}) == "applied");
  BOOST_TEST(outcome({claim("k", kNow + Seconds(299), kNow + Seconds(199))}) == "busy");
}

BOOST_AUTO_TEST_CASE(a_released_request_key_can_be_claimed_again) {
  const MachineName web = MachineName::literal("web");
  BOOST_TEST(outcome({claim("k")}) == "applied");
  BOOST_TEST(outcome({ReleaseRequest{web, "k"}}) == "applied");
  BOOST_TEST(outcome({claim("k")}) == "applied");
  BOOST_TEST(outcome({AnswerRequest{web, "k", "{}"}}) == "applied");
  // An answer that was given stays.
  BOOST_TEST(outcome({ReleaseRequest{web, "k"}}) == "applied");
  BOOST_TEST(outcome({claim("k")}) == "busy");
}

BOOST_AUTO_TEST_CASE(expired_requests_go_away) {
  for (int i = 0; i < 50; ++i) {
    apply({claim(std::to_string(i).c_str(), kNow + Seconds(1))});
  }
  for (int i = 50; i < 100; ++i) {
    apply({claim(std::to_string(i).c_str(), kNow + Seconds(900), kNow + Seconds(2))});
  }
  const MachineName web = MachineName::literal("web");
  for (int i = 0; i < 50; ++i)
    BOOST_TEST(!store->request(web, std::to_string(i)).value().has_value());
  for (int i = 50; i < 100; ++i)
    BOOST_TEST(store->request(web, std::to_string(i)).value().has_value());
}

BOOST_AUTO_TEST_CASE(rows_come_back_as_they_went) {
  CertificateRecord certificate = new_certificate();
  certificate.intent = 3;
  certificate.outcome = 4;
  certificate.state = CertificateState::unknown;
  certificate.der.clear();
  KeyRecord key = key_record("one");
  key.algorithms = {SignatureAlgorithm::rsa_pss_sha256, SignatureAlgorithm::rsa_pkcs1_sha512};
  key.message_class = MessageClass::jwt;
  apply({AddCertificate{certificate}, AddKey{key}, PutCrl{crl_record("5")},
         AddRevocation{revocation_of(certificate.serial)}, AddEnrollment{enrollment_record(9)}});

  const auto got = store->certificate(certificate.serial).value().value();
  BOOST_TEST((got.serial == certificate.serial && got.issuer == certificate.issuer &&
              got.machine == certificate.machine && got.profile == certificate.profile));
  BOOST_TEST((got.not_before == certificate.not_before && got.not_after == certificate.not_after &&
              got.spki_sha256 == certificate.spki_sha256 && got.der.empty()));
  BOOST_TEST((got.state == CertificateState::unknown && got.intent == 3 && got.outcome == 4));

  const auto keys = store->keys({}).value();
  BOOST_TEST_REQUIRE(keys.size() == 1U);
  BOOST_TEST((keys[0].id == key.id && keys[0].type == key.type && keys[0].purpose == key.purpose &&
              keys[0].algorithms == key.algorithms && keys[0].spki == key.spki &&
              keys[0].created_at == key.created_at && keys[0].entry == key.entry &&
              keys[0].message_class == key.message_class && keys[0].context == key.context));
  const auto crl = store->crl(CaName::literal("issuing"), CrlScope::all()).value().value();
  BOOST_TEST((crl.number == "5" && crl.entries == 3 && crl.sha256 == Bytes(32, 4) &&
              crl.next_update == kNow + Seconds(60) && crl.entry == next - 1));
  const auto revocation = store->revocation(certificate.serial).value().value();
  BOOST_TEST((revocation.reason == RevocationReason::key_compromise &&
              revocation.revoked_at == kNow && revocation.by.text() == "op" &&
              revocation.invalidity_date == kNow - Seconds(60) && revocation.crl_shards == 1));
  const auto enrollment = store->enrollment(Bytes(32, 9)).value().value();
  BOOST_TEST(
      (enrollment.machine.text() == "web" && !enrollment.used_at && enrollment.entry == next - 1));
  apply({ClaimEnrollment{Bytes(32, 9), kNow}});
  BOOST_TEST((store->enrollment(Bytes(32, 9)).value()->used_at == kNow));
}

BOOST_AUTO_TEST_CASE(listings_page) {
  std::vector<Serial> serials;
  for (int i = 0; i < 25; ++i) {
    const CertificateRecord certificate = new_certificate(i % 2 == 0 ? "even" : "odd");
    serials.push_back(certificate.serial);
    apply({AddCertificate{certificate}, AddRevocation{revocation_of(certificate.serial)}});
  }
  std::vector<Serial> listed;
  Page page{"", 10};
  for (;;) {
    const auto rows = store->certificates(MachineName(), page).value();
    if (rows.empty()) break;
    BOOST_TEST(rows.size() <= 10U);
    for (const auto& row : rows) listed.push_back(row.serial);
    page.after = rows.back().serial.hex();
  }
  BOOST_TEST((listed == serials));
  BOOST_TEST(store->certificates(MachineName::literal("odd"), {"", 100})->size() == 12U);
  BOOST_TEST(store->certificates(MachineName::literal("nobody"), {"", 100})->empty());
  BOOST_TEST(
      (store->certificates(MachineName(), {"zz", 10}).error().code == ErrorCode::invalid_request));
  BOOST_TEST(store->certificate_count().value() == 25U);
  BOOST_TEST(store->certificates_by_number(25, 10)->size() == 1U);
  BOOST_TEST(store->revocations_by_number(20, 10)->size() == 6U);
  BOOST_TEST(count_revoked_from("issuing", 9) == 25);
  BOOST_TEST(count_revoked_from("issuing", 10) == 0);
  BOOST_TEST(count_revoked_from("other", 0) == 0);
}

BOOST_AUTO_TEST_CASE(what_waits_for_its_list_and_what_should_be_on_it) {
  using enum RevocationReason;
  const CaName issuing = CaName::literal("issuing");
  const auto add = [&](RevocationReason reason, unsigned shards, int seconds, Time not_after) {
    Revocation row = revocation_of(new_certificate("web").serial);
    row.crl_shards = shards;
    row.revoked_at = kNow + Seconds(seconds);
    row.not_after = not_after;
    for (const RevocationReason step : {certificate_hold, reason}) {
      if (step == row.reason) continue;
      row.reason = step;
      row.entry = next;
      apply({AddRevocation{row}});
    }
    return row;
  };
  const Time late = kNow + Seconds(3600);
  const Revocation first = add(certificate_hold, 4, 0, late);
  const Revocation final = add(superseded, 4, 10, late);
  const Revocation expired = add(certificate_hold, 1, 20, kNow);
  const Revocation released = add(remove_from_crl, 4, 30, late);

  BOOST_TEST(!store->newest_revocation(issuing, first.entry, kNow)->has_value());
  BOOST_TEST((*store->newest_revocation(issuing, final.entry, kNow))->entry == first.entry);
  BOOST_TEST((*store->newest_revocation(issuing, next, kNow))->entry == final.entry);
  BOOST_TEST((*store->newest_revocation(issuing, next, kNow - Seconds(1)))->entry == expired.entry);

  BOOST_TEST((*store->first_revocation(issuing, CrlScope::all(), 0))->entry == first.entry);
  BOOST_TEST((*store->first_revocation(issuing, CrlScope::all(), final.entry))->entry ==
             final.entry);
  BOOST_TEST(!store->first_revocation(issuing, CrlScope::all(), released.entry)->has_value());
  const CrlScope shard = CrlScope::of_shard(4, final.serial.shard(4));
  BOOST_TEST((*store->first_revocation(issuing, shard, final.entry))->entry == final.entry);
  BOOST_TEST(!store->first_revocation(issuing, shard, final.entry + 1)->has_value());

  const Time at = kNow + Seconds(100);
  const auto all = store->waited(issuing, 0, next, at).value();
  BOOST_TEST((all.count == 3U && all.seconds == 270 && all.longest_seconds == 100));
  BOOST_TEST(store->waited(issuing, final.entry, expired.entry, at)->seconds == 90);
}

BOOST_AUTO_TEST_CASE(one_winner_of_an_enrolment_claim) {
  apply({AddEnrollment{enrollment_record(1, now() + Seconds(60))}});
  auto log = AuditLog::open(*store).value();
  std::atomic<int> winners{0}, losers{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      const auto claimed =
          log->record(context_of("m" + std::to_string(i)), AuditEntry(EntryKind::machine),
                      {ClaimEnrollment{Bytes(32, 1), now()}});
      if (claimed) {
        ++winners;
      } else if (claimed.error().code == ErrorCode::unauthenticated) {
        ++losers;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(winners == 1);
  BOOST_TEST(losers == 15);
}

BOOST_AUTO_TEST_CASE(more_readers_than_connections) {
  const CertificateRecord certificate = new_certificate();
  apply({AddCertificate{certificate}});
  std::atomic<int> found{0};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 2 * limits::store_readers; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 50; ++k) {
        const auto row = store->certificate(certificate.serial);
        if (row && *row) ++found;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(found == static_cast<int>(100 * limits::store_readers));
}

BOOST_AUTO_TEST_CASE(the_log_is_append_only_in_the_database_too) {
  const CertificateRecord certificate = new_certificate();
  apply({AddCertificate{certificate}, AddRevocation{revocation_of(certificate.serial)}});
  BOOST_TEST_REQUIRE(store->begin().has_value());
  BOOST_TEST(store->put_tile(0, 0, Bytes(8192), Bytes(32)).has_value());
  BOOST_TEST(store->put_checkpoint({1, Bytes(32), "signed"}).has_value());
  BOOST_TEST_REQUIRE(store->commit().has_value());
  store.reset();
  for (const char* sql :
       {"UPDATE entry SET text = 'x'", "DELETE FROM entry", "DELETE FROM tile",
        "UPDATE tile SET number = 1", "REPLACE INTO entry (number, text) VALUES (0, 'x')",
        "UPDATE checkpoint SET note = 'x'", "DELETE FROM checkpoint", "DELETE FROM certificate",
        "DELETE FROM revocation"}) {
    BOOST_TEST(run_sql(path(), "PRAGMA recursive_triggers = ON; " + std::string(sql)) != "", sql);
  }
}

BOOST_AUTO_TEST_CASE(files_are_for_their_owner_alone) {
  apply({});
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat status {};
    BOOST_TEST(::stat((path() + suffix).c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 0777) == 0600U, suffix);
  }
}

BOOST_AUTO_TEST_CASE(a_second_writer_is_refused) {
  const auto second = Store::open(path());
  BOOST_TEST_REQUIRE(!second.has_value());
  BOOST_TEST((second.error().code == ErrorCode::store_unavailable));
  BOOST_TEST(second.error().message.find("in use by another process") != std::string::npos);
  store.reset();
  BOOST_TEST(Store::open(path()).has_value());
}

BOOST_AUTO_TEST_CASE(read_only_beside_a_live_one_and_on_copies) {
  apply({});
  const auto live = Store::open_read_only(path());
  BOOST_TEST_REQUIRE(live.has_value());
  BOOST_TEST((*live)->log_size().value() == 1U);
  apply({});
  BOOST_TEST((*live)->log_size().value() == 2U);

  // A copy with its write-ahead log, which holds everything so far.
  const std::string copy = folder.file("copy.db");
  std::filesystem::copy(path(), copy);
  std::filesystem::copy(path() + "-wal", copy + "-wal");
  BOOST_TEST(Store::open_read_only(copy).value()->log_size().value() == 2U);

  // A copy of a database that was closed, in a folder that stays as it is.
  store.reset();
  const auto lone = folder.path() / "lone";
  std::filesystem::create_directory(lone);
  std::filesystem::copy(path(), lone / "copy.db");
  std::filesystem::permissions(lone, std::filesystem::perms(0500));
  BOOST_TEST(Store::open_read_only(lone / "copy.db").value()->log_size().value() == 2U);
  BOOST_TEST(std::distance(std::filesystem::directory_iterator(lone), {}) == 1);
  std::filesystem::permissions(lone, std::filesystem::perms(0700));
}

BOOST_AUTO_TEST_CASE(what_is_no_database_of_ours_is_refused) {
  store.reset();
  tamper(path(), "PRAGMA user_version = 99");
  const auto later = Store::open(path());
  BOOST_TEST_REQUIRE(!later.has_value());
  BOOST_TEST(later.error().message.find("version 99") != std::string::npos);
  BOOST_TEST(!Store::open_read_only(path()).has_value());

  const std::string foreign = folder.file("foreign.db");
  tamper(foreign, "CREATE TABLE t (x)");
  BOOST_TEST(!Store::open(foreign).has_value());
  BOOST_TEST(!Store::open_read_only(folder.file("absent.db")).has_value());
  BOOST_TEST(!Store::open(folder.file("no/such/folder.db")).has_value());
}

// As a crash leaves it, perhaps after a flush that failed: in memory, and not known to be on the
// disk.
BOOST_AUTO_TEST_CASE(what_the_last_process_left_in_the_log_is_written_once_more) {
  apply({});
  const TemporaryFolder copy;
  const std::string left = copy.file("chancery.db");
  std::filesystem::copy_file(path(), left);
  std::filesystem::copy_file(path() + "-wal", left + "-wal");
  BOOST_TEST_REQUIRE(std::filesystem::file_size(left + "-wal") > 0U);
  const auto reopened = Store::open(left).value();
  BOOST_TEST(reopened->log_size().value() == next);
  BOOST_TEST(std::filesystem::file_size(left + "-wal") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
