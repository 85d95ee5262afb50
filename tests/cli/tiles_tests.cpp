// Directories of tiles of logs of many sizes, as a mirror makes them: both verifiers find them
// good, and each file that is changed.
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/tile_directory.h"
#include "cli/tiles_check.h"
#include "core/audit_entry.h"
#include "core/growing_tree.h"
#include "tests/cli/scratch_directory.h"
#include "tests/core/audit/log_fixture.h"

namespace chancery {
namespace {

constexpr const char* kOrigin = "log.example/audit";

/// A log in a directory, without a store.
struct TilesFixture {
  TilesFixture() { std::filesystem::create_directories(folder); }

  /// Writes the log of so many entries; the one of before is gone.
  void write(std::uint64_t size) {
    std::filesystem::remove_all(folder + "/tile");
    GrowingTree tree = GrowingTree::from({}).value();
    const auto put = [this](unsigned level, std::uint64_t index, ByteView hashes, const Hash&) {
      return directory.put({.level = level, .index = index}, text_of(hashes));
    };
    std::string bundle;
    for (std::uint64_t i = 0; i < size; ++i) {
      const std::string entry =
          AuditEntry(EntryKind::heartbeat).set("interval", "1h").text(from_unix_seconds(1 + i));
      bundle += static_cast<char>(entry.size() >> 8);
      bundle += static_cast<char>(entry.size() & 0xff);
      bundle += entry;
      BOOST_REQUIRE(tree.append(bytes_of(entry), put));
      if (tree.size() % kTileWidth == 0) {
        BOOST_REQUIRE(directory.put({.entries = true, .index = i >> kTileBits}, bundle));
        bundle.clear();
      }
    }
    for (const TilePath& tile : partial_tiles(size)) {
      const std::string content =
          tile.entries ? bundle : std::string(text_of(tree.open_tiles()[tile.level]));
      BOOST_REQUIRE(directory.put(tile, content));
    }
    root = tree.frontier().root();
    const std::string text = checkpoint_text({kOrigin, size, Bytes(root.begin(), root.end())});
    BOOST_REQUIRE(directory.put_checkpoint(assemble_note(text, {signer.line(text)})));
  }

  /// What ours finds; empty where nothing is wrong.
  [[nodiscard]] std::vector<std::string> findings() const {
    TilesCheck check(directory);
    const auto checkpoint = parse_checkpoint(directory.checkpoint().value().value()).value();
    const auto ran = check.run(checkpoint, [](std::uint64_t, std::uint64_t) {});
    BOOST_REQUIRE_MESSAGE(ran, (ran ? "" : ran.error().message));
    if (check.replay().findings().count() == 0) {
      BOOST_TEST((check.replay().root() == root));
      BOOST_TEST(check.replay().size() == checkpoint.size);
    }
    return check.replay().findings().kept();
  }

  /// What the one in Python says: good or not.
  [[nodiscard]] bool python_says_good() const {
    const std::string said = folder + "/python.txt";
    const std::string command = "python3 '" + std::string(CHANCERY_SOURCE_DIR) +
                                "/tests/tiles_verifier.py' '" + folder + "' '" +
                                signer.verifier().vkey() + "' > '" + said + "' 2>&1";
    const int status = std::system(command.c_str());
    std::ifstream file(said);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    BOOST_REQUIRE_MESSAGE(WIFEXITED(status) && WEXITSTATUS(status) <= 1, text);
    // A traceback also ends with 1, and is no finding.
    BOOST_REQUIRE_MESSAGE(text.find("Traceback") == std::string::npos, text);
    return WEXITSTATUS(status) == 0;
  }

  void change(const std::string& path, std::size_t place) const {
    std::fstream file(folder + "/" + path, std::ios::in | std::ios::out | std::ios::binary);
    BOOST_REQUIRE_MESSAGE(file, path);
    file.seekg(static_cast<std::streamoff>(place));
    const char changed = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(place));
    file.put(changed);
  }

  ScratchDirectory scratch;
  const std::string folder = scratch.path("log");
  TileDirectory directory{folder};
  NoteSigner signer{kOrigin, KeyType::ed25519};
  Hash root{};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(tiles, TilesFixture)

BOOST_AUTO_TEST_CASE(logs_of_many_sizes_are_good_to_both_verifiers) {
  for (const std::uint64_t size : {0U, 1U, 2U, 255U, 256U, 257U, 65'535U, 65'536U, 70'000U}) {
    write(size);
    const auto found = findings();
    BOOST_TEST(found.empty(), size << ": " << (found.empty() ? "" : found.front()));
    BOOST_TEST(python_says_good(), size);
    // And by their hashes alone.
    std::filesystem::remove_all(folder + "/tile/entries");
    BOOST_TEST(findings().empty(), size);
    BOOST_TEST(python_says_good(), size);
  }
}

BOOST_AUTO_TEST_CASE(a_changed_file_of_a_large_log_is_found_by_both_verifiers) {
  const std::vector<std::string> paths = {
      "tile/0/000",       "tile/0/255",       "tile/0/273.p/112",
      "tile/1/000",       "tile/1/001.p/17",  "tile/2/000.p/1",
      "tile/entries/000", "tile/entries/128", "tile/entries/273.p/112"};
  write(70'000);
  std::size_t place = 0;
  for (const std::string& path : paths) {
    const std::size_t size = std::filesystem::file_size(folder + "/" + path);
    const std::size_t at = (place += 7919) % size;
    change(path, at);
    BOOST_TEST(!findings().empty(), path);
    BOOST_TEST(!python_says_good(), path);
    change(path, at);
  }
  BOOST_TEST(findings().empty());
  BOOST_TEST(python_says_good());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
