#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "core/bytes.h"

namespace chancery {

/// SHA-256, as a value.
using Hash = std::array<std::uint8_t, 32>;

/// RFC 9162 section 2.1.1: SHA-256(0x00 || entry), SHA-256(0x01 || left || right), SHA-256("").
Hash leaf_hash(ByteView entry);
Hash node_hash(const Hash& left, const Hash& right);
Hash empty_root();

/// C2SP tlog-tiles: 256 hashes of one level. The hash at index i of level L is the root over the
/// 256^L entries from i * 256^L.
inline constexpr unsigned kTileBits = 8;
inline constexpr std::size_t kTileWidth = std::size_t{1} << kTileBits;

/// The right edge of a Merkle tree: roots of its perfect subtrees, largest first. Appending costs
/// one leaf hash and on average one node hash; the root costs log2(size) hashes.
class MerkleFrontier {
 public:
  MerkleFrontier() = default;
  /// Of a tree that exists: `roots` of its perfect subtrees, one for each set bit of `size`, most
  /// significant first (CHECK).
  MerkleFrontier(std::uint64_t size, std::vector<Hash> roots);
  /// The roots of the tiles that this leaf fills, lowest level first; until the next append.
  const std::vector<Hash>& append(const Hash& leaf);
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] Hash root() const;
  /// Of the perfect subtrees, largest first.
  [[nodiscard]] const std::vector<Hash>& roots() const { return roots_; }

 private:
  std::uint64_t size_ = 0;
  std::vector<Hash> roots_;  // of the set bits of size_, most significant first
  std::vector<Hash> full_tiles_;
};

/// The one at `index` of hashes that stand one after the other.
inline Hash hash_at(ByteView hashes, std::size_t index) {
  Hash hash{};
  const ByteView found = hashes.subspan(index * hash.size(), hash.size());
  std::copy(found.begin(), found.end(), hash.begin());
  return hash;
}

/// Root of a perfect tree over `count` hashes of 32 bytes that stand one after the other in
/// `hashes`; `count` is a power of two (CHECK).
Hash perfect_root(ByteView hashes, std::size_t count);

/// RFC 9162 section 2.1.3.2 and 2.1.4.2. False for any proof that is too long, too short or wrong.
/// Everything is consistent with the empty tree (an empty proof), as in the C2SP formats.
bool verify_inclusion(std::uint64_t index, std::uint64_t size, const Hash& leaf,
                      const std::vector<Hash>& proof, const Hash& root);
bool verify_consistency(std::uint64_t first_size, const Hash& first_root, std::uint64_t second_size,
                        const Hash& second_root, const std::vector<Hash>& proof);

}  // namespace chancery
