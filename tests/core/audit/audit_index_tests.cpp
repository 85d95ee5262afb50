#include <atomic>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <thread>

#include "core/audit_index.h"
#include "tests/core/audit/inventory_fixture.h"

namespace chancery {
namespace {

struct IndexFixture : InventoryLog {
  [[nodiscard]] std::string file() const { return folder().file("audit-index.db"); }
  void open_index() { index = std::make_unique<AuditIndex>(*store, file()); }
  IndexFixture() { open_index(); }

  /// Asked again until all of the log is indexed.
  AuditIndex::Found search(const AuditQuery& query) {
    const std::uint64_t size = log->head().size;
    for (int i = 0; i < 1000; ++i) {
      auto found = index->search(query, size);
      BOOST_REQUIRE_MESSAGE(found, (found ? "" : found.error().message + found.error().detail));
      if (found->indexed == size) return std::move(*found);
    }
    BOOST_FAIL("the index does not come up to the log");
    return {};
  }

  /// The same without an index.
  std::vector<std::uint64_t> scan(const std::function<bool(const nlohmann::json&)>& wanted) {
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t i = 0; i < log->head().size; ++i) {
      if (wanted(nlohmann::json::parse(store->entry(i).value()))) numbers.push_back(i);
    }
    return numbers;
  }

  static std::vector<std::uint64_t> numbers(const AuditIndex::Found& found) {
    std::vector<std::uint64_t> all;
    for (const auto& entry : found.entries) all.push_back(entry.index);
    return all;
  }

  std::unique_ptr<AuditIndex> index;
};

AuditQuery about(const char* machine) {
  AuditQuery query;
  query.machine = MachineName::literal(machine);
  return query;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(audit_index, IndexFixture)

BOOST_AUTO_TEST_CASE(finds_what_a_scan_finds) {
  const CertificateRecord certificate = issue("web");
  revoke(certificate);
  using json = nlohmann::json;
  AuditQuery kind;
  kind.kind = EntryKind::intent;
  BOOST_TEST(numbers(search(kind)) ==
             scan([](const json& entry) { return entry["kind"] == "intent"; }));
  BOOST_TEST(numbers(search(about("operator"))) == scan([](const json& entry) {
               return entry.value("machine", "") == "operator" ||
                      entry.value("owner", "") == "operator";
             }));
  AuditQuery serial;
  serial.serial = certificate.serial;
  const auto found = search(serial);
  BOOST_TEST(found.entries.size() == 3U);  // intent, outcome, revocation
  AuditQuery request;
  request.request = "req-released";
  BOOST_TEST(search(request).entries.size() >= 1U);

  AuditQuery both = about("web");
  both.kind = EntryKind::outcome;
  both.serial = certificate.serial;
  BOOST_TEST(numbers(search(both)) == std::vector<std::uint64_t>{found.entries[1].index});
  both.serial = Serial::allocate(1'800'000'000);
  BOOST_TEST(search(both).entries.empty());
}

BOOST_AUTO_TEST_CASE(an_outcome_is_about_what_its_intent_is_about) {
  AuditQuery key;
  key.key = KeyName::literal("one");
  std::size_t outcomes = 0;
  for (const auto& entry : search(key).entries) {
    outcomes += entry.text.find("\"kind\":\"outcome\"") != std::string::npos;
  }
  BOOST_TEST(outcomes >= 1U);
}

BOOST_AUTO_TEST_CASE(pages_and_times) {
  for (int i = 0; i < 50; ++i) append();
  AuditQuery all;
  all.limit = 7;
  std::vector<std::uint64_t> seen;
  for (;;) {
    const auto found = search(all);
    for (const std::uint64_t number : numbers(found)) seen.push_back(number);
    if (!found.next) break;
    all.first = *found.next;
  }
  BOOST_TEST(seen.size() == log->head().size);

  const auto middle = nlohmann::json::parse(store->entry(30).value())["time"].get<std::string>();
  AuditQuery late, early;
  late.from = early.until = *from_rfc3339(middle);
  const auto after = numbers(search(late)), before = numbers(search(early));
  BOOST_TEST(after.size() + before.size() == log->head().size);
  BOOST_REQUIRE(!after.empty());
  BOOST_TEST(nlohmann::json::parse(store->entry(after.front()).value())["time"] == middle);
}

BOOST_AUTO_TEST_CASE(goes_on_where_it_stopped) {
  search({});
  index.reset();
  open_index();
  append();
  AuditQuery query;
  query.limit = 1;
  query.first = log->head().size - 1;
  BOOST_TEST(search(query).entries.size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_no_index_or_another_logs_is_made_anew) {
  const auto expected = numbers(search(about("web")));
  index.reset();
  std::ofstream(file(), std::ios::binary)
      << "this is no database, and is longer than its header ..." << std::string(4096, 'x');
  open_index();
  BOOST_TEST(numbers(search(about("web"))) == expected);

  index.reset();
  run_sql(file(), "UPDATE progress SET last = zeroblob(32)");
  open_index();
  BOOST_TEST(numbers(search(about("web"))) == expected);

  index.reset();
  run_sql(file(), "UPDATE progress SET indexed = indexed + 1000");
  open_index();
  BOOST_TEST(numbers(search(about("web"))) == expected);
}

// An entry that does not fit is not shown; and the next search has the right ones.
BOOST_AUTO_TEST_CASE(an_index_that_lies_is_found_out) {
  const auto expected = numbers(search(about("web")));
  BOOST_REQUIRE(expected.size() > 1);
  index.reset();
  // Each term of an entry now names the one behind it, too.
  BOOST_TEST(run_sql(file(),
                     "INSERT OR IGNORE INTO term SELECT term, entry + 1 FROM term"
                     " WHERE entry + 1 < (SELECT indexed FROM progress)") == "");
  open_index();
  BOOST_TEST(numbers(search(about("web"))) == expected);
}

// As while it reads a long log: here it waits for a lock on its database.
BOOST_AUTO_TEST_CASE(who_must_not_wait_does_not_wait_for_a_search) {
  search({});
  append();
  const auto other =
      sqlite::Connection::open(file(), sqlite::Connection::Access::read_write).value();
  BOOST_REQUIRE(other->execute("BEGIN IMMEDIATE"));
  std::atomic<bool> ended = false;
  std::thread searching([&] {
    (void)index->search({}, log->head().size);
    ended = true;
  });
  bool turned_away = false;
  while (!turned_away && !ended) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const auto found = index->try_search({}, log->head().size);
    turned_away = found && !*found;
  }
  BOOST_TEST(turned_away);
  BOOST_TEST(other->execute("ROLLBACK").has_value());
  searching.join();
  const auto found = index->try_search({}, log->head().size);
  BOOST_TEST_REQUIRE((found && found->has_value()));
  BOOST_TEST((*found)->indexed == log->head().size);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
