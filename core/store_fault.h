#pragma once

#include <string_view>
#include <vector>

namespace chancery {

/// What a failure of the database means for whoever writes to it.
enum class StoreFault {
  none,       ///< the database is not at fault
  passing,    ///< nothing of the transaction will ever be read; it may go well later
  uncertain,  ///< a flush failed: what is on the disk, only the next start can tell
  damaged,    ///< the file is not what was written: restore it
};

struct StoreFaultRow {
  StoreFault fault;
  std::string_view reason;  ///< for clients and operators
};
/// By SQLite's extended result code (sqlite.org/rescode.html). A code that nobody has thought of
/// is `none`, which closes the log as a defect does.
StoreFaultRow fault_of(int extended_code);
/// All reasons that there are, each once.
std::vector<std::string_view> store_fault_reasons();

}  // namespace chancery
