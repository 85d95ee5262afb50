#include "cli/tiles_check.h"

#include <algorithm>

namespace chancery {

TilesCheck::TilesCheck(TileDirectory directory)
    : directory_(std::move(directory)),
      has_entries_(directory_.has_entries()),
      replay_([this](unsigned level, std::uint64_t index, ByteView hashes, const Hash&) {
        return check_tile({.level = level, .index = index}, hashes);
      }) {}

Result<void> TilesCheck::run(const Checkpoint& checkpoint, const Progress& progress) {
  replay_.expect(checkpoint, "the checkpoint");
  while (replay_.size() < checkpoint.size) {
    const std::uint64_t index = replay_.size() >> kTileBits;
    const auto width = static_cast<std::size_t>(
        std::min<std::uint64_t>(checkpoint.size - (index << kTileBits), kTileWidth));
    ASSIGN_OR_RETURN(const bool good,
                     has_entries_ ? read_entries(index, width) : read_leaves(index, width, false));
    if (!good) return {};  // what follows cannot be hashed at its place
    progress(replay_.size(), checkpoint.size);
  }
  replay_.finish();
  return check_partial_tiles();
}

Result<bool> TilesCheck::read_entries(std::uint64_t index, std::size_t width) {
  TilePath tile{.entries = true, .index = index, .width = width};
  if (!directory_.has(tile)) tile.width = kTileWidth;  // it may be full by now
  // A full one may have been removed; a later entry says so, or it is a finding.
  const bool removed = width == kTileWidth && !directory_.has(tile);
  if (removed && directory_.has({.index = index})) return read_leaves(index, width, true);
  const auto content = directory_.read(tile);
  const auto entries = content ? parse_entry_tile(*content, tile.width)
                               : Result<std::vector<std::string_view>>(Failure(content.error()));
  if (!entries) {
    RETURN_IF_ERROR(find(entries.error(), tile));
    return false;
  }
  for (std::size_t i = replay_.size() % kTileWidth; i < width; ++i) {
    RETURN_IF_ERROR(replay_.add((*entries)[i]));
  }
  return true;
}

Result<bool> TilesCheck::read_leaves(std::uint64_t index, std::size_t width, bool removed) {
  const TilePath tile{.index = index, .width = width};
  const auto hashes = directory_.hashes(tile);
  if (!hashes) {
    RETURN_IF_ERROR(find(hashes.error(), tile));
    return false;
  }
  for (std::size_t i = replay_.size() % kTileWidth; i < width; ++i) {
    const Hash leaf = hash_at(*hashes, i);
    RETURN_IF_ERROR(removed ? replay_.add_removed(leaf) : replay_.add_leaf(leaf));
  }
  return true;
}

Result<void> TilesCheck::check_tile(const TilePath& tile, ByteView hashes) {
  const auto stored = directory_.hashes(tile);
  if (!stored) return find(stored.error(), tile);
  if (!std::ranges::equal(*stored, hashes)) {
    replay_.findings().add(tile_path(tile) + " has other hashes");
  }
  return {};
}

Result<void> TilesCheck::check_partial_tiles() {
  for (const TilePath& tile : partial_tiles(replay_.size())) {
    if (tile.entries) continue;
    RETURN_IF_ERROR(check_tile(tile, replay_.state().tree.open_tiles()[tile.level]));
  }
  return {};
}

Result<void> TilesCheck::find(const Error& error, const TilePath& tile) {
  if (error.code == ErrorCode::not_found) {
    replay_.findings().add(tile_path(tile) + " is not there");
  } else if (error.code == ErrorCode::invalid_request || error.code == ErrorCode::too_large) {
    replay_.findings().add(tile_path(tile) + ": " + error.message);
  } else {
    return Failure(error);
  }
  return {};
}

}  // namespace chancery
