// Rows that are found by a name, and those of repeatable requests, against the log: both ways, and
// every column that the log knows of.
#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "core/audit_verify.h"
#include "tests/core/audit/inventory_fixture.h"
#include "tests/core/audit/python_verifier.h"

namespace chancery {
namespace {

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
        {"entry", "entry - 1"},
        {"message_class", "'jwt'"},
        {"context", "'two'"}}},
      {"ca WHERE name = 'two'",
       {{"name", "'three'"},
        {"key", "'one'"},
        {"issuer", "'two'"},
        {"certificate", "x'3000'"},
        {"crl_shards", "2"},
        {"entry", "entry + 1"}}},
      {"machine WHERE name = 'one'",
       {{"name", "'three'"},
        {"added_by", "'web'"},
        {"entry", "entry + 1"},
        {"attributes", "''"},
        {"attributes", "'env=test'"},
        {"attributes", "'env=prod' || char(10) || 'site=Zug, CH'"},
        {"attributes", "attributes || char(10) || 'team=shop'"},
        {"attributes_entry", "entry"},
        {"attributes_entry", "attributes_entry - 1"},
        {"attributes_entry", "attributes_entry + 1"},
        {"attributes_entry", "1000000"}}},
      {"machine WHERE name = 'two'",
       {{"attributes", "''"},
        {"attributes", "'env=prod'"},
        {"attributes_entry", "entry - 1"},
        {"attributes_entry", "(SELECT attributes_entry FROM machine WHERE name = 'one')"}}},
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
        {"since", "since + 1000000"},
        {"covers", "covers + 1"},
        {"sha256", "zeroblob(32)"},
        {"base_number", "'1'"},
        {"base_covers", "1"},
        {"scope", "'delta'"},
        {"entry", "entry + 1"}}},
      {"crl_shards WHERE issuer = 'one'",
       {{"issuer", "'three'"}, {"shards", "shards + 1"}, {"entry", "entry + 1"}}},
      {"incident WHERE name = 'inc-1'",
       {{"name", "'inc-3'"},
        {"selector", "'{}'"},
        {"reason", "'keyCompromise'"},
        {"invalidity_date", "invalidity_date + 1000000"},
        {"invalidity_date", "NULL"},
        {"opened_by", "'db'"},
        {"opened_at", "opened_at + 1000000"},
        {"through", "through + 1"},
        {"matched", "matched + 1"},
        {"per_second", "per_second + 1"},
        {"deadline", "deadline + 1000000"},
        {"explanation_url", "''"},
        {"state", "'cancelled'"},
        {"entry", "last_entry"},
        {"last_entry", "entry"}}},
      {"incident WHERE name = 'inc-2'", {{"state", "'finished'"}, {"last_entry", "entry + 1"}}},
      {"revocation WHERE incident = 'inc-1'", {{"incident", "'inc-2'"}, {"incident", "''"}}},
      {"blocked_key WHERE entry = (SELECT min(entry) FROM blocked_key)",
       {{"spki_sha256", "zeroblob(32)"}, {"entry", "entry + 1"}, {"entry", "1000000"}}},
      {"certificate WHERE number = 1",
       {{"grant_name", "'other'"}, {"grant_name", "''"}, {"policy", "NULL"}, {"policy", "7"}}},
      {"renewal_request WHERE replaced_by IS NOT NULL",
       {{"serial", "zeroblob(20)"},
        {"issuer", "'three'"},
        {"reason", "'superseded'"},
        {"deadline", "deadline + 1000000"},
        {"explanation_url", "''"},
        {"incident", "'inc-1'"},
        {"replaced_by", "NULL"},
        {"replaced_by",
         "(SELECT max(serial) FROM certificate WHERE replaces = renewal_request.serial"
         " AND serial <> replaced_by)"},
        {"entry", "entry - 1"}}},
      {"renewal_request WHERE replaced_by IS NULL",
       {{"replaced_by",
         "(SELECT serial FROM certificate WHERE replaces = renewal_request.serial)"}}},
      {"certificate WHERE replaces IS NOT NULL",
       {{"replaces", "NULL"}, {"replaces", "serial"}, {"replaces", "zeroblob(20)"}}},
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

BOOST_FIXTURE_TEST_SUITE(inventory, InventoryLog)

BOOST_AUTO_TEST_CASE(rows_and_entries_of_every_kind_agree) {
  const auto report = verify_log(*store, {}).value();
  BOOST_TEST(report.good, summary(report));
  BOOST_TEST(report.open_intents == 1U);
  close();
  BOOST_TEST(python_says_good(*this));
}

BOOST_AUTO_TEST_CASE(attributes_are_replaced_as_a_whole) {
  const auto row = store->machine(MachineName::literal("one")).value().value();
  BOOST_TEST(
      (row.attributes == std::vector<MachineAttribute>{{"env", "test"}, {"site", "Zug, CH"}}));
  BOOST_TEST(row.attributes_entry > row.entry + 2);
  const auto refused = log->record(context_of("operator"), AuditEntry(EntryKind::machine),
                                   {SetMachineAttributes{MachineName::literal("nobody"), {}}});
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().code == ErrorCode::not_found));
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
  for (const char* table : {"key", "ca", "machine", "enrollment", "crl", "renewal_request",
                            "incident", "blocked_key"}) {
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
        " created_at, spki, entry, message_class, context FROM key WHERE name = 'one'"},
       {"a CA more",
        "INSERT INTO ca SELECT 'three', key, issuer, certificate, crl_shards, entry FROM ca"
        " WHERE name = 'one'"},
       {"a machine more",
        "INSERT INTO machine SELECT 'three', added_by, added_at, entry, attributes,"
        " attributes_entry FROM machine WHERE name = 'one'"},
       {"what a machine was before",
        "UPDATE machine SET attributes = 'env=test', attributes_entry = attributes_entry - 2"
        " WHERE name = 'one'"},
       {"what a machine was at first",
        "UPDATE machine SET attributes = 'env=prod' || char(10) || 'team=shop',"
        " attributes_entry = entry WHERE name = 'one'"},
       {"a machine beyond the log",
        "INSERT INTO machine SELECT 'three', added_by, added_at, 1000000, attributes,"
        " 1000000 FROM machine WHERE name = 'one'"},
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
        "INSERT INTO crl SELECT 'three', scope, number, this_update, next_update, since, covers,"
        " entries, sha256, base_number, base_covers, entry"
        " FROM crl WHERE issuer = 'one'"},
       {"another's CRL",
        "UPDATE crl SET (number, this_update, next_update, since, covers, entries, sha256, entry) ="
        " (SELECT number, this_update, next_update, since, covers, entries, sha256, entry FROM crl"
        " WHERE issuer = 'two')"
        " WHERE issuer = 'one'"},
       {"a request to replace more",
        "INSERT INTO renewal_request SELECT (SELECT max(serial) FROM certificate WHERE serial NOT "
        "IN"
        " (SELECT serial FROM renewal_request)), issuer, reason,"
        " deadline, explanation_url, NULL, entry, '' FROM renewal_request WHERE replaced_by IS "
        "NULL"},
       {"the request to replace of before",
        "UPDATE renewal_request SET reason = 'superseded', entry = entry - 1"},
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
  const CrlRecord old = store->crl(CaName::literal("two"), CrlScope::all()).value().value();
  publish_crl("two", "3000");
  close();
  tamper(database(),
         "UPDATE crl SET number = '" + old.number +
             "', this_update = " + std::to_string(old.this_update.time_since_epoch().count()) +
             ", next_update = " + std::to_string(old.next_update.time_since_epoch().count()) +
             ", since = " + std::to_string(old.since.time_since_epoch().count()) +
             ", covers = " + std::to_string(old.covers) + ", sha256 = " + blob(old.sha256) +
             ", entry = " + std::to_string(old.entry) + " WHERE issuer = 'two'");
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
