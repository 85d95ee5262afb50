#pragma once

#include <functional>

#include "cli/tile_directory.h"
#include "core/log_replay.h"

namespace chancery {

/// Recomputes a log from a directory of tiles: from the entries where they are there, else from the
/// hashes of the lowest level, up to every tile above and the root of the checkpoint.
class TilesCheck {
 public:
  using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;
  explicit TilesCheck(TileDirectory directory);

  /// Reads the entries behind those that the replay knows, up to `checkpoint`, and compares with
  /// it. What is wrong is in the replay's findings; an error means that a file cannot be read.
  Result<void> run(const Checkpoint& checkpoint, const Progress& progress);

  [[nodiscard]] LogReplay& replay() { return replay_; }
  [[nodiscard]] const LogReplay& replay() const { return replay_; }
  [[nodiscard]] bool has_entries() const { return has_entries_; }

 private:
  /// False where the log cannot be followed beyond this tile.
  Result<bool> read_entries(std::uint64_t index, std::size_t width);
  Result<bool> read_leaves(std::uint64_t index, std::size_t width, bool removed);
  Result<void> check_tile(const TilePath& tile, ByteView hashes);
  Result<void> check_partial_tiles();
  /// What cannot be read because it is not there, or not as long as it should be, is a finding.
  Result<void> find(const Error& error, const TilePath& tile);

  TileDirectory directory_;
  bool has_entries_;
  LogReplay replay_;
};

}  // namespace chancery
