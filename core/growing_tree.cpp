#include "core/growing_tree.h"

#include "core/tile.h"

namespace chancery {

Result<GrowingTree> GrowingTree::open(Store& store) {
  ASSIGN_OR_RETURN(const std::uint64_t size, store.log_size());
  TreeReader reader(store, size);
  GrowingTree tree;
  ASSIGN_OR_RETURN(tree.frontier_, reader.frontier());
  for (unsigned level = 0; size >> (kTileBits * level) != 0; ++level) {
    ASSIGN_OR_RETURN(const auto hashes, reader.open_tile(level));
    Bytes& open_tile = tree.open_tiles_.emplace_back();
    for (const Hash& hash : hashes) open_tile.insert(open_tile.end(), hash.begin(), hash.end());
  }
  return tree;
}

GrowingTree::TileSink GrowingTree::no_sink() {
  return [](unsigned, std::uint64_t, ByteView, const Hash&) { return Result<void>(); };
}

std::optional<GrowingTree> GrowingTree::from(std::vector<Bytes> open_tiles) {
  constexpr std::size_t kLevels = 8;
  if (open_tiles.size() > kLevels) return std::nullopt;
  std::uint64_t size = 0;
  std::vector<Hash> roots;
  for (std::size_t level = open_tiles.size(); level-- > 0;) {
    const Bytes& tile = open_tiles[level];
    const std::size_t count = tile.size() / sizeof(Hash);
    if (tile.size() % sizeof(Hash) != 0 || count >= kTileWidth) return std::nullopt;
    size = size << kTileBits | count;
    std::size_t begin = 0;
    for (std::size_t width = kTileWidth / 2; width > 0; width /= 2) {
      if ((count & width) == 0) continue;
      roots.push_back(perfect_root(ByteView(tile).subspan(begin * sizeof(Hash)), width));
      begin += width;
    }
  }
  GrowingTree tree;
  tree.frontier_ = MerkleFrontier(size, std::move(roots));
  tree.open_tiles_ = std::move(open_tiles);
  return tree;
}

Result<void> GrowingTree::append(ByteView entry, const TileSink& sink) {
  return append(leaf_hash(entry), sink);
}

Result<void> GrowingTree::append(const Hash& leaf, const TileSink& sink) {
  const std::uint64_t index = frontier_.size();
  const std::vector<Hash>& roots = frontier_.append(leaf);
  const auto put = [this](unsigned level, const Hash& hash) -> Bytes& {
    if (level == open_tiles_.size()) open_tiles_.emplace_back();
    Bytes& tile = open_tiles_[level];
    tile.insert(tile.end(), hash.begin(), hash.end());
    return tile;
  };
  Bytes* tile = &put(0, leaf);
  for (unsigned level = 0; level < roots.size(); ++level) {
    RETURN_IF_ERROR(sink(level, index >> (kTileBits * (level + 1)), *tile, roots[level]));
    tile->clear();
    tile = &put(level + 1, roots[level]);
  }
  return {};
}

}  // namespace chancery
