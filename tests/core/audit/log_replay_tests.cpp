#include <boost/test/unit_test.hpp>

#include "core/audit_entry.h"
#include "core/log_replay.h"

namespace chancery {
namespace {

std::string entry(EntryKind kind, std::int64_t second, std::optional<std::uint64_t> intent = {}) {
  AuditEntry entry(kind);
  if (intent) entry.set("intent", *intent).set("result", "ok");
  return entry.text(from_unix_seconds(1'900'000'000 + second));
}

Checkpoint checkpoint_of(const LogReplay& replay) {
  Hash root = replay.root();
  return {"origin", replay.size(), Bytes(root.begin(), root.end())};
}

BOOST_AUTO_TEST_SUITE(log_replay)

BOOST_AUTO_TEST_CASE(a_log_as_the_service_writes_it) {
  LogReplay first(GrowingTree::no_sink());
  const std::string entries[] = {entry(EntryKind::start, 0), entry(EntryKind::intent, 0),
                                 entry(EntryKind::outcome, 1, 1), entry(EntryKind::intent, 2)};
  LogReplay second(GrowingTree::no_sink());
  for (const std::string& text : entries) {
    BOOST_REQUIRE(first.add(text));
    second.expect(checkpoint_of(first), "one");  // ahead of the replay, and reached by it
    BOOST_REQUIRE(second.add(text));
  }
  second.expect(checkpoint_of(first), "of now");
  second.finish();
  BOOST_TEST(second.findings().count() == 0u);
  BOOST_TEST(second.state().intents == 2u);
  BOOST_TEST(second.state().open_intents.size() == 1u);
}

BOOST_AUTO_TEST_CASE(the_empty_log_has_its_root) {
  Hash root = empty_root();
  LogReplay replay(GrowingTree::no_sink());
  replay.expect({"origin", 0, Bytes(root.begin(), root.end())}, "empty");
  replay.finish();
  BOOST_TEST(replay.findings().count() == 0u);
  LogReplay other(GrowingTree::no_sink());
  other.expect({"origin", 0, Bytes(32, 0)}, "empty");
  BOOST_TEST(other.findings().count() == 1u);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_beyond_the_end_is_a_finding) {
  LogReplay replay(GrowingTree::no_sink());
  BOOST_REQUIRE(replay.add(entry(EntryKind::start, 0)));
  replay.expect({"origin", 2, Bytes(32, 0)}, "later");
  replay.finish();
  BOOST_TEST(replay.findings().count() == 1u);
}

/// A log of which the first tile's entries are gone, and 256 says so, or not.
BOOST_AUTO_TEST_CASE(what_was_removed_is_accounted_for) {
  struct Row {
    const char* name;
    std::uint64_t minimum;  ///< that entry 256 says
    std::uint64_t intent;   ///< that entry 257 concludes
    const char* finding;
  };
  const std::vector<Row> rows = {
      {"by its entry, and an intent may be among it", 256, 7, ""},
      {"by one that says more", 512, 255, ""},
      {"by none", 0, 7, "entries below 256 are not there"},
      {"by one that says less", 128, 7, "entries below 256 are not there"},
      {"an intent above is none", 256, 256, "is an outcome of entry 256, which is no intent"},
  };
  for (const Row& row : rows) {
    LogReplay replay(GrowingTree::no_sink());
    for (int i = 0; i < 256; ++i) BOOST_REQUIRE(replay.add_removed(Hash{}));
    AuditEntry pruned(EntryKind::log);
    pruned.set("event", "pruned").set("minimum", row.minimum);
    BOOST_REQUIRE(replay.add(pruned.text(from_unix_seconds(1'900'000'000))));
    BOOST_REQUIRE(replay.add(entry(EntryKind::outcome, 1, row.intent)));
    replay.finish();
    const auto& kept = replay.findings().kept();
    BOOST_TEST(replay.findings().count() == (*row.finding ? 1U : 0U), row.name);
    BOOST_TEST((kept.empty() || kept[0].find(row.finding) != std::string::npos), row.name);
  }
}

BOOST_AUTO_TEST_CASE(a_flood_of_findings_is_counted_not_kept) {
  LogReplay replay(GrowingTree::no_sink());
  for (int i = 0; i < 1000; ++i) BOOST_REQUIRE(replay.add("x"));
  BOOST_TEST(replay.findings().count() == 1000u);
  BOOST_TEST(replay.findings().kept().size() == AuditFindings::kKept);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
