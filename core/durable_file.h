#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace chancery {

/// The whole of a small file, or nothing when there is none. store_unavailable when it cannot be
/// read.
Result<std::optional<std::string>> read_durable_file(const std::string& path);

/// Replaces a small file so that after a crash at any moment it is the old one or the new one,
/// whole; returns when the new one is on the disk. `mode` is subject to the umask, and the content
/// is never readable by more than it. store_unavailable with errno in `detail`.
Result<void> replace_durable_file(const std::string& path, std::string_view content,
                                  unsigned mode = 0600);

}  // namespace chancery
