#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <map>

#include "cli/file.h"
#include "tests/cli/scratch_directory.h"

namespace chancery {
namespace {

using Tree = std::map<std::string, std::string>;

/// Every file of a directory with its content.
Tree tree_of(const std::string& directory) {
  Tree tree;
  for (const auto& item : std::filesystem::directory_iterator(directory)) {
    tree[item.path().filename()] = *read_file(item.path(), 1 << 20);
  }
  return tree;
}

void put(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

unsigned mode_of(const std::string& path) {
  struct stat status {};
  BOOST_REQUIRE_EQUAL(::stat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

const std::vector<std::string> kNames = {"cert.pem", "chain.pem", "key.pem"};
const std::vector<NewFile> kNew = {
    {"cert.pem", "C2", 0644}, {"chain.pem", "H2", 0644}, {"key.pem", "K2", 0600}};
const Tree kOldTree = {{"cert.pem", "C1"}, {"chain.pem", "H1"}, {"key.pem", "K1"}};
const Tree kNewTree = {{"cert.pem", "C2"}, {"chain.pem", "H2"}, {"key.pem", "K2"}};

BOOST_AUTO_TEST_SUITE(file)

BOOST_AUTO_TEST_CASE(reads_up_to_the_limit) {
  ScratchDirectory scratch;
  std::string path = scratch.path("f");
  put(path, "12345");
  BOOST_TEST(*read_file(path, 5) == "12345");
  BOOST_TEST((read_file(path, 4).error().code == ErrorCode::too_large));
  BOOST_TEST((read_file(scratch.path("none"), 5).error().code == ErrorCode::not_found));
  BOOST_TEST((read_file(scratch.path(""), 5).error().code == ErrorCode::internal));  // a directory
}

BOOST_AUTO_TEST_CASE(a_secret_loses_only_the_white_space_at_its_end) {
  ScratchDirectory scratch;
  put(scratch.path("f"), " a b \r\n\t");
  BOOST_TEST(read_secret(scratch.path("f"))->reveal() == " a b");
}

BOOST_AUTO_TEST_CASE(digests_of_files) {
  ScratchDirectory scratch;
  std::string content(200'000, 'x');
  put(scratch.path("f"), content);
  for (const DigestRow& row : digests()) {
    BOOST_TEST((*digest_of_file(row.algorithm, scratch.path("f")) ==
                digest(row.algorithm, bytes_of(content))));
  }
}

BOOST_AUTO_TEST_CASE(replaces_one_file) {
  ScratchDirectory scratch;
  std::string path = scratch.path("f");
  put(path, "old");
  ::chmod(path.c_str(), 0644);
  BOOST_REQUIRE(replace_file(path, "new", 0600));
  BOOST_TEST((tree_of(scratch.path("")) == Tree{{"f", "new"}}));
  BOOST_TEST(mode_of(path) == 0600u);
  BOOST_TEST(!replace_file(scratch.path("none/f"), "new", 0600));
}

BOOST_AUTO_TEST_CASE(does_not_write_through_a_link) {
  ScratchDirectory scratch;
  put(scratch.path("victim"), "precious");
  BOOST_REQUIRE_EQUAL(
      ::symlink(scratch.path("victim").c_str(), scratch.path("key.pem.new").c_str()), 0);
  BOOST_REQUIRE(replace_file(scratch.path("key.pem"), "secret", 0600));
  BOOST_TEST((tree_of(scratch.path("")) == Tree{{"key.pem", "secret"}, {"victim", "precious"}}));
}

BOOST_AUTO_TEST_CASE(makes_a_set_of_files) {
  ScratchDirectory scratch;
  std::string directory = scratch.path("a/b");
  BOOST_REQUIRE(replace_files(directory, kNew));
  BOOST_TEST((tree_of(directory) == kNewTree));
  BOOST_TEST(mode_of(directory + "/key.pem") == 0600u);
  BOOST_TEST(mode_of(directory + "/cert.pem") == 0644u);
}

/// Where a crash can stop replace_files(), and what must be there afterwards.
struct CrashPoint {
  const char* name;
  Tree found;     // the directory as the crash left it
  Tree finished;  // of kNames alone
};

const CrashPoint kCrashPoints[] = {
    {"before anything", kOldTree, kOldTree},
    {"first file half written",
     {{"cert.pem", "C1"}, {"chain.pem", "H1"}, {"key.pem", "K1"}, {"cert.pem.new", "C"}},
     kOldTree},
    {"key half written",
     {{"cert.pem", "C1"},
      {"chain.pem", "H1"},
      {"key.pem", "K1"},
      {"cert.pem.new", "C2"},
      {"chain.pem.new", "H2"},
      {"key.pem.new", "K"}},
     kOldTree},
    {"all written, none renamed",
     {{"cert.pem", "C1"},
      {"chain.pem", "H1"},
      {"key.pem", "K1"},
      {"cert.pem.new", "C2"},
      {"chain.pem.new", "H2"},
      {"key.pem.new", "K2"}},
     kOldTree},
    {"first renamed",
     {{"cert.pem", "C2"},
      {"chain.pem", "H1"},
      {"key.pem", "K1"},
      {"chain.pem.new", "H2"},
      {"key.pem.new", "K2"}},
     kNewTree},
    {"second renamed",
     {{"cert.pem", "C2"}, {"chain.pem", "H2"}, {"key.pem", "K1"}, {"key.pem.new", "K2"}},
     kNewTree},
    {"all renamed", kNewTree, kNewTree},
};

BOOST_AUTO_TEST_CASE(a_crash_leaves_the_old_set_or_the_new) {
  for (const CrashPoint& point : kCrashPoints) {
    BOOST_TEST_CONTEXT(point.name) {
      ScratchDirectory scratch;
      for (const auto& [name, content] : point.found) put(scratch.path(name), content);
      BOOST_REQUIRE(finish_replacement(scratch.path(""), kNames));
      Tree left = tree_of(scratch.path(""));
      std::erase_if(left, [](const auto& item) {
        return item.first == "cert.pem.new" || item.first == "chain.pem.new" ||
               item.first == "key.pem.new";
      });
      BOOST_TEST((left == point.finished));

      // And the next replacement is not disturbed by what lies about.
      BOOST_REQUIRE(replace_files(scratch.path(""), kNew));
      BOOST_TEST((tree_of(scratch.path("")) == kNewTree));
    }
  }
}

BOOST_AUTO_TEST_CASE(nothing_to_finish_needs_no_right_to_write) {
  BOOST_TEST(bool(finish_replacement("/proc/self", kNames)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
