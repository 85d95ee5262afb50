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

Result<void> GrowingTree::append(ByteView entry, const TileSink& sink) {
  const std::uint64_t index = frontier_.size();
  const Hash leaf = leaf_hash(entry);
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
