#include <stdlib.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "core/new_home.h"

namespace chancery {
namespace {

namespace fs = std::filesystem;

struct Folder {
  Folder() {
    std::string name = (fs::temp_directory_path() / "chancery-home.XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()));
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

void fill(const fs::path& home) {
  fs::create_directories(home / "token/tokens");
  std::ofstream(home / "token/tokens/object") << "x";
  std::ofstream(home / "config.yaml") << "version: 1\n";
}

BOOST_FIXTURE_TEST_SUITE(new_home, Folder)

BOOST_AUTO_TEST_CASE(a_folder_that_was_made_goes_with_what_was_put_in_it) {
  const fs::path home = path / "home";
  {
    const auto claimed = NewHome::claim(home);
    BOOST_REQUIRE(claimed);
    fill(home);
  }
  BOOST_TEST(!fs::exists(home));
  BOOST_TEST(NewHome::claim(home).has_value());
}

BOOST_AUTO_TEST_CASE(a_folder_that_was_there_stays_with_what_is_not_ours) {
  fs::create_directory(path / "lost+found");
  {
    const auto claimed = NewHome::claim(path);
    BOOST_REQUIRE(claimed);
    fill(path);
  }
  BOOST_TEST(fs::exists(path / "lost+found"));
  fs::remove(path / "lost+found");
  BOOST_TEST(fs::is_empty(path));
}

BOOST_AUTO_TEST_CASE(a_complete_installation_stays) {
  const fs::path home = path / "home";
  {
    auto claimed = NewHome::claim(home);
    BOOST_REQUIRE(claimed);
    fill(home);
    claimed->keep();
  }
  BOOST_TEST(fs::exists(home / "token/tokens/object"));
  const auto again = NewHome::claim(home);
  BOOST_REQUIRE(!again);
  BOOST_TEST(again.error().message.ends_with("holds an installation already"));
  BOOST_TEST(fs::exists(home / "config.yaml"));
}

BOOST_AUTO_TEST_CASE(what_somebody_else_has_is_left_alone) {
  std::ofstream(path / "letter") << "dear";
  const auto refused = NewHome::claim(path);
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error().code == ErrorCode::conflict);
  BOOST_TEST(refused.error().message.find("it has letter") != std::string::npos);
  BOOST_TEST(fs::exists(path / "letter"));

  const auto file = NewHome::claim(path / "letter");
  BOOST_REQUIRE(!file);
  BOOST_TEST(fs::exists(path / "letter"));
}

BOOST_AUTO_TEST_CASE(one_at_a_time) {
  const auto first = NewHome::claim(path);
  BOOST_REQUIRE(first);
  fill(path);
  const auto second = NewHome::claim(path);
  BOOST_REQUIRE(!second);
  BOOST_TEST(second.error().message.find("another process") != std::string::npos);
  BOOST_TEST(fs::exists(path / "config.yaml"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
