#include <boost/test/unit_test.hpp>

#include "core/policy_directory.h"
#include "core/policy_replacement.h"
#include "policy_home.h"

namespace chancery {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTwoFiles = "#%file policy.yaml 2\nm\n\n#%file teams/shop.yaml 2\ns\n\n";

BOOST_AUTO_TEST_SUITE(policy_replacement)

BOOST_AUTO_TEST_CASE(a_file_by_a_file) {
  PolicyHome home;
  home.file("policy.yaml", "old\n");
  BOOST_REQUIRE(replace_policy(home.path(), "new\n"));
  BOOST_TEST(read_policy(home.path()).value() == "new\n");
  BOOST_TEST(home.entries() == 1u);
}

BOOST_AUTO_TEST_CASE(a_directory_by_a_directory) {
  PolicyHome home;
  home.file("policy/policy.yaml", "old\n").file("policy/teams/gone.yaml");
  BOOST_REQUIRE(replace_policy(home.path(), kTwoFiles));
  BOOST_TEST(read_policy(home.path()).value() == kTwoFiles);
  BOOST_TEST(home.entries() == 1u);
}

BOOST_AUTO_TEST_CASE(a_directory_by_one_file) {
  PolicyHome home;
  home.file("policy/policy.yaml", "old\n").file("policy/teams/gone.yaml");
  BOOST_REQUIRE(replace_policy(home.path(), "new\n"));
  BOOST_TEST(read_policy(home.path()).value() == "new\n");
  BOOST_TEST(fs::is_directory(home.path().string() + "/policy"));
}

BOOST_AUTO_TEST_CASE(what_a_crash_left_is_no_hindrance) {
  PolicyHome home;
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
      PolicyHome home;
      home.file("policy/policy.yaml", "old\n").file(row.file);
      const auto replaced = replace_policy(home.path(), kTwoFiles);
      BOOST_REQUIRE(!replaced);
      BOOST_TEST((replaced.error().code == ErrorCode::conflict));
      BOOST_TEST(replaced.error().message.find(row.message) != std::string::npos);
      BOOST_TEST(fs::exists(home.path().string() + "/" + row.file));
      BOOST_TEST(read_policy(home.path()).value() == "old\n");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_file_does_not_become_a_directory) {
  PolicyHome home;
  home.file("policy.yaml", "old\n");
  const auto replaced = replace_policy(home.path(), kTwoFiles);
  BOOST_REQUIRE(!replaced);
  BOOST_TEST((replaced.error().code == ErrorCode::conflict));
  BOOST_TEST(read_policy(home.path()).value() == "old\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
