#include "core/tile.h"

#include <algorithm>
#include <bit>
#include <charconv>

namespace chancery {
namespace {

constexpr unsigned kLevels = 8;  // 256^8 entries
constexpr std::size_t kHashBytes = sizeof(Hash);

/// Hashes on a level of a tree of `size` entries.
std::uint64_t hashes_on(unsigned level, std::uint64_t size) {
  return size >> (kTileBits * level);
}

/// Where entries were removed, the tile is full, and has their hashes.
Result<Bytes> read_leaves(Store& store, std::uint64_t index, std::size_t width) {
  ASSIGN_OR_RETURN(Bytes hashes, store.tile(0, index));
  hashes.resize(std::min(hashes.size(), width * kHashBytes));
  return hashes;
}

/// The first `width` hashes of a tile, whether it is full by now or not.
Result<Bytes> read_hashes(Store& store, unsigned level, std::uint64_t index, std::size_t width) {
  const std::uint64_t first = index << kTileBits;
  Bytes hashes;
  if (width == kTileWidth) {
    ASSIGN_OR_RETURN(hashes, store.tile(level, index));
  } else if (level > 0) {
    ASSIGN_OR_RETURN(hashes, store.tile_roots(level - 1, first, width));
  } else {
    ASSIGN_OR_RETURN(const auto entries, store.entries(first, width));
    if (entries.size() < width) return read_leaves(store, index, width);
    for (const std::string& entry : entries) {
      const Hash hash = leaf_hash(bytes_of(entry));
      hashes.insert(hashes.end(), hash.begin(), hash.end());
    }
  }
  if (hashes.size() == width * kHashBytes) return hashes;
  return fail(ErrorCode::not_found, "the log does not hold this tile");
}

Failure as_internal(const Error& error) {
  if (error.code != ErrorCode::not_found) return Failure(error);
  return fail(ErrorCode::internal, "the log's tiles are not complete", "", error.message);
}

Result<void> require_size(Store& store, std::uint64_t size) {
  ASSIGN_OR_RETURN(const std::uint64_t have, store.log_size());
  if (size <= have) return {};
  return invalid("size", "the log has " + std::to_string(have) + " entries only");
}

/// Digits only, in the one canonical spelling.
template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

/// "x001/x234/067" as 1234067; checked against tile_path() by the caller.
bool parse_index(std::string_view text, std::uint64_t& index) {
  std::string digits;
  for (char c : text) {
    if (c >= '0' && c <= '9') digits += c;
  }
  return parse_number(digits, index);
}

}  // namespace

TreeReader::TreeReader(Store& store, std::uint64_t size)
    : TreeReader(
          [&store](const TilePath& tile) {
            return read_hashes(store, tile.level, tile.index, tile.width);
          },
          size) {}

Result<Hash> TreeReader::root() {
  if (size_ == 0) return empty_root();
  return node(0, size_);
}

Result<MerkleFrontier> TreeReader::frontier() {
  std::vector<Hash> roots;
  std::uint64_t begin = 0;
  for (int height = 63; height >= 0; --height) {
    const std::uint64_t width = std::uint64_t{1} << height;
    if ((size_ & width) == 0) continue;
    ASSIGN_OR_RETURN(const Hash root, node(begin, begin + width));
    roots.push_back(root);
    begin += width;
  }
  return MerkleFrontier(size_, std::move(roots));
}

Result<std::vector<Hash>> TreeReader::open_tile(unsigned level) {
  std::vector<Hash> hashes;
  const std::uint64_t count = hashes_on(level, size_);
  if (count % kTileWidth == 0) return hashes;
  ASSIGN_OR_RETURN(const Bytes* const tile, this->tile(level, count >> kTileBits));
  for (std::size_t i = 0; i < count % kTileWidth; ++i) hashes.push_back(hash_at(*tile, i));
  return hashes;
}

Result<std::vector<Hash>> TreeReader::inclusion_proof(std::uint64_t index) {
  CHECK(index < size_);
  std::vector<Hash> proof;
  std::uint64_t begin = 0;
  std::uint64_t end = size_;
  while (end - begin > 1) {
    const std::uint64_t middle = begin + std::bit_floor(end - begin - 1);
    const bool left = index < middle;
    ASSIGN_OR_RETURN(const Hash sibling, left ? node(middle, end) : node(begin, middle));
    proof.push_back(sibling);
    (left ? end : begin) = middle;
  }
  std::ranges::reverse(proof);
  return proof;
}

Result<std::vector<Hash>> TreeReader::consistency_proof(std::uint64_t first_size) {
  CHECK(first_size <= size_);
  std::vector<Hash> proof;
  if (first_size == 0 || first_size == size_) return proof;
  std::uint64_t begin = 0;
  std::uint64_t end = size_;
  while (end != first_size) {
    const std::uint64_t middle = begin + std::bit_floor(end - begin - 1);
    const bool left = first_size <= middle;
    ASSIGN_OR_RETURN(const Hash sibling, left ? node(middle, end) : node(begin, middle));
    proof.push_back(sibling);
    (left ? end : begin) = middle;
  }
  // Where the first tree is itself a perfect subtree, its root is known to who asks.
  if (begin != 0) {
    ASSIGN_OR_RETURN(const Hash start, node(begin, end));
    proof.push_back(start);
  }
  std::ranges::reverse(proof);
  return proof;
}

Result<Hash> TreeReader::node(std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t width = end - begin;
  if (std::has_single_bit(width)) {
    const auto height = static_cast<unsigned>(std::countr_zero(width));
    return perfect_node(height, begin >> height);
  }
  const std::uint64_t middle = begin + std::bit_floor(width);
  ASSIGN_OR_RETURN(const Hash left, node(begin, middle));
  ASSIGN_OR_RETURN(const Hash right, node(middle, end));
  return node_hash(left, right);
}

Result<Hash> TreeReader::perfect_node(unsigned height, std::uint64_t index) {
  const unsigned level = height / kTileBits;
  const unsigned above = height % kTileBits;
  const std::uint64_t first = index << above;
  ASSIGN_OR_RETURN(const Bytes* const tile, this->tile(level, first >> kTileBits));
  const auto offset = static_cast<std::size_t>(first % kTileWidth) * kHashBytes;
  return perfect_root(ByteView(*tile).subspan(offset), std::size_t{1} << above);
}

Result<const Bytes*> TreeReader::tile(unsigned level, std::uint64_t index) {
  const auto [place, absent] = tiles_.try_emplace({level, index});
  if (!absent) return &place->second;
  const std::uint64_t left = hashes_on(level, size_) - (index << kTileBits);
  const auto width = static_cast<std::size_t>(std::min<std::uint64_t>(left, kTileWidth));
  auto hashes = source_({.level = level, .index = index, .width = width});
  if (!hashes) {
    tiles_.erase(place);
    return as_internal(hashes.error());
  }
  place->second = std::move(*hashes);
  return &place->second;
}

Result<Hash> root_at(Store& store, std::uint64_t size) {
  RETURN_IF_ERROR(require_size(store, size));
  return TreeReader(store, size).root();
}

Result<std::vector<Hash>> inclusion_proof(Store& store, std::uint64_t index, std::uint64_t size) {
  if (index >= size) return invalid("index", "the entry is not in a log of this size");
  RETURN_IF_ERROR(require_size(store, size));
  return TreeReader(store, size).inclusion_proof(index);
}

Result<std::vector<Hash>> consistency_proof(Store& store, std::uint64_t first,
                                            std::uint64_t second) {
  if (first > second) return invalid("size", "the first size is larger than the second");
  RETURN_IF_ERROR(require_size(store, second));
  return TreeReader(store, second).consistency_proof(first);
}

Result<Hash> leaf_at(Store& store, std::uint64_t index) {
  const auto text = store.entry(index);
  if (text) return leaf_hash(bytes_of(*text));
  if (text.error().code != ErrorCode::not_found) return Failure(text.error());
  ASSIGN_OR_RETURN(const Bytes hashes, store.tile(0, index >> kTileBits));
  if (hashes.size() != kTileWidth * kHashBytes) {
    return fail(ErrorCode::internal, "a tile has another length");
  }
  return hash_at(hashes, static_cast<std::size_t>(index % kTileWidth));
}

std::string tile_path(const TilePath& tile) {
  std::string index;
  for (std::uint64_t left = tile.index, first = 1; first != 0 || left != 0; left /= 1000) {
    const std::string group = std::to_string(1000 + left % 1000).substr(1);
    index = first != 0 ? group : "x" + group + "/" + index;
    first = 0;
  }
  std::string path =
      "tile/" + (tile.entries ? "entries" : std::to_string(tile.level)) + "/" + index;
  if (tile.width != kTileWidth) path += ".p/" + std::to_string(tile.width);
  return path;
}

Result<TilePath> parse_tile_path(std::string_view path) {
  const auto bad = [] { return fail(ErrorCode::not_found, "there is no such tile"); };
  const std::string_view whole = path;
  constexpr std::string_view kPrefix = "tile/";
  if (!path.starts_with(kPrefix)) return bad();
  path.remove_prefix(kPrefix.size());
  const auto slash = path.find('/');
  if (slash == path.npos) return bad();

  TilePath tile;
  tile.entries = path.substr(0, slash) == "entries";
  if (!tile.entries && !parse_number(path.substr(0, slash), tile.level)) return bad();
  path.remove_prefix(slash + 1);
  if (const auto partial = path.find(".p/"); partial != path.npos) {
    if (!parse_number(path.substr(partial + 3), tile.width)) return bad();
    path = path.substr(0, partial);
  }
  if (!parse_index(path, tile.index)) return bad();
  const bool in_range = tile.level < kLevels && tile.width > 0 && tile.width <= kTileWidth &&
                        tile.index >> (64 - kTileBits * (tile.level + 1)) == 0;
  if (!in_range || tile_path(tile) != whole) return bad();
  return tile;
}

Result<Bytes> read_tile(Store& store, const TilePath& tile) {
  if (!tile.entries) return read_hashes(store, tile.level, tile.index, tile.width);
  ASSIGN_OR_RETURN(const std::uint64_t minimum, store.minimum());
  if (tile.index << kTileBits < minimum) {
    return fail(ErrorCode::not_found, "the log's entries begin at " + std::to_string(minimum) +
                                          ": what was before was removed, and its hashes stay");
  }
  ASSIGN_OR_RETURN(const auto entries, store.entries(tile.index << kTileBits, tile.width));
  if (entries.size() != tile.width) {
    return fail(ErrorCode::not_found, "the log does not hold this tile");
  }
  Bytes bundle;
  for (const std::string& entry : entries) {
    bundle.push_back(static_cast<std::uint8_t>(entry.size() >> 8));
    bundle.push_back(static_cast<std::uint8_t>(entry.size() & 0xff));
    bundle.insert(bundle.end(), entry.begin(), entry.end());
  }
  return bundle;
}

std::vector<TilePath> partial_tiles(std::uint64_t size) {
  std::vector<TilePath> tiles;
  for (unsigned level = 0; hashes_on(level, size) != 0; ++level) {
    const std::uint64_t hashes = hashes_on(level, size);
    const std::size_t width = hashes % kTileWidth;
    if (width == 0) continue;
    const std::uint64_t index = hashes >> kTileBits;
    tiles.push_back({.level = level, .index = index, .width = width});
    if (level == 0) tiles.push_back({.entries = true, .index = index, .width = width});
  }
  return tiles;
}

Result<std::vector<std::string_view>> parse_entry_tile(std::string_view tile, std::size_t width) {
  std::vector<std::string_view> entries;
  while (!tile.empty()) {
    if (tile.size() < 2 || entries.size() == width) break;
    const auto high = static_cast<std::uint8_t>(tile[0]);
    const auto low = static_cast<std::uint8_t>(tile[1]);
    const std::size_t length = std::size_t{high} << 8 | low;
    tile.remove_prefix(2);
    if (tile.size() < length) return invalid("entries", "an entry is cut off");
    entries.push_back(tile.substr(0, length));
    tile.remove_prefix(length);
  }
  if (entries.size() < width) return invalid("entries", "there are too few entries");
  if (!tile.empty()) return invalid("entries", "there is something behind the last entry");
  return entries;
}

}  // namespace chancery
