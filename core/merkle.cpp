#include "core/merkle.h"

#include <openssl/evp.h>

#include <algorithm>
#include <bit>

#include "core/openssl_ptr.h"

namespace chancery {
namespace {

constexpr std::uint8_t kLeafPrefix = 0x00;  // RFC 9162 section 2.1.1: second preimages
constexpr std::uint8_t kNodePrefix = 0x01;

/// One context a thread: fetching SHA-256 anew costs more than hashing an entry.
class Sha256 {
 public:
  Sha256& add(ByteView data) {
    CHECK(EVP_DigestUpdate(context_.get(), data.data(), data.size()) == 1);
    return *this;
  }
  Hash finish() {
    Hash hash;
    CHECK(EVP_DigestFinal_ex(context_.get(), hash.data(), nullptr) == 1);
    return hash;
  }
  static Sha256& begin() {
    static thread_local Sha256 sha256;
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    CHECK(EVP_DigestInit_ex2(sha256.context_.get(), algorithm, nullptr) == 1);
    return sha256;
  }

 private:
  HandlePtr<EVP_MD_CTX, EVP_MD_CTX_free> context_{EVP_MD_CTX_new()};
};

Hash node_hash(ByteView left, ByteView right) {
  return Sha256::begin().add({&kNodePrefix, 1}).add(left).add(right).finish();
}

}  // namespace

Hash leaf_hash(ByteView entry) {
  return Sha256::begin().add({&kLeafPrefix, 1}).add(entry).finish();
}

Hash node_hash(const Hash& left, const Hash& right) {
  return node_hash(ByteView(left), ByteView(right));
}

Hash empty_root() {
  return Sha256::begin().finish();
}

Hash perfect_root(ByteView hashes, std::size_t count) {
  CHECK(std::has_single_bit(count) && hashes.size() >= count * sizeof(Hash));
  std::vector<Hash> row(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::copy_n(hashes.begin() + static_cast<std::ptrdiff_t>(i * sizeof(Hash)), sizeof(Hash),
                row[i].begin());
  }
  for (; count > 1; count /= 2) {
    for (std::size_t i = 0; i < count / 2; ++i) row[i] = node_hash(row[2 * i], row[2 * i + 1]);
  }
  return row[0];
}

MerkleFrontier::MerkleFrontier(std::uint64_t size, std::vector<Hash> roots)
    : size_(size), roots_(std::move(roots)) {
  CHECK(roots_.size() == static_cast<std::size_t>(std::popcount(size)));
}

const std::vector<Hash>& MerkleFrontier::append(const Hash& leaf) {
  full_tiles_.clear();
  Hash root = leaf;
  unsigned height = 0;
  // As a carry runs through the binary counter: two trees of one size become one of twice that.
  for (std::uint64_t carry = size_; carry & 1; carry >>= 1) {
    root = node_hash(roots_.back(), root);
    roots_.pop_back();
    if (++height % kTileBits == 0) full_tiles_.push_back(root);
  }
  roots_.push_back(root);
  ++size_;
  return full_tiles_;
}

Hash MerkleFrontier::root() const {
  if (roots_.empty()) return empty_root();
  Hash root = roots_.back();
  for (auto left = roots_.rbegin() + 1; left != roots_.rend(); ++left) {
    root = node_hash(*left, root);
  }
  return root;
}

bool verify_inclusion(std::uint64_t index, std::uint64_t size, const Hash& leaf,
                      const std::vector<Hash>& proof, const Hash& root) {
  if (index >= size) return false;
  std::uint64_t node = index;
  std::uint64_t last = size - 1;
  Hash hash = leaf;
  for (const Hash& sibling : proof) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      hash = node_hash(sibling, hash);
      // The right edge has no sibling on some levels: those give no hash to the proof.
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = node_hash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

bool verify_consistency(std::uint64_t first_size, const Hash& first_root, std::uint64_t second_size,
                        const Hash& second_root, const std::vector<Hash>& proof) {
  if (first_size > second_size) return false;
  if (first_size == second_size) return proof.empty() && first_root == second_root;
  if (first_size == 0) return proof.empty() && first_root == empty_root();
  if (proof.empty()) return false;

  std::uint64_t node = first_size - 1;
  std::uint64_t last = second_size - 1;
  while ((node & 1) != 0) {
    node >>= 1;
    last >>= 1;
  }
  // A perfect first tree is itself the node that the proof begins at.
  auto hash = proof.begin();
  const Hash start = std::has_single_bit(first_size) ? first_root : *hash++;
  Hash first = start;
  Hash second = start;
  for (; hash != proof.end(); ++hash) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      first = node_hash(*hash, first);
      second = node_hash(*hash, second);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      second = node_hash(second, *hash);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && first == first_root && second == second_root;
}

}  // namespace chancery
