#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/merkle.h"
#include "core/store.h"

namespace chancery {

/// What a tile's path names.
struct TilePath {
  bool entries = false;  ///< a bundle of entries; `level` is 0
  unsigned level = 0;    ///< 0 to 7
  std::uint64_t index = 0;
  std::size_t width = kTileWidth;  ///< less than 256 in a partial tile
  bool operator==(const TilePath&) const = default;
};
/// "tile/0/x001/067", "tile/1/000.p/17", "tile/entries/x001/067".
std::string tile_path(const TilePath& tile);
/// The one spelling of each path only; anything else is not_found.
Result<TilePath> parse_tile_path(std::string_view path);
/// Those of a tree of `size` entries that are not full: of hashes, one a level, and of entries.
std::vector<TilePath> partial_tiles(std::uint64_t size);

/// Gives tiles of hashes: exactly `width` hashes of 32 bytes.
using TileSource = std::function<Result<Bytes>(const TilePath&)>;

/// Reads the tree of one size, at most the log's, out of its tiles. In a store full tiles
/// are kept as they are, and partial ones come from the roots below them or from the entries. A
/// proof reads O(log size) tiles. Errors are the store's; internal where it holds less than it
/// should. Keeps what it has read, so it is for one question or a few, by one thread.
class TreeReader {
 public:
  TreeReader(TileSource source, std::uint64_t size) : source_(std::move(source)), size_(size) {}
  TreeReader(Store& store, std::uint64_t size);

  /// RFC 9162 section 2.1.1.
  Result<Hash> root();
  /// The roots of the perfect subtrees, to go on appending from.
  Result<MerkleFrontier> frontier();
  /// The tree's last tile of a level: as many hashes as there are, at least one unless it is empty.
  Result<std::vector<Hash>> open_tile(unsigned level);
  /// RFC 9162 section 2.1.3.1, for the entry `index` < size (CHECK).
  Result<std::vector<Hash>> inclusion_proof(std::uint64_t index);
  /// RFC 9162 section 2.1.4.1, from the tree of `first_size` <= size (CHECK).
  Result<std::vector<Hash>> consistency_proof(std::uint64_t first_size);

 private:
  /// Root over the entries begin … end-1, which is a node of some tree of this log.
  Result<Hash> node(std::uint64_t begin, std::uint64_t end);
  Result<Hash> perfect_node(unsigned height, std::uint64_t index);
  Result<const Bytes*> tile(unsigned level, std::uint64_t index);

  TileSource source_;
  std::uint64_t size_;
  std::map<std::pair<unsigned, std::uint64_t>, Bytes> tiles_;
};

Result<Hash> root_at(Store& store, std::uint64_t size);
/// The hash of an entry, also of one that was removed. not_found.
Result<Hash> leaf_at(Store& store, std::uint64_t index);
/// The sibling hashes from the leaf up. invalid_request where index >= size or the log is shorter.
Result<std::vector<Hash>> inclusion_proof(Store& store, std::uint64_t index, std::uint64_t size);
/// invalid_request where first > second or the log is shorter.
Result<std::vector<Hash>> consistency_proof(Store& store, std::uint64_t first,
                                            std::uint64_t second);

/// What stands under that path, once the log has grown to hold it: hashes of 32 bytes, or entries
/// each after its length in two bytes, big-endian. not_found before, and of entries that may have
/// been removed.
Result<Bytes> read_tile(Store& store, const TilePath& tile);

/// The entries of such a tile, which live as long as it does: the first `width` of them, which must
/// be all. invalid_request.
Result<std::vector<std::string_view>> parse_entry_tile(std::string_view tile, std::size_t width);

}  // namespace chancery
