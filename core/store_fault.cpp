#include "core/store_fault.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>

namespace chancery {
namespace {

constexpr std::string_view kDefect = "a defect";

struct Row {
  int code;
  StoreFaultRow fault;
};

using enum StoreFault;

// Primary codes stand for all their extended ones that have no row.
constexpr std::array kRows = {
    Row{SQLITE_FULL, {passing, "the disk is full"}},
    Row{SQLITE_READONLY, {passing, "the database is read-only"}},
    Row{SQLITE_BUSY, {passing, "the database is locked by another process"}},
    Row{SQLITE_LOCKED, {passing, "the database is locked by another process"}},
    Row{SQLITE_CANTOPEN, {passing, "a file of the database cannot be opened"}},
    Row{SQLITE_NOMEM, {passing, "there is no memory for the database"}},
    // In WAL mode a transaction counts once its last frame is there, whole and with its checksum.
    // After a write that failed, the next one overwrites what may be there of it.
    Row{SQLITE_IOERR_WRITE, {passing, "the database cannot be written"}},
    Row{SQLITE_IOERR_TRUNCATE, {passing, "the database cannot be written"}},
    Row{SQLITE_IOERR_READ, {passing, "the database cannot be read"}},
    Row{SQLITE_IOERR_LOCK, {passing, "the database cannot be locked"}},
    Row{SQLITE_IOERR_FSTAT, {passing, "the database cannot be read"}},
    Row{SQLITE_IOERR_NOMEM, {passing, "there is no memory for the database"}},
    Row{SQLITE_IOERR_SHMOPEN, {passing, "the database's shared memory cannot be opened"}},
    Row{SQLITE_IOERR_SHMSIZE, {passing, "the disk is full"}},
    Row{SQLITE_IOERR_SHMMAP, {passing, "the database's shared memory cannot be opened"}},
    // Pages whose flush failed may be gone from memory and disk, and the next flush says nothing of
    // them: never tried again.
    Row{SQLITE_IOERR_FSYNC, {uncertain, "the disk did not take what was written"}},
    Row{SQLITE_IOERR_DIR_FSYNC, {uncertain, "the disk did not take what was written"}},
    Row{SQLITE_IOERR, {uncertain, "the disk failed"}},
    Row{SQLITE_IOERR_SHORT_READ, {damaged, "the database is damaged"}},
    Row{SQLITE_IOERR_CORRUPTFS, {damaged, "the file system is damaged"}},
    Row{SQLITE_CORRUPT, {damaged, "the database is damaged"}},
    Row{SQLITE_NOTADB, {damaged, "the database is damaged"}},
};

}  // namespace

StoreFaultRow fault_of(int extended_code) {
  for (const int code : {extended_code, extended_code & 0xff}) {
    for (const Row& row : kRows) {
      if (row.code == code) return row.fault;
    }
  }
  return {none, kDefect};
}

std::vector<std::string_view> store_fault_reasons() {
  std::vector<std::string_view> reasons{kDefect};
  for (const Row& row : kRows) {
    if (std::ranges::find(reasons, row.fault.reason) == reasons.end()) {
      reasons.push_back(row.fault.reason);
    }
  }
  return reasons;
}

}  // namespace chancery
