#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/merkle.h"
#include "core/store.h"

namespace chancery {

/// The tree of the log that is written: its right edge, and the tiles that are not full yet.
class GrowingTree {
 public:
  /// Of the log as the store has it. internal where tiles are missing.
  static Result<GrowingTree> open(Store& store);

  /// What is done with a tile once it is full: its level and index, 256 hashes, and their root.
  using TileSink = std::function<Result<void>(unsigned, std::uint64_t, ByteView, const Hash&)>;

  /// For who has no use for tiles.
  static TileSink no_sink();

  /// Adds an entry and hands over the tiles that it fills, lowest level first.
  Result<void> append(ByteView entry, const TileSink& sink);
  Result<void> append(const Hash& leaf, const TileSink& sink);

  [[nodiscard]] std::uint64_t size() const { return frontier_.size(); }
  [[nodiscard]] const MerkleFrontier& frontier() const { return frontier_; }
  /// The tiles that are not full, one a level: their hashes one after the other. They say all of
  /// the tree that later entries need.
  [[nodiscard]] const std::vector<Bytes>& open_tiles() const { return open_tiles_; }
  /// The tree that has these; nothing where no tree has.
  static std::optional<GrowingTree> from(std::vector<Bytes> open_tiles);

 private:
  MerkleFrontier frontier_;
  std::vector<Bytes> open_tiles_;  // one a level: its hashes one after the other, 0 to 255 of them
};

}  // namespace chancery
