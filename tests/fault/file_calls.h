#pragma once

#include <cstdint>
#include <string>

namespace chancery {

/// What one call that changes a file does instead of succeeding.
enum class FileFault {
  fail,                   ///< nothing happens, and it says so
  apply_and_fail,         ///< it happens, and the answer is the opposite
  delay,                  ///< it takes a while
  end_process,            ///< nothing happens any more
  apply_and_end_process,  ///< it happens, and nobody is told
};
inline constexpr int kEndedByFault = 77;  ///< exit status

/// Linked into a program, these stand before libc's write, pwrite, fsync, fdatasync, ftruncate,
/// posix_fallocate and rename: all file changes of SQLite and of core/durable_file.
struct FilePlan {
  std::string folder;  ///< files below it count
  FileFault fault;
  int error;                ///< errno of a failure
  std::uint64_t at;         ///< the call that it hits, from 1
  std::uint64_t times = 1;  ///< and those after it
};
/// From now on, until disarm_file_calls(). Not while other threads change files.
void arm_file_calls(FilePlan plan);
/// How many came since.
std::uint64_t file_calls();
/// Whether the call of the plan was reached.
bool disarm_file_calls();

}  // namespace chancery
