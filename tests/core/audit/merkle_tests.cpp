#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/merkle.h"

namespace chancery {
namespace {

using Leaves = std::vector<Hash>;

// RFC 9162 section 2.1, word for word and without a thought for cost.
Hash naive_root(const Leaves& d, std::size_t begin, std::size_t end) {
  const std::size_t n = end - begin;
  if (n == 0) return empty_root();
  if (n == 1) return d[begin];
  std::size_t k = 1;
  while (2 * k < n) k *= 2;
  return node_hash(naive_root(d, begin, begin + k), naive_root(d, begin + k, end));
}

std::vector<Hash> naive_path(std::size_t m, const Leaves& d, std::size_t begin, std::size_t end) {
  const std::size_t n = end - begin;
  if (n == 1) return {};
  std::size_t k = 1;
  while (2 * k < n) k *= 2;
  std::vector<Hash> path;
  if (m < k) {
    path = naive_path(m, d, begin, begin + k);
    path.push_back(naive_root(d, begin + k, end));
  } else {
    path = naive_path(m - k, d, begin + k, end);
    path.push_back(naive_root(d, begin, begin + k));
  }
  return path;
}

std::vector<Hash> naive_subproof(std::size_t m, const Leaves& d, std::size_t begin, std::size_t end,
                                 bool whole) {
  const std::size_t n = end - begin;
  if (m == n) return whole ? std::vector<Hash>() : std::vector<Hash>{naive_root(d, begin, end)};
  std::size_t k = 1;
  while (2 * k < n) k *= 2;
  std::vector<Hash> proof;
  if (m <= k) {
    proof = naive_subproof(m, d, begin, begin + k, whole);
    proof.push_back(naive_root(d, begin + k, end));
  } else {
    proof = naive_subproof(m - k, d, begin + k, end, false);
    proof.push_back(naive_root(d, begin, begin + k));
  }
  return proof;
}

Leaves some_leaves(std::size_t count) {
  Leaves leaves;
  for (std::size_t i = 0; i < count; ++i) {
    leaves.push_back(leaf_hash(bytes_of("entry " + std::to_string(i))));
  }
  return leaves;
}

constexpr std::size_t kSizes = 70;

/// What is near a good proof: each hash left out, doubled, changed; one more at either end.
std::vector<std::vector<Hash>> spoiled(const std::vector<Hash>& proof) {
  std::vector<std::vector<Hash>> variants;
  for (std::size_t i = 0; i < proof.size(); ++i) {
    auto at = [i](std::vector<Hash>& hashes) {
      return hashes.begin() + static_cast<std::ptrdiff_t>(i);
    };
    std::vector<Hash> without = proof;
    without.erase(at(without));
    std::vector<Hash> doubled = proof;
    doubled.insert(at(doubled), proof[i]);
    std::vector<Hash> changed = proof;
    changed[i][i % 32] ^= 1;
    variants.insert(variants.end(), {without, doubled, changed});
  }
  std::vector<Hash> longer = proof;
  longer.push_back(empty_root());
  std::vector<Hash> earlier = proof;
  earlier.insert(earlier.begin(), empty_root());
  variants.insert(variants.end(), {longer, earlier});
  return variants;
}

std::string hex(const Hash& hash) {
  return to_hex(hash);
}

/// Nothing for what is no SHA-256.
std::optional<Hash> hash_of(const nlohmann::json& base64) {
  const auto bytes = from_base64(base64.get<std::string>());
  if (!bytes || bytes->size() != sizeof(Hash)) return std::nullopt;
  Hash hash;
  std::ranges::copy(*bytes, hash.begin());
  return hash;
}

bool holds(const nlohmann::json& vector) {
  std::vector<Hash> proof;
  for (const auto& item : vector["proof"]) {
    const auto hash = hash_of(item);
    if (!hash) return false;
    proof.push_back(*hash);
  }
  const bool inclusion = vector.contains("leafHash");
  const auto first = hash_of(vector[inclusion ? "leafHash" : "root1"]);
  const auto root = hash_of(vector[inclusion ? "root" : "root2"]);
  if (!first || !root) return false;
  if (inclusion)
    return verify_inclusion(vector["leafIdx"], vector["treeSize"], *first, proof, *root);
  return verify_consistency(vector["size1"], *first, vector["size2"], *root, proof);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(merkle)

// RFC 9162 section 2.1.1; the leaf "hello" was also hashed with another program.
BOOST_AUTO_TEST_CASE(known_hashes) {
  BOOST_TEST(hex(empty_root()) ==
             "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  BOOST_TEST(to_base64(leaf_hash(bytes_of("hello"))) ==
             "iipcm3aIJ95alVLDigRMZpWcaPbS8htSYK9U0vh9uCc=");
  const Hash empty_leaf = leaf_hash({});
  BOOST_TEST(hex(empty_leaf) == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  BOOST_TEST(hex(node_hash(empty_leaf, leaf_hash(bytes_of(std::string_view("\0", 1))))) ==
             "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
}

// The reference tests of Certificate Transparency (RFC 6962, the same hashing).
BOOST_AUTO_TEST_CASE(known_roots) {
  const char* const rows[][2] = {
      {"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
      {"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
      {"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
      {"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
      {"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
      {"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
      {"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
      {"606162636465666768696a6b6c6d6e6f",
       "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
  };
  MerkleFrontier frontier;
  for (const auto& [leaf, root] : rows) {
    frontier.append(leaf_hash(from_hex(leaf).value()));
    BOOST_TEST(hex(frontier.root()) == root);
  }
}

BOOST_AUTO_TEST_CASE(frontier_has_the_root_of_every_size) {
  const Leaves leaves = some_leaves(300);
  MerkleFrontier frontier;
  for (std::size_t size = 0; size < leaves.size(); ++size) {
    BOOST_TEST(hex(frontier.root()) == hex(naive_root(leaves, 0, size)));
    frontier.append(leaves[size]);
  }
  BOOST_TEST(frontier.size() == leaves.size());
}

BOOST_AUTO_TEST_CASE(perfect_root_is_the_root) {
  const Leaves leaves = some_leaves(256);
  Bytes hashes;
  for (const Hash& leaf : leaves) hashes.insert(hashes.end(), leaf.begin(), leaf.end());
  for (std::size_t count = 1; count <= 256; count *= 2) {
    BOOST_TEST(hex(perfect_root(hashes, count)) == hex(naive_root(leaves, 0, count)));
  }
}

BOOST_AUTO_TEST_CASE(inclusion_proofs_verify_and_nothing_near_them_does) {
  const Leaves leaves = some_leaves(kSizes);
  for (std::size_t size = 1; size <= kSizes; ++size) {
    const Hash root = naive_root(leaves, 0, size);
    for (std::size_t index = 0; index < size; ++index) {
      const auto proof = naive_path(index, leaves, 0, size);
      const Hash& leaf = leaves[index];
      BOOST_TEST_REQUIRE(verify_inclusion(index, size, leaf, proof, root));
      BOOST_TEST_REQUIRE(!verify_inclusion(index, size, empty_root(), proof, root));
      BOOST_TEST_REQUIRE(!verify_inclusion(index, size, leaf, proof, leaf_hash({})));
      BOOST_TEST_REQUIRE(!verify_inclusion(index + size, size, leaf, proof, root));
      for (const auto& bad : spoiled(proof)) {
        BOOST_TEST_REQUIRE(!verify_inclusion(index, size, leaf, bad, root));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(consistency_proofs_verify_and_nothing_near_them_does) {
  const Leaves leaves = some_leaves(kSizes);
  for (std::size_t second = 1; second <= kSizes; ++second) {
    const Hash second_root = naive_root(leaves, 0, second);
    for (std::size_t first = 1; first <= second; ++first) {
      const Hash first_root = naive_root(leaves, 0, first);
      const auto proof = naive_subproof(first, leaves, 0, second, true);
      BOOST_TEST_REQUIRE(verify_consistency(first, first_root, second, second_root, proof));
      BOOST_TEST_REQUIRE(!verify_consistency(first, empty_root(), second, second_root, proof));
      BOOST_TEST_REQUIRE(!verify_consistency(first, first_root, second, empty_root(), proof));
      for (const auto& bad : spoiled(proof)) {
        BOOST_TEST_REQUIRE(!verify_consistency(first, first_root, second, second_root, bad));
      }
      if (first < second) {
        BOOST_TEST_REQUIRE(!verify_consistency(second, second_root, first, first_root, proof));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(everything_is_consistent_with_the_empty_tree) {
  const Leaves leaves = some_leaves(3);
  const Hash root = naive_root(leaves, 0, 3);
  BOOST_TEST(verify_consistency(0, empty_root(), 3, root, {}));
  BOOST_TEST(!verify_consistency(0, root, 3, root, {}));
  BOOST_TEST(!verify_consistency(0, empty_root(), 3, root, {root}));
}

// Proofs that others made, and spoiled (tests/vectors/merkle).
BOOST_DATA_TEST_CASE(proofs_of_transparency_dev,
                     boost::unit_test::data::make({"inclusion", "consistency"}), kind) {
  std::ifstream file(std::string(CHANCERY_SOURCE_DIR) + "/tests/vectors/merkle/" + kind + ".json");
  int good = 0;
  int bad = 0;
  for (const auto& vector : nlohmann::json::parse(file)) {
    const bool wanted = !vector["wantErr"].get<bool>();
    ++(wanted ? good : bad);
    BOOST_TEST(holds(vector) == wanted, vector["desc"]);
  }
  BOOST_TEST(good == (std::string(kind) == "inclusion" ? 6 : 5));
  BOOST_TEST(bad == 92);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
