#pragma once

#include <optional>
#include <string>

#include "core/tile.h"

namespace chancery {

/// A directory in the layout of C2SP tlog-tiles: checkpoint, tile/L/N[.p/W],
/// tile/entries/N[.p/W]; and key-changes beside them.
class TileDirectory {
 public:
  explicit TileDirectory(std::string path) : path_(std::move(path)) {}

  [[nodiscard]] std::string file(const TilePath& tile) const {
    return path_ + "/" + tile_path(tile);
  }
  [[nodiscard]] std::string checkpoint_file() const { return path_ + "/checkpoint"; }
  [[nodiscard]] std::string key_changes_file() const { return path_ + "/key-changes"; }
  [[nodiscard]] bool has(const TilePath& tile) const;
  /// Whether it has tiles of entries at all.
  [[nodiscard]] bool has_entries() const;

  /// Nothing where there is none.
  [[nodiscard]] Result<std::optional<std::string>> checkpoint() const;
  /// The file of exactly this width. not_found.
  [[nodiscard]] Result<std::string> read(const TilePath& tile) const;
  /// Hashes: exactly as many as the path says. A partial tile may stand there as the full one that
  /// it became. not_found; invalid_request where the file has another length.
  [[nodiscard]] Result<Bytes> hashes(const TilePath& tile) const;

  Result<void> put(const TilePath& tile, std::string_view content);
  Result<void> put_checkpoint(std::string_view note);
  /// How the log's keys changed (core/key_changes.h, as text); empty where there is no such file.
  [[nodiscard]] Result<std::string> key_changes() const;
  Result<void> put_key_changes(std::string_view changes);
  /// Takes away a partial tile that a longer log has no use for.
  void remove(const TilePath& tile);

 private:
  std::string path_;
};

}  // namespace chancery
