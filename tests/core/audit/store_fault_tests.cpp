#include <sqlite3.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "core/audit_verify.h"
#include "core/store_fault.h"
#include "tests/core/audit/log_fixture.h"

namespace chancery {
namespace {

using enum StoreFault;

struct CodeCase {
  const char* name;
  int code;
  StoreFault fault;
  const char* reason;
};
const CodeCase kCodes[] = {
    {"full", SQLITE_FULL, passing, "the disk is full"},
    {"write", SQLITE_IOERR_WRITE, passing, "the database cannot be written"},
    {"read only", SQLITE_READONLY, passing, "the database is read-only"},
    {"read only, extended", SQLITE_READONLY_DBMOVED, passing, "the database is read-only"},
    {"busy", SQLITE_BUSY, passing, "the database is locked by another process"},
    {"busy, extended", SQLITE_BUSY_SNAPSHOT, passing, "the database is locked by another process"},
    {"flush", SQLITE_IOERR_FSYNC, uncertain, "the disk did not take what was written"},
    {"flush of a folder", SQLITE_IOERR_DIR_FSYNC, uncertain,
     "the disk did not take what was written"},
    {"I/O of a kind without a row", SQLITE_IOERR_CLOSE, uncertain, "the disk failed"},
    {"damaged", SQLITE_CORRUPT, damaged, "the database is damaged"},
    {"damaged, extended", SQLITE_CORRUPT_INDEX, damaged, "the database is damaged"},
    {"another file", SQLITE_NOTADB, damaged, "the database is damaged"},
    {"no failure", SQLITE_OK, none, "a defect"},
    {"a broken constraint", SQLITE_CONSTRAINT_UNIQUE, none, "a defect"},
};

std::string page_of(const std::string& file, std::streamoff offset) {
  std::ifstream in(file, std::ios::binary);
  std::string page(4096, '\0');
  in.seekg(offset).read(page.data(), static_cast<std::streamsize>(page.size()));
  return page;
}

std::streamoff root_of_index(const std::string& database, const std::string& name) {
  sqlite3* handle = nullptr;
  BOOST_REQUIRE(sqlite3_open(database.c_str(), &handle) == SQLITE_OK);
  sqlite3_stmt* query = nullptr;
  const std::string sql = "SELECT rootpage FROM sqlite_schema WHERE name = '" + name + "'";
  BOOST_REQUIRE(sqlite3_prepare_v2(handle, sql.c_str(), -1, &query, nullptr) == SQLITE_OK);
  BOOST_REQUIRE(sqlite3_step(query) == SQLITE_ROW);
  const std::streamoff offset = (sqlite3_column_int64(query, 0) - 1) * 4096;
  sqlite3_finalize(query);
  sqlite3_close(handle);
  return offset;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(store_fault, LogHome)

BOOST_AUTO_TEST_CASE(each_code_says_what_it_means) {
  const auto reasons = store_fault_reasons();
  for (const CodeCase& one : kCodes) {
    BOOST_TEST_CONTEXT(one.name) {
      const StoreFaultRow row = fault_of(one.code);
      BOOST_CHECK(row.fault == one.fault);
      BOOST_TEST(row.reason == one.reason);
      BOOST_TEST(std::ranges::count(reasons, row.reason) == 1);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_damaged_page_ends_the_log_and_is_not_mended) {
  const CertificateRecord certificate = issue();
  revoke(issue());
  close();
  const std::streamoff offset = root_of_index(database(), "revocation_issuer");
  const std::string noise(4096, '\xa5');
  std::fstream(database(), std::ios::in | std::ios::out | std::ios::binary).seekp(offset) << noise;
  open();
  issue();  // does not come to that page
  const auto head = log->head();
  BOOST_CHECK_EXCEPTION(revoke(certificate), std::runtime_error, [](const auto& error) {
    return std::string(error.what()).find("malformed") != std::string::npos;
  });
  BOOST_TEST((!log->healthy() && log->ended() && !log->needs_restart()));
  BOOST_TEST(log->reason() == "the database is damaged");
  const auto refused = log->record(context_of("a"), AuditEntry(EntryKind::read));
  BOOST_TEST_REQUIRE(!refused.has_value());
  BOOST_TEST((refused.error().code == ErrorCode::store_unavailable));
  BOOST_TEST(refused.error().message.find("damaged") != std::string::npos);
  BOOST_TEST(log->head().size == head.size);
  close();
  BOOST_TEST(page_of(database(), offset) == noise);
  open();  // what is recorded is still there
  BOOST_TEST(log->head().root == head.root);
  checkpoint();
  BOOST_TEST(verify_log(*store, verifiers())->good);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
