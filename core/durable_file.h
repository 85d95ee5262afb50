#pragma once

#include <optional>
#include <string>

#include "core/result.h"

namespace chancery {

/// The whole of a small file, or nothing when there is none. store_unavailable when it cannot be
/// read.
Result<std::optional<std::string>> read_durable_file(const std::string& path);

/// Replaces a small file so that after a crash at any moment it is the old one or the new one,
/// whole; returns when the new one is on the disk. Mode 0600. store_unavailable with errno in
/// `detail`.
Result<void> replace_durable_file(const std::string& path, const std::string& content);

}  // namespace chancery
