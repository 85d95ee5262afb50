// Whoever takes more out of a log than a pruning recorded, or records what may not go, is found.
#include <boost/test/unit_test.hpp>
#include <functional>

#include "tests/core/audit/pruning_fixture.h"
#include "tests/core/audit/python_verifier.h"

namespace chancery {
namespace {

struct Tampering : PrunedLog {
  Tampering() {
    revoke(add(ended_certificate()));
    kept = issue();
    revoke(kept);
    fill();
  }

  /// Both verifiers, of the closed log; what the first one finds.
  std::string found() {
    const auto copy = Store::open_read_only(database());
    BOOST_REQUIRE(copy);
    const auto report = verify_log(**copy, verifiers());
    BOOST_REQUIRE(report);
    const bool python = python_says_good(*this);
    BOOST_TEST(python == report->good, summary(*report));
    std::string all;
    for (const std::string& finding : report->findings) all += finding + "\n";
    return all;
  }

  CertificateRecord kept;
};

std::string number(std::uint64_t value) {
  return std::to_string(value);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pruning_tampering, Tampering)

BOOST_AUTO_TEST_CASE(whatever_else_is_taken_out_is_found) {
  const std::uint64_t removed = plan().ranges.front().first;
  const std::string text = store->entry(removed).value();
  const std::uint64_t entry = prune();
  const std::uint64_t minimum = store->minimum().value();
  close();
  BOOST_TEST(found() == "");

  const std::string retained = number(kept.intent);
  struct Row {
    const char* name;
    std::string sql, says;
  };
  const std::vector<Row> rows = {
      {"an entry that was retained", "DELETE FROM entry WHERE number = " + retained,
       "other entries are there below"},
      {"a certificate with its entries",
       "DELETE FROM entry WHERE number IN (" + retained + ", " + number(kept.outcome) +
           "); DELETE FROM certificate WHERE intent = " + retained,
       "rows of certificates or revocations were taken out"},
      {"its row", "DELETE FROM certificate WHERE intent = " + retained,
       "the inventory has no certificate"},
      {"its revocation", "DELETE FROM revocation WHERE serial = " + blob(kept.serial.bytes),
       "the inventory does not have this revocation"},
      {"an entry above the minimum", "DELETE FROM entry WHERE number = " + number(minimum),
       "entry " + number(minimum) + ": is not there, and no pruning accounts for that"},
      {"what was removed is there again",
       "INSERT INTO entry VALUES (" + number(removed) + ", CAST(" + blob(bytes_of(text)) +
           " AS TEXT))",
       "other entries are there below"},
      {"another minimum", "UPDATE pruning SET minimum = minimum + 256",
       "has another minimum for this pruning"},
      {"another count", "UPDATE pruning SET certificates = certificates + 1",
       "has another certificates for this pruning"},
      {"no row of it", "DELETE FROM pruning", "is not there"},
      {"its row names another entry", "UPDATE pruning SET entry = entry - 1", "is not there"},
      {"its entry", "DELETE FROM entry WHERE number = " + number(entry), "is not there"},
      {"a tile of hashes", "UPDATE tile SET hashes = zeroblob(8192) WHERE level = 0 AND number = 0",
       "has another root"},
      {"not done, with more to go",
       "UPDATE pruning SET done = 0; INSERT INTO pruning_range VALUES (" + retained + ", " +
           number(kept.outcome) + ")",
       "other entries are there below"},
  };
  const std::string good = folder().file("good.db");
  std::filesystem::copy_file(database(), good);
  for (const Row& row : rows) {
    tamper(database(), row.sql);
    const std::string says = found();
    BOOST_TEST(says.find(row.says) != std::string::npos, row.name << ": " << says);
    for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(database() + suffix);
    std::filesystem::copy_file(good, database(), std::filesystem::copy_options::overwrite_existing);
  }
  BOOST_TEST(found() == "");
}

/// One that removes what the sentence says, by hand.
BOOST_AUTO_TEST_CASE(one_that_no_checkpoint_covers_counts_for_nothing) {
  const PruningPlan plan = this->plan();
  record(plan);
  close();
  tamper(database(), "DELETE FROM entry WHERE number = " + number(plan.ranges.front().first));
  BOOST_TEST(found().find("is not there") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(one_of_what_is_too_young_counts_for_nothing) {
  const PruningPlan plan = this->plan();
  const std::uint64_t entry = prune(plan, {Seconds(0), Seconds(3600)});
  close();
  BOOST_TEST(entry > 0U);
  BOOST_TEST(found().find("is not there, and no pruning accounts for that") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_database_itself_refuses) {
  const PruningPlan plan = this->plan();
  const std::string first = number(plan.ranges.front().first);
  const auto refusal = [&](const std::string& sql) {
    close();
    std::string problem = run_sql(database(), sql);
    open();
    return problem;
  };
  const std::string remove = "DELETE FROM entry WHERE number = " + first;
  BOOST_TEST(refusal(remove).find("append-only") != std::string::npos, "without a plan");
  BOOST_REQUIRE(log->prune(PlanPruning{plan.ranges}));
  BOOST_TEST(refusal(remove).find("append-only") != std::string::npos, "planned only");
  record(plan);
  BOOST_TEST(refusal(remove).find("append-only") != std::string::npos, "under no checkpoint");
  checkpoint();
  for (const std::string& other :
       {"DELETE FROM entry WHERE number = " + number(kept.intent),
        "DELETE FROM certificate WHERE intent = " + number(kept.intent),
        "DELETE FROM revocation WHERE serial = " + blob(kept.serial.bytes),
        std::string("DELETE FROM renewal_request"), std::string("DELETE FROM pruning"),
        std::string("UPDATE pruning SET minimum = minimum + 256")}) {
    BOOST_TEST(refusal(other) != "", other);
  }
  BOOST_TEST(refusal(remove) == "");
  while (remove_some()) {
  }
  BOOST_TEST(refusal("UPDATE pruning SET done = 0") != "");
  BOOST_TEST(verified().good, summary(verified()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
