#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/service.h"

namespace chancery {

/// Entries first, first + 1, … of the audit log, as they are hashed.
struct LogPage {
  std::uint64_t first = 0;
  std::vector<std::string> entries;
  std::uint64_t size = 0;     ///< of the whole log
  std::uint64_t minimum = 0;  ///< entries below it may have been removed
};

/// One page; it may hold fewer than `count`, none at the end of the log, and begins at the minimum
/// where `first` is below that. internal where the answer is not the page that was asked for.
Result<LogPage> read_log_page(Service& service, std::uint64_t first, std::uint64_t count);

nlohmann::json to_json(const LogPage& page);

/// What signs the log's checkpoints: its origin and its verifier keys (C2SP signed-note).
struct PublishedKeys {
  std::string origin;
  std::vector<std::string> vkeys;
};

Result<PublishedKeys> read_published_keys(Service& service);
/// How they changed (core/key_changes.h), as text.
Result<std::string> read_key_changes(Service& service);

/// The last published checkpoint, a signed note.
Result<std::string> read_checkpoint(Service& service);

}  // namespace chancery
