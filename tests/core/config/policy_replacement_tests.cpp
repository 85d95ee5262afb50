#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/policy_directory.h"
#include "core/policy_replacement.h"

namespace chancery {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTwoFiles = "#%file policy.yaml 2\nm\n\n#%file teams/shop.yaml 2\ns\n\n";

/// A home, gone with it.
class Home {
 public:
  Home() {
    std::string name = (fs::temp_directory_path() / "chancery-replace.XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Home() { fs::remove_all(path_); }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

  Home& file(const std::string& name, const std::string& text = "x\n") {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
    return *this;
  }
  [[nodiscard]] std::string path() const { return path_; }
  /// What stands in the home itself.
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(path_), fs::directory_iterator()));
  }

 private:
  fs::path path_;
};

BOOST_AUTO_TEST_SUITE(policy_replacement)

BOOST_AUTO_TEST_CASE(a_file_by_a_file) {
  Home home;
  home.file("policy.yaml", "old\n");
  BOOST_REQUIRE(replace_policy(home.path(), "new\n"));
  BOOST_TEST(read_policy(home.path()).value() == "new\n");
  BOOST_TEST(home.entries() == 1u);
}

BOOST_AUTO_TEST_CASE(a_directory_by_a_directory) {
  Home home;
  home.file("policy/policy.yaml", "old\n").file("policy/teams/gone.yaml");
  BOOST_REQUIRE(replace_policy(home.path(), kTwoFiles));
  BOOST_TEST(read_policy(home.path()).value() == kTwoFiles);
  BOOST_TEST(home.entries() == 1u);
}

BOOST_AUTO_TEST_CASE(a_directory_by_one_file) {
  Home home;
  home.file("policy/policy.yaml", "old\n").file("policy/teams/gone.yaml");
  BOOST_REQUIRE(replace_policy(home.path(), "new\n"));
  BOOST_TEST(read_policy(home.path()).value() == "new\n");
  BOOST_TEST(fs::is_directory(home.path() + "/policy"));
}

BOOST_AUTO_TEST_CASE(what_a_crash_left_is_no_hindrance) {
  Home home;
  home.file("policy/policy.yaml", "old\n").file("policy.next/policy.yaml", "half\n");
  home.file("policy.next.new/policy.yaml", "half\n");
  BOOST_REQUIRE(replace_policy(home.path(), kTwoFiles));
  BOOST_TEST(read_policy(home.path()).value() == kTwoFiles);
  BOOST_TEST(home.entries() == 1u);
}

BOOST_AUTO_TEST_CASE(nothing_is_lost) {
  struct Row {
    std::string name, file, message;
  };
  for (const Row& row : {Row{"a repository", "policy/.git/config", ".git"},
                         Row{"cases", "policy/web.tests.yaml", "web.tests.yaml"},
                         Row{"a note", "policy/README.md", "README.md"},
                         Row{"a hidden file", "policy/.hidden.yaml", ".hidden.yaml"}}) {
    BOOST_TEST_CONTEXT(row.name) {
      Home home;
      home.file("policy/policy.yaml", "old\n").file(row.file);
      const auto replaced = replace_policy(home.path(), kTwoFiles);
      BOOST_REQUIRE(!replaced);
      BOOST_TEST((replaced.error().code == ErrorCode::conflict));
      BOOST_TEST(replaced.error().message.find(row.message) != std::string::npos);
      BOOST_TEST(fs::exists(home.path() + "/" + row.file));
      BOOST_TEST(read_policy(home.path()).value() == "old\n");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_file_does_not_become_a_directory) {
  Home home;
  home.file("policy.yaml", "old\n");
  const auto replaced = replace_policy(home.path(), kTwoFiles);
  BOOST_REQUIRE(!replaced);
  BOOST_TEST((replaced.error().code == ErrorCode::conflict));
  BOOST_TEST(read_policy(home.path()).value() == "old\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
