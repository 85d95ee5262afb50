#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "core/audit_verify.h"
#include "tests/core/audit/log_fixture.h"
#include "tests/core/audit/python_verifier.h"

namespace chancery {
namespace {

/// A log with something of everything, in few entries.
struct VariedLog : LogHome {
  VariedLog() {
    first = issue("web");
    second = issue("db");
    checkpoint();
    revoke(first);
    conclude(intend(), Conclusion::failed);
    lost = new_certificate("lost");
    intend(certificate_intent_entry(lost));
    open();  // as after a crash
    CHECK(log->recover().value() == 1);
    append();
    checkpoint();  // what is newer than the last checkpoint, nobody can vouch for yet
  }

  [[nodiscard]] VerifyReport verify() {
    open();
    auto report = verify_log(*store, verifiers());
    close();
    CHECK(report);
    return *report;
  }

  CertificateRecord first, second, lost;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(audit_verify, VariedLog)

BOOST_AUTO_TEST_CASE(a_good_log_is_good) {
  int told = 0;
  const VerifyOptions options{[&](std::uint64_t done, std::uint64_t total) {
                                ++told;
                                BOOST_TEST(done <= total);
                              },
                              {}};
  const auto report = verify_log(*store, verifiers(), options).value();
  BOOST_TEST(report.good, summary(report));
  BOOST_TEST(report.entries == log->head().size);
  BOOST_TEST(report.root == log->head().root);
  BOOST_TEST(report.checkpoints == 2U);
  BOOST_TEST(report.checkpointed == report.entries);
  BOOST_TEST(report.certificates == 3U);
  BOOST_TEST(report.revocations == 1U);
  BOOST_TEST(report.open_intents == 0U);
  BOOST_TEST(told > 0);
  BOOST_TEST(summary(report).starts_with(
                 "good: 11 entries, 11 of them under 2 signed checkpoints, 3 certificates"),
             summary(report));
  close();
  BOOST_TEST(python_says_good(*this));
}

BOOST_AUTO_TEST_CASE(an_open_intent_is_reported_and_not_wrong) {
  const Intent intent = intend();
  const auto report = verify_log(*store, verifiers()).value();
  BOOST_TEST(report.good, summary(report));
  BOOST_TEST(report.open_intents == 1U);
  close();
  BOOST_TEST(python_says_good(*this));
}

BOOST_AUTO_TEST_CASE(an_intent_left_open_behind_a_later_run_is_wrong) {
  intend();
  log->record(context_of("self"), AuditEntry(EntryKind::start)).value();
  BOOST_TEST(verify_log(*store, {})->good, "recovery may still come");
  conclude(intend());
  BOOST_TEST(!verify_log(*store, {})->good);
  close();
  BOOST_TEST(!python_says_good(*this));
}

// Each of these is something that one could want to make the log say. Both verifiers see it.
BOOST_AUTO_TEST_CASE(tampering) {
  const std::string first_serial = blob(first.serial.bytes);
  const std::string outcome = std::to_string(second.outcome);
  const struct {
    const char* name;
    std::string sql;
  } rows[] = {
      {"an entry of another machine",
       "UPDATE entry SET text = replace(text, '\"auditor\"', '\"admin\"') WHERE number = 10"},
      {"two entries exchanged",
       "UPDATE entry SET number = -1 WHERE number = 1; UPDATE entry SET number = 1 WHERE number = "
       "3;"
       "UPDATE entry SET number = 3 WHERE number = -1"},
      {"the last entry gone", "DELETE FROM entry WHERE number = 10"},
      {"an entry gone from the middle", "DELETE FROM entry WHERE number = 4"},
      {"the same outcome twice",
       "INSERT INTO entry SELECT 11, text FROM entry WHERE number = " + outcome},
      {"an outcome without an intent",
       "INSERT INTO entry SELECT 11, replace(text, '\"intent\":3', '\"intent\":10') FROM entry"
       " WHERE number = " +
           outcome},
      {"a certificate without an intent",
       "INSERT INTO certificate SELECT 4, randomblob(20), issuer, machine, profile, not_before,"
       " not_after, spki_sha256, der, state, intent, outcome, crl_shards,"
       " replaces, grant_name, policy FROM certificate WHERE number = 1"},
      {"a certificate gone", "DELETE FROM certificate WHERE number = 2"},
      {"the last certificate gone", "DELETE FROM certificate WHERE number = 3"},
      {"a certificate of a later entry", "UPDATE certificate SET outcome = 100 WHERE number = 3"},
      {"an unknown one made issued", "UPDATE certificate SET state = 'issued' WHERE number = 3"},
      {"another certificate", "UPDATE certificate SET der = x'3000' WHERE number = 1"},
      {"another owner", "UPDATE certificate SET machine = 'db' WHERE number = 1"},
      {"a longer life", "UPDATE certificate SET not_after = not_after + 1000000 WHERE number = 1"},
      {"a microsecond more", "UPDATE certificate SET not_after = not_after + 1 WHERE number = 1"},
      {"a revocation gone", "DELETE FROM revocation WHERE serial = " + first_serial},
      {"a revocation of another", "UPDATE revocation SET serial = " + blob(second.serial.bytes)},
      {"an earlier revocation", "UPDATE revocation SET revoked_at = revoked_at - 1"},
      {"another reason", "UPDATE revocation SET reason = 'keyCompromise'"},
      {"a revocation that leaves the CRL early", "UPDATE revocation SET not_after = 0"},
      {"a revocation more",
       "INSERT INTO revocation SELECT 2, " + blob(second.serial.bytes) +
           ", issuer, reason, revoked_at, by, not_after, entry, crl_shards, shard,"
           " invalidity_date, incident FROM revocation"},
      {"a checkpoint of another root", "UPDATE checkpoint SET root = zeroblob(32) WHERE size = 5"},
      {"an unsigned checkpoint of another root",
       "UPDATE checkpoint SET root = zeroblob(32), note = '' WHERE size = 5"},
      {"a note without its signatures",
       "UPDATE checkpoint SET note = substr(note, 1, instr(note, char(10, 10)) + 1)"},
      // The last digit of the Ed25519 signature has two bits that say nothing.
      {"a signature in other base64",
       "UPDATE checkpoint SET note = (WITH sign(at) AS (SELECT instr(note, '=' || char(10, 8212)))"
       " SELECT substr(note, 1, at - 2) || char(unicode(substr(note, at - 1, 1)) + 1)"
       " || substr(note, at) FROM sign)"},
      {"another policy text", "UPDATE policy_version SET text = 'grants: nothing'"},
      {"no policy text", "DELETE FROM policy_version"},
      {"recovery that begins too late", "UPDATE recovery SET mark = 1000"},
      {"another last start", "UPDATE recovery SET last_start = last_start + 1"},
      {"no last start", "UPDATE recovery SET last_start = NULL"},
      {"a last start that is not there", "UPDATE recovery SET last_start = 1000"},
      {"a tile too many", "INSERT INTO tile VALUES (0, 0, zeroblob(32), zeroblob(8192))"},
      {"a key that nobody made",
       "INSERT INTO key VALUES ('k', zeroblob(16), 'data', 'ec-p256', 'ecdsa-p256-sha256', 'web', "
       "0,"
       " x'00', 2, 'data', '')"},
      {"a CA that nobody made", "INSERT INTO ca VALUES ('c', 'k', 'c', x'00', 1, 2)"},
      {"a machine that nobody added", "INSERT INTO machine VALUES ('m', 'op', 0, 2, '', 2)"},
  };
  close();
  const std::string good = folder().file("good.db");
  std::filesystem::copy(database(), good);
  for (const auto& row : rows) {
    std::filesystem::copy(good, database(), std::filesystem::copy_options::overwrite_existing);
    tamper(database(), row.sql);
    const auto tampered = Store::open_read_only(database()).value();
    const auto report = verify_log(*tampered, verifiers());
    BOOST_TEST((!report.has_value() || !report->good), row.name);
    if (report) BOOST_TEST(summary(*report).starts_with("BAD: "), row.name);
    BOOST_TEST(!python_says_good(*this), row.name);
  }
}

BOOST_AUTO_TEST_CASE(a_checkpoint_needs_the_signature_of_every_key) {
  const NoteSigner stranger(kOrigin, KeyType::ed25519);
  auto keys = verifiers();
  keys.push_back(NoteVerifier::create(kOrigin, stranger.spki()).value());
  const auto report = verify_log(*store, keys).value();
  BOOST_TEST(report.finding_count == 2U);
  BOOST_TEST(report.checkpoints == 0U);
}

BOOST_AUTO_TEST_CASE(a_log_is_verified_while_it_grows) {
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    while (!stop) {
      revoke(issue());
      checkpoint();
    }
  });
  for (int i = 0; i < 20; ++i) {
    const auto live = Store::open_read_only(database()).value();
    const auto report = verify_log(*live, verifiers()).value();
    BOOST_TEST(report.good, summary(report));
  }
  stop = true;
  writer.join();
}

// Whoever cuts the log takes its later checkpoints along; only who kept one apart can tell.
BOOST_AUTO_TEST_CASE(a_cut_or_replaced_log_is_found_by_a_checkpoint_that_was_kept) {
  append();
  const std::string note = checkpoint();
  const std::uint64_t size = log->head().size;
  const auto verdict = [this](const std::string& kept) {
    open();
    auto report = verify_log(*store, verifiers(), {{}, {{"the kept one", kept}}});
    close();
    return summary(report.value());
  };
  BOOST_TEST(verdict(note).starts_with("good"), verdict(note));
  const std::string forged = note.substr(0, note.find("\n\n")) + "\n\n";
  BOOST_TEST(verdict(forged).find("the kept one") != std::string::npos);
  tamper(database(), "DELETE FROM entry WHERE number >= " + std::to_string(size - 1) +
                         "; DELETE FROM checkpoint WHERE size >= " + std::to_string(size));
  std::filesystem::remove(checkpoint_file());
  BOOST_TEST(verdict(note).find("is shorter") != std::string::npos, verdict(note));

  // Grown again beyond it, with other entries.
  open();
  for (int i = 0; i < 3; ++i) append();
  close();
  BOOST_TEST(
      verdict(note).find("the kept one of size " + std::to_string(size)) != std::string::npos,
      verdict(note));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
