#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/algorithm.h"
#include "core/file_handle.h"
#include "core/secret.h"

namespace chancery {

/// The whole file, or standard input for "-". not_found, or too_large beyond `limit` bytes.
Result<std::string> read_file(const std::string& path, std::size_t limit);

/// The same for a secret: kept in one buffer, white space at its end removed.
Result<Secret> read_secret(const std::string& path);

/// SHA-2 of a file of any size, or of standard input for "-".
Result<Bytes> digest_of_file(DigestAlgorithm algorithm, const std::string& path);

/// Makes or replaces one file. A reader sees the old content or the new, never a part; once this
/// returns, the new content survives a crash.
Result<void> replace_file(const std::string& path, std::string_view content, mode_t mode);

/// One file of a set that belongs together, such as a key and its certificate.
struct NewFile {
  std::string name;
  std::string_view content;
  mode_t mode;
  std::string like = {};  ///< a file whose owner and group it gets; empty: as the system has it
};

/// Makes or replaces several files of one directory (made when missing), so that a crash leaves the
/// old set or the new one: every file is first written durably as NAME.new, then renamed in order.
/// The rename of the first is the point of no return; finish_replacement() does the rest after a
/// crash. One process at a time, by a lock on the directory.
Result<void> replace_files(const std::string& directory, const std::vector<NewFile>& files);

/// Completes a replace_files() of these names, in the same order, that a crash cut short.
Result<void> finish_replacement(const std::string& directory,
                                const std::vector<std::string>& names);

/// Whether a replace_files() of these names was cut short, or is under way.
bool replacement_pending(const std::string& directory, const std::vector<std::string>& names);

/// Keeps replace_files() and others that hold it away from `directory` until the handle goes.
Result<FileHandle> lock_directory_files(const std::string& directory);

/// Makes a directory with these files: a reader, and whoever comes after a crash, finds all of it
/// or none. `path` must not exist; PATH.new is removed first.
Result<void> make_directory(const std::string& path, const std::vector<NewFile>& files,
                            mode_t mode);

/// Makes or replaces a symbolic link, or puts it in the place of a file, in one step that survives
/// a crash.
Result<void> replace_link(const std::string& path, const std::string& target);

/// What a symbolic link says; empty where `path` is none.
std::string link_target(const std::string& path);

/// With all that is in it, of which nobody sees a part: it is called PATH.old meanwhile, and what a
/// crash leaves of that goes with the next call. Nothing there is good too.
Result<void> remove_directory(const std::string& path);

/// Whether replace_file() could put something at `path`, so that nothing is signed or made in vain.
/// invalid_request with `option` if not. An empty path is none, and good.
Result<void> check_replaceable(const std::string& option, const std::string& path);

bool file_exists(const std::string& path);

}  // namespace chancery
