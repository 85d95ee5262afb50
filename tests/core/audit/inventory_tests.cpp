// Rows that are found by a name, and those of repeatable requests, against the log: both ways, and
// every column that the log knows of.
#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "core/audit_verify.h"
#include "tests/core/audit/log_fixture.h"
#include "tests/core/audit/python_verifier.h"

namespace chancery {
namespace {

/// A log of everything that makes a row: two of each, so that they can be mistaken for each other.
struct Inventory : LogHome {
  Inventory() {
    for (const char* name : {"one", "two"}) {
      create_key(name);
      create_ca(name);
      add_machine(name);
      publish_crl(name, "1000");
    }
    renewed = add_machine("one");
    enroll(renewed, Conclusion::ok);
    used_up = add_machine("two");
    enroll(used_up, Conclusion::unknown);
    publish_crl("one", "2000");
    ask("released", Conclusion::ok);
    ask("lost", Conclusion::unknown);
    claim("open");
  }

  void create_key(const std::string& name) {
    const KeyRecord key{KeyName::literal(name),
                        KeyId::random(),
                        KeyPurpose::data,
                        KeyType::rsa_2048,
                        {SignatureAlgorithm::rsa_pss_sha256, SignatureAlgorithm::rsa_pkcs1_sha256},
                        MachineName::literal("web"),
                        now(),
                        random_bytes(64)};
    AuditEntry intent(EntryKind::intent), outcome(EntryKind::outcome);
    intent.set("operation", "key.create").set("key", name).set("key_type", "rsa-2048");
    intent.set("key_id", to_hex(key.id.bytes)).set("purpose", "data");
    intent.set("algorithms", names_of(key.algorithms));
    outcome.set("key", name).set("spki_sha256", to_hex(sha256(key.spki)));
    finish(intend(std::move(intent)), Conclusion::ok, std::move(outcome), {AddKey{key}});
  }

  void create_ca(const std::string& name) {
    const CaRecord ca{CaName::literal(name), KeyName::literal(name), CaName::literal("one"),
                      random_bytes(64), 1};
    AuditEntry entry(EntryKind::ca);
    entry.set("ca", name).set("key", name).set("issuer", "one").set("crl_shards", 1U);
    entry.set("certificate_sha256", to_hex(sha256(ca.certificate)));
    log->record(context_of("self"), std::move(entry), {AddCa{ca}}).value();
  }

  /// The new token's hash; of a known machine, another token.
  Bytes add_machine(const std::string& name) {
    const MachineName machine = MachineName::literal(name);
    const EnrollmentRecord enrollment{random_bytes(32), machine, ProfileName::literal("machine"),
                                      now() + Seconds(60), std::nullopt};
    std::vector<StoreChange> changes{AddEnrollment{enrollment}};
    if (!store->machine(machine).value()) {
      changes.emplace_back(AddMachine{{machine, MachineName::literal("operator"), now()}});
    }
    AuditEntry entry(EntryKind::machine);
    entry.set("owner", name).set("profile", "machine");
    entry.set("expires_at", to_rfc3339_seconds(enrollment.expires_at));
    entry.set("token_sha256", to_hex(enrollment.token_sha256));
    log->record(context_of("operator"), std::move(entry), std::move(changes)).value();
    return enrollment.token_sha256;
  }

  void enroll(const Bytes& token, Conclusion conclusion) {
    CertificateRecord certificate = new_certificate();
    AuditEntry outcome = certificate_outcome_entry(certificate);
    if (conclusion == Conclusion::unknown) {
      certificate.state = CertificateState::unknown;
      certificate.der.clear();
      outcome = AuditEntry(EntryKind::outcome);
    }
    AuditEntry intent = certificate_intent_entry(certificate);
    intent.set("token_sha256", to_hex(token));
    finish(intend(std::move(intent), {ClaimEnrollment{token, now()}}), conclusion,
           std::move(outcome), {AddCertificate{certificate}});
  }

  void publish_crl(const std::string& issuer, const std::string& number) {
    const Time at = from_unix_seconds(to_unix_seconds(now()));
    const CrlRecord crl{CaName::literal(issuer), number, at,
                        at + Seconds(3600),      7,      random_bytes(64)};
    AuditEntry intent(EntryKind::intent), outcome(EntryKind::outcome);
    intent.set("operation", "crl.sign").set("issuer", issuer);
    intent.set("crl_number", number).set("crl_entries", crl.entries);
    intent.set("this_update", to_rfc3339_seconds(crl.this_update));
    intent.set("next_update", to_rfc3339_seconds(crl.next_update));
    outcome.set("crl_sha256", to_hex(sha256(crl.der)));
    finish(intend(std::move(intent)), Conclusion::ok, std::move(outcome), {PutCrl{crl}});
  }

  Intent claim(const std::string& key) {
    return intend(AuditEntry(EntryKind::intent),
                  {ClaimRequest{{MachineName::literal("web"), key, random_bytes(32), "req-" + key,
                                 0, std::nullopt, now() + Seconds(3600)}}},
                  "req-" + key);
  }

  void ask(const std::string& key, Conclusion conclusion) {
    Intent intent = claim(key);
    const Bytes signature = random_bytes(64);
    AuditEntry outcome(EntryKind::outcome);
    std::string answer = "unknown";
    if (conclusion == Conclusion::ok) {
      outcome.set("signature_sha256", to_hex(sha256(signature)));
      answer = R"({"intent":)" + std::to_string(intent.index()) + R"(,"request":"req-)" + key +
               R"(","signature":")" + to_base64(signature) + R"("})";
    }
    finish(std::move(intent), conclusion, std::move(outcome),
           {AnswerRequest{MachineName::literal("web"), key, answer}});
  }

  Intent intend(AuditEntry entry, std::vector<StoreChange> changes = {},
                const std::string& request = "req-1") {
    return log
        ->intend(context_of("web", request), policy.allow(), std::move(entry), SigningInput{},
                 std::move(changes))
        .value();
  }

  void finish(Intent intent, Conclusion conclusion, AuditEntry entry,
              std::vector<StoreChange> changes) {
    BOOST_REQUIRE(log->conclude(context_of("web"), std::move(intent), conclusion, std::move(entry),
                                std::move(changes)));
  }

  Bytes renewed, used_up;
};

struct Tampering {
  std::string name, sql;
};

/// Whether both verifiers find it, and agree; the database is `good` again afterwards.
void expect_found(const LogHome& home, const std::string& good, const Tampering& row) {
  std::filesystem::copy(good, home.database(), std::filesystem::copy_options::overwrite_existing);
  tamper(home.database(), row.sql);
  const auto report = verify_log(*Store::open_read_only(home.database()).value(), home.verifiers());
  BOOST_TEST((!report.has_value() || !report->good), row.name);
  BOOST_TEST(!python_says_good(home), row.name);
}

std::vector<Tampering> other_columns() {
  const struct {
    const char* row;  ///< table and condition
    std::vector<std::pair<const char*, const char*>> columns;
  } tables[] = {
      {"key WHERE name = 'one'",
       {{"name", "'three'"},
        {"id", "zeroblob(16)"},
        {"purpose", "'ca'"},
        {"type", "'rsa-3072'"},
        {"algorithms", "'rsa-pss-sha256'"},
        {"creator", "'db'"},
        {"spki", "x'3000'"},
        {"entry", "entry - 1"}}},
      {"ca WHERE name = 'two'",
       {{"name", "'three'"},
        {"key", "'one'"},
        {"issuer", "'two'"},
        {"certificate", "x'3000'"},
        {"crl_shards", "2"},
        {"entry", "entry + 1"}}},
      {"machine WHERE name = 'one'",
       {{"name", "'three'"}, {"added_by", "'web'"}, {"entry", "entry + 1"}}},
      {"enrollment WHERE token_sha256 = (SELECT min(token_sha256) FROM enrollment)",
       {{"token_sha256", "zeroblob(32)"},
        {"machine", "'three'"},
        {"profile", "'identity'"},
        {"expires_at", "expires_at + 3600000000"},
        {"entry", "entry + 1"}}},
      {"crl WHERE issuer = 'one'",
       {{"issuer", "'three'"},
        {"number", "'2001'"},
        {"this_update", "this_update + 1"},
        {"next_update", "next_update + 1000000"},
        {"entries", "0"},
        {"der", "x'3000'"},
        {"entry", "entry + 1"}}},
      {"request WHERE idempotency_key = 'released'",
       {{"machine", "'db'"},
        {"request_id", "'req-1'"},
        {"intent", "intent + 1"},
        {"answer", "replace(answer, '\"signature\":\"', '\"signature\":\"AA')"},
        {"outcome", "outcome + 1"}}},
      {"request WHERE idempotency_key = 'lost'",
       {{"answer", "'{}'"}, {"answer", "NULL"}, {"intent", "1000000"}}},
      {"request WHERE idempotency_key = 'open'",
       {{"answer", "'unknown'"}, {"outcome", "intent"}, {"request_id", "'req-lost'"}}},
  };
  std::vector<Tampering> rows;
  for (const auto& [row, columns] : tables) {
    const std::string text = row;
    const std::size_t end = text.find(' ');
    for (const auto& [column, value] : columns) {
      rows.push_back({text + ": another " + column, "UPDATE " + text.substr(0, end) + " SET " +
                                                        column + " = " + value + text.substr(end)});
    }
  }
  return rows;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(inventory, Inventory)

BOOST_AUTO_TEST_CASE(rows_and_entries_of_every_kind_agree) {
  const auto report = verify_log(*store, {}).value();
  BOOST_TEST(report.good, summary(report));
  BOOST_TEST(report.open_intents == 1U);
  close();
  BOOST_TEST(python_says_good(*this));
}

BOOST_AUTO_TEST_CASE(rows_of_requests_may_be_gone) {
  close();
  tamper(database(), "DELETE FROM request");
  BOOST_TEST(verify_log(*Store::open_read_only(database()).value(), {})->good);
  BOOST_TEST(python_says_good(*this));
}

BOOST_AUTO_TEST_CASE(a_crl_that_was_not_published_needs_no_row) {
  AuditEntry intent(EntryKind::intent), outcome(EntryKind::outcome);
  intent.set("issuer", "one").set("crl_number", "3000");
  outcome.set("crl_sha256", std::string(64, '0')).set("published", "no");
  finish(intend(std::move(intent)), Conclusion::ok, std::move(outcome), {});
  BOOST_TEST(verify_log(*store, {})->good);
  close();
  BOOST_TEST(python_says_good(*this));
}

BOOST_AUTO_TEST_CASE(an_enrolment_that_was_given_back_counts_as_unused) {
  const Bytes token = add_machine("three");
  const Time at = now();
  AuditEntry intent(EntryKind::intent);
  intent.set("token_sha256", to_hex(token));
  finish(intend(std::move(intent), {ClaimEnrollment{token, at}}), Conclusion::failed,
         AuditEntry(EntryKind::outcome), {ReleaseEnrollment{token, at}});
  BOOST_TEST(!store->enrollment(token).value()->used_at);
  BOOST_TEST(verify_log(*store, {})->good);
  close();
  BOOST_TEST(python_says_good(*this));
}

BOOST_AUTO_TEST_CASE(a_row_that_is_gone_or_that_no_entry_made_is_found) {
  std::vector<Tampering> rows;
  for (const char* table : {"key", "ca", "machine", "enrollment", "crl"}) {
    const std::string name = table;
    rows.push_back({"no " + name, "DELETE FROM " + name});
    rows.push_back(
        {"the last " + name + " gone",
         "DELETE FROM " + name + " WHERE entry = (SELECT max(entry) FROM " + name + ")"});
  }
  const std::string new_token = ", machine, profile, expires_at, used_at, ";
  rows.insert(
      rows.end(),
      {{"a key more",
        "INSERT INTO key SELECT 'three', randomblob(16), purpose, type, algorithms, creator,"
        " created_at, spki, entry FROM key WHERE name = 'one'"},
       {"a CA more",
        "INSERT INTO ca SELECT 'three', key, issuer, certificate, crl_shards, entry FROM ca"
        " WHERE name = 'one'"},
       {"a machine more",
        "INSERT INTO machine SELECT 'three', added_by, added_at, entry FROM machine"
        " WHERE name = 'one'"},
       {"a machine beyond the log",
        "INSERT INTO machine SELECT 'three', added_by, added_at, 1000000 FROM machine"
        " WHERE name = 'one'"},
       {"a machine that its second token made",
        "UPDATE machine SET entry = (SELECT entry FROM enrollment WHERE token_sha256 = " +
            blob(renewed) + ") WHERE name = 'one'"},
       {"an enrolment token more", "INSERT INTO enrollment SELECT randomblob(32)" + new_token +
                                       "entry FROM enrollment" +
                                       " WHERE token_sha256 = " + blob(renewed)},
       {"a used token as good as new",
        "UPDATE enrollment SET used_at = NULL WHERE token_sha256 = " + blob(renewed)},
       {"another used token as good as new",
        "UPDATE enrollment SET used_at = NULL WHERE token_sha256 = " + blob(used_up)},
       {"a CRL of nobody",
        "INSERT INTO crl SELECT 'three', number, this_update, next_update, entries, der, entry"
        " FROM crl WHERE issuer = 'one'"},
       {"another's CRL",
        "UPDATE crl SET (number, this_update, next_update, entries, der, entry) = (SELECT number,"
        " this_update, next_update, entries, der, entry FROM crl WHERE issuer = 'two')"
        " WHERE issuer = 'one'"},
       {"a request more",
        "INSERT INTO request SELECT machine, 'new', request_sha256, 'req-new', intent, answer,"
        " expires_at, outcome FROM request WHERE idempotency_key = 'released'"},
       {"another's answer",
        "UPDATE request SET (answer, outcome) = (SELECT answer, outcome FROM request"
        " WHERE idempotency_key = 'released') WHERE idempotency_key = 'lost'"}});
  close();
  const std::string good = folder().file("good.db");
  std::filesystem::copy(database(), good);
  for (const Tampering& row : rows) expect_found(*this, good, row);
}

BOOST_AUTO_TEST_CASE(every_other_column_is_found) {
  close();
  const std::string good = folder().file("good.db");
  std::filesystem::copy(database(), good);
  for (const Tampering& row : other_columns()) expect_found(*this, good, row);
}

// The database of before a CRL, beside the log of after it.
BOOST_AUTO_TEST_CASE(an_older_crl_is_found) {
  const CrlRecord old = store->crl(CaName::literal("two")).value().value();
  publish_crl("two", "3000");
  close();
  tamper(database(),
         "UPDATE crl SET number = '" + old.number +
             "', this_update = " + std::to_string(old.this_update.time_since_epoch().count()) +
             ", next_update = " + std::to_string(old.next_update.time_since_epoch().count()) +
             ", der = " + blob(old.der) + ", entry = " + std::to_string(old.entry) +
             " WHERE issuer = 'two'");
  const auto report = verify_log(*Store::open_read_only(database()).value(), {}).value();
  BOOST_TEST(report.finding_count == 1U, summary(report));
  BOOST_TEST(summary(report).find("an older CRL of two") != std::string::npos, summary(report));
  BOOST_TEST(!python_says_good(*this));
}

// More rows than one page of them.
BOOST_AUTO_TEST_CASE(rows_are_read_page_by_page) {
  for (int i = 0; i < 600; ++i) add_machine("m" + std::to_string(i));
  for (int i = 0; i < 300; ++i) {
    create_key("k" + std::to_string(i));
    ask("r" + std::to_string(i), Conclusion::ok);
  }
  BOOST_TEST(verify_log(*store, {})->good);
  close();
  BOOST_TEST(python_says_good(*this));
  for (const char* last :
       {"UPDATE key SET spki = x'00' WHERE name = (SELECT max(name) FROM key)",
        "UPDATE machine SET added_by = 'x' WHERE name = (SELECT max(name) FROM machine)",
        "UPDATE enrollment SET machine = 'x' WHERE token_sha256 ="
        " (SELECT max(token_sha256) FROM enrollment)",
        "UPDATE request SET outcome = 1 WHERE idempotency_key ="
        " (SELECT max(idempotency_key) FROM request)"}) {
    std::filesystem::copy(database(), folder().file("good.db"),
                          std::filesystem::copy_options::overwrite_existing);
    tamper(database(), last);
    BOOST_TEST(!verify_log(*Store::open_read_only(database()).value(), {})->good, last);
    std::filesystem::copy(folder().file("good.db"), database(),
                          std::filesystem::copy_options::overwrite_existing);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
