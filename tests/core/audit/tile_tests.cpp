#include <boost/test/unit_test.hpp>

#include "core/growing_tree.h"
#include "core/tile.h"
#include "tests/core/audit/log_fixture.h"

namespace chancery {
namespace {

/// A store whose log has `size` short entries, with the roots that it had on its way there.
struct GrownLog {
  explicit GrownLog(std::uint64_t size) {
    store = Store::open(folder.file("log.db")).value();
    GrowingTree tree = GrowingTree::open(*store).value();
    BOOST_REQUIRE(store->begin());
    const GrowingTree::TileSink put = [this](unsigned level, std::uint64_t index, ByteView hashes,
                                             const Hash& root) {
      return store->put_tile(level, index, hashes, root);
    };
    for (std::uint64_t i = 0; i < size; ++i) {
      roots.push_back(tree.frontier().root());
      leaves.push_back(leaf_hash(bytes_of(text(i))));
      BOOST_REQUIRE(store->apply({i, text(i), {}}));
      BOOST_REQUIRE(tree.append(bytes_of(text(i)), put));
    }
    roots.push_back(tree.frontier().root());
    BOOST_REQUIRE(store->commit());
  }
  static std::string text(std::uint64_t i) { return "entry " + std::to_string(i); }

  TemporaryFolder folder;
  std::unique_ptr<Store> store;
  std::vector<Hash> leaves, roots;
};

void check_inclusion(GrownLog& log, std::uint64_t index, std::uint64_t size) {
  const auto proof = inclusion_proof(*log.store, index, size);
  BOOST_TEST_REQUIRE(proof.has_value());
  BOOST_TEST_REQUIRE(verify_inclusion(index, size, log.leaves[index], *proof, log.roots[size]),
                     "inclusion of " << index << " in " << size);
}

void check_consistency(GrownLog& log, std::uint64_t first, std::uint64_t second) {
  const auto proof = consistency_proof(*log.store, first, second);
  BOOST_TEST_REQUIRE(proof.has_value());
  BOOST_TEST_REQUIRE(verify_consistency(first, log.roots[first], second, log.roots[second], *proof),
                     "consistency of " << first << " with " << second);
}

std::string path_of(const std::string& path) {
  const auto tile = parse_tile_path(path);
  return tile ? tile_path(*tile) : "refused";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tile)

BOOST_AUTO_TEST_CASE(proofs_of_every_small_size) {
  GrownLog log(70);
  for (std::uint64_t size = 1; size <= 70; ++size) {
    BOOST_TEST((root_at(*log.store, size).value() == log.roots[size]));
    for (std::uint64_t other = 0; other < size; ++other) {
      check_inclusion(log, other, size);
      check_consistency(log, other, size);
    }
    check_consistency(log, size, size);
  }
}

BOOST_AUTO_TEST_CASE(proofs_around_the_first_full_tiles) {
  GrownLog log(520);
  for (std::uint64_t size : {255, 256, 257, 511, 512, 513, 520}) {
    BOOST_TEST((root_at(*log.store, size).value() == log.roots[size]));
    for (std::uint64_t index = 0; index < size; index += 5) check_inclusion(log, index, size);
    for (std::uint64_t first : {1, 2, 3, 128, 254, 255, 256, 257, 510, 512}) {
      if (first <= size) check_consistency(log, first, size);
    }
  }
}

BOOST_AUTO_TEST_CASE(proofs_where_a_tile_of_the_second_level_fills) {
  GrownLog log(65'540);
  BOOST_TEST(log.store->tile(1, 0).has_value());
  for (std::uint64_t size : {65'535, 65'536, 65'537, 65'540}) {
    BOOST_TEST((root_at(*log.store, size).value() == log.roots[size]));
    for (std::uint64_t index : {0, 255, 256, 32'767, 32'768, 65'279, 65'280, 65'534}) {
      check_inclusion(log, index, size);
      check_consistency(log, index, size);
    }
  }
  // The tree that goes on growing after a restart is the same one.
  BOOST_TEST((GrowingTree::open(*log.store)->frontier().root() == log.roots.back()));
}

BOOST_AUTO_TEST_CASE(what_the_log_does_not_have_is_refused) {
  GrownLog log(300);
  BOOST_TEST((inclusion_proof(*log.store, 5, 301).error().code == ErrorCode::invalid_request));
  BOOST_TEST((inclusion_proof(*log.store, 5, 5).error().code == ErrorCode::invalid_request));
  BOOST_TEST((consistency_proof(*log.store, 7, 6).error().code == ErrorCode::invalid_request));
  BOOST_TEST((consistency_proof(*log.store, 7, 301).error().code == ErrorCode::invalid_request));
  BOOST_TEST((root_at(*log.store, 301).error().code == ErrorCode::invalid_request));
}

BOOST_AUTO_TEST_CASE(a_log_without_its_tiles_does_not_open) {
  GrownLog log(300);
  log.store.reset();
  tamper(log.folder.file("log.db"), "DELETE FROM tile");
  const auto store = Store::open(log.folder.file("log.db"));
  BOOST_TEST_REQUIRE(store.has_value());
  BOOST_TEST((GrowingTree::open(**store).error().code == ErrorCode::internal));
}

BOOST_AUTO_TEST_CASE(tiles_as_they_are_served) {
  GrownLog log(300);
  const auto full = read_tile(*log.store, {.level = 0, .index = 0}).value();
  BOOST_TEST(full.size() == 256 * 32);
  BOOST_TEST(std::equal(log.leaves[255].begin(), log.leaves[255].end(), full.begin() + 255 * 32));
  const auto partial = read_tile(*log.store, {.level = 0, .index = 1, .width = 44}).value();
  BOOST_TEST(partial.size() == 44 * 32);
  BOOST_TEST(std::equal(log.leaves[299].begin(), log.leaves[299].end(), partial.begin() + 43 * 32));
  BOOST_TEST(read_tile(*log.store, {.level = 1, .index = 0, .width = 1})->size() == 32);

  const auto bundle = read_tile(*log.store, {.entries = true, .index = 1, .width = 2}).value();
  BOOST_TEST(to_hex(bundle) ==
             "0009" + to_hex(bytes_of("entry 256")) + "0009" + to_hex(bytes_of("entry 257")));

  const TilePath absent[] = {{.level = 0, .index = 1, .width = 45},
                             {.level = 0, .index = 1},
                             {.level = 1, .index = 0},
                             {.level = 1, .index = 0, .width = 2},
                             {.entries = true, .index = 1},
                             {.level = 7, .index = 0, .width = 1}};
  for (const TilePath& path : absent) {
    BOOST_TEST((read_tile(*log.store, path).error().code == ErrorCode::not_found));
  }
}

BOOST_AUTO_TEST_CASE(paths_have_one_spelling) {
  for (const char* good :
       {"tile/0/000", "tile/0/067", "tile/1/x001/067", "tile/0/x001/x234/067",
        "tile/entries/x001/067.p/112", "tile/2/000.p/1", "tile/0/255.p/255", "tile/7/000"}) {
    BOOST_TEST(path_of(good) == good);
  }
  for (const char* bad : {"",
                          "tile",
                          "tile/",
                          "tile/0",
                          "tile/0/",
                          "tile/0/67",
                          "tile/0/0067",
                          "tile/0/x000/067",
                          "tile/0/001/067",
                          "tile/0/x001/x067",
                          "tile/00/067",
                          "tile/8/000",
                          "tile/-1/000",
                          "tile/0/000.p/0",
                          "tile/0/000.p/256",
                          "tile/0/000.p/257",
                          "tile/0/000.p/01",
                          "tile/0/000.p/",
                          "tile/0/000.p",
                          "tile/0/000/",
                          "/tile/0/000",
                          "tile/0/000 ",
                          "tile/entries",
                          "tile/Entries/000",
                          "tile/7/001",
                          "tile/0/+67",
                          "tile/0/x999/x999/x999/x999/x999/x999/999"}) {
    BOOST_TEST(path_of(bad) == "refused");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
