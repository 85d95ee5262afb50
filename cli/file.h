#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/algorithm.h"
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
};

/// Makes or replaces several files of one directory (made when missing), so that a crash leaves the
/// old set or the new one: every file is first written durably as NAME.new, then renamed in order.
/// The rename of the first is the point of no return; finish_replacement() does the rest after a
/// crash. One process at a time, by a lock on the directory.
Result<void> replace_files(const std::string& directory, const std::vector<NewFile>& files);

/// Completes a replace_files() of these names, in the same order, that a crash cut short.
Result<void> finish_replacement(const std::string& directory,
                                const std::vector<std::string>& names);

/// Whether replace_file() could put something at `path`, so that nothing is signed or made in vain.
/// invalid_request with `option` if not. An empty path is none, and good.
Result<void> check_replaceable(const std::string& option, const std::string& path);

bool file_exists(const std::string& path);

}  // namespace chancery
