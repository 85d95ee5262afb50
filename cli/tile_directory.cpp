#include "cli/tile_directory.h"

#include <filesystem>

#include "cli/file.h"
#include "core/limits.h"

namespace chancery {

namespace fs = std::filesystem;

bool TileDirectory::has(const TilePath& tile) const {
  return file_exists(file(tile));
}

bool TileDirectory::has_entries() const {
  std::error_code error;
  return fs::is_directory(path_ + "/tile/entries", error);
}

Result<std::optional<std::string>> TileDirectory::checkpoint() const {
  if (!file_exists(checkpoint_file())) return std::nullopt;
  ASSIGN_OR_RETURN(std::string note, read_file(checkpoint_file(), limits::credential_file_bytes));
  return note;
}

Result<std::string> TileDirectory::read(const TilePath& tile) const {
  return read_file(file(tile), limits::tile_bytes);
}

Result<Bytes> TileDirectory::hashes(const TilePath& tile) const {
  TilePath at = tile;
  if (!has(at)) at.width = kTileWidth;
  ASSIGN_OR_RETURN(const std::string content, read(at));
  if (content.size() != at.width * sizeof(Hash)) {
    return invalid("tile", tile_path(at) + " has another length");
  }
  return copy_of(bytes_of(content).first(tile.width * sizeof(Hash)));
}

Result<void> TileDirectory::put(const TilePath& tile, std::string_view content) {
  std::error_code error;
  const std::string path = file(tile);
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error) return fail(ErrorCode::internal, "cannot make " + path + ": " + error.message());
  return replace_file(path, content, 0644);
}

Result<void> TileDirectory::put_checkpoint(std::string_view note) {
  return replace_file(checkpoint_file(), note, 0644);
}

Result<std::string> TileDirectory::key_changes() const {
  if (!file_exists(key_changes_file())) return std::string();
  return read_file(key_changes_file(), limits::key_changes_bytes);
}

Result<void> TileDirectory::put_key_changes(std::string_view changes) {
  return replace_file(key_changes_file(), changes, 0644);
}

void TileDirectory::remove(const TilePath& tile) {
  std::error_code ignored;
  fs::remove(file(tile), ignored);
  fs::remove(fs::path(file(tile)).parent_path(), ignored);  // if it was the last
}

}  // namespace chancery
