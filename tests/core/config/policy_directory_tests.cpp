#include <boost/test/unit_test.hpp>

#include "core/policy_bundle.h"
#include "core/policy_directory.h"
#include "policy_home.h"

namespace chancery {
namespace {

namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(policy_directory)

BOOST_AUTO_TEST_CASE(a_file) {
  PolicyHome home;
  home.file("policy.yaml", "version: 1\n");
  BOOST_TEST(read_policy(home.path()).value() == "version: 1\n");
  BOOST_TEST(read_policy_at(home.path() / "policy.yaml").value() == "version: 1\n");
}

BOOST_AUTO_TEST_CASE(a_directory) {
  PolicyHome home;
  home.file("policy/policy.yaml", "m\n").file("policy/teams/shop.yaml", "s\n");
  home.file("policy/.git/config.yaml").file("policy/.hidden.yaml").file("policy/README.md");
  home.file("policy/teams/shop.tests.yaml").file("policy/shop.yaml~").file("policy/a.yaml.new");
  BOOST_TEST(read_policy(home.path()).value() ==
             "#%file policy.yaml 2\nm\n\n#%file teams/shop.yaml 2\ns\n\n");
}

BOOST_AUTO_TEST_CASE(a_directory_of_one_file_is_that_file) {
  PolicyHome home;
  home.file("policy/policy.yaml", "version: 1\n");
  BOOST_TEST(read_policy(home.path()).value() == "version: 1\n");
}

/// As Kubernetes mounts a ConfigMap: each file is a link into a hidden directory, which is
/// replaced.
BOOST_AUTO_TEST_CASE(links_within_the_directory) {
  PolicyHome home;
  home.file("policy/..2026/policy.yaml", "m\n").link("policy/..data", "..2026");
  home.link("policy/policy.yaml", "..data/policy.yaml");
  BOOST_TEST(read_policy(home.path()).value() == "m\n");
  fs::rename(home.path() / "policy", home.path() / "mounted");
  home.link("policy", "mounted");
  BOOST_TEST(read_policy(home.path()).value() == "m\n");
}

BOOST_AUTO_TEST_CASE(what_is_refused) {
  using Make = void (*)(PolicyHome&);
  struct Row {
    std::string name;
    Make make;
    std::string message;
  };
  const std::vector<Row> rows = {
      {"nothing", [](PolicyHome&) {}, "policy.yaml cannot be read"},
      {"both", [](PolicyHome& h) { h.file("policy.yaml").file("policy/policy.yaml"); },
       "there are both policy.yaml and the directory policy; keep the one that counts"},
      {"an empty directory", [](PolicyHome& h) { fs::create_directory(h.path() / "policy"); },
       "the policy has no file policy.yaml"},
      {"another ending", [](PolicyHome& h) { h.file("policy/policy.yaml").file("policy/a.yml"); },
       "a.yml: the files of a policy end in .yaml"},
      {"a name that cannot be imported",
       [](PolicyHome& h) { h.file("policy/policy.yaml").file("policy/a b.yaml"); },
       "cannot be called \"a b.yaml\""},
      {"a link out of it",
       [](PolicyHome& h) {
         h.file("policy/policy.yaml").file("o.yaml").link("policy/a.yaml", "../o.yaml");
       },
       "a.yaml: is a symbolic link out of the policy's directory"},
      {"a link to a file beside it, whose name begins the same",
       [](PolicyHome& h) {
         h.file("policy/policy.yaml")
             .file("policy2/o.yaml")
             .link("policy/a.yaml", "../policy2/o.yaml");
       },
       "a.yaml: is a symbolic link out of the policy's directory"},
      {"a link to nothing",
       [](PolicyHome& h) { h.file("policy/policy.yaml").link("policy/a.yaml", "none.yaml"); },
       "a.yaml: is no regular file"},
      {"a link to a directory",
       [](PolicyHome& h) {
         h.file("policy/policy.yaml").file("policy/b/c.yaml").link("policy/a", "b");
       },
       "a: is a symbolic link to a directory"},
      {"a link to itself",
       [](PolicyHome& h) { h.file("policy/policy.yaml").link("policy/a", "."); },
       "a: is a symbolic link to a directory"},
      {"directories without end",
       [](PolicyHome& h) {
         std::string deep = "policy";
         for (int i = 0; i < 20; ++i) deep += "/d";
         h.file("policy/policy.yaml").file(deep + "/a.yaml");
       },
       "directories of a policy are at most 16 deep"},
      {"a file that looks like a bundle",
       [](PolicyHome& h) { h.file("policy.yaml", "#%file policy.yaml 0\n\n"); },
       "policy.yaml:1:1: begins with \"#%file \""},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      PolicyHome home;
      row.make(home);
      const auto policy = read_policy(home.path());
      BOOST_REQUIRE(!policy);
      BOOST_TEST(policy.error().message.find(row.message) != std::string::npos,
                 policy.error().message);
      BOOST_TEST(policy.error().message.find(home.path().string()) == std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(writing_is_the_inverse_of_reading) {
  PolicyHome home;
  home.file("policy/policy.yaml", "m\n").file("policy/a/b/c.yaml", "").file("policy/a/d.yaml", "d");
  const std::string bundle = read_policy(home.path()).value();
  const std::string out = home.path() / "out";
  home.file("out.new/left-by-a-crash.yaml");
  BOOST_REQUIRE(write_policy_directory(out, bundle));
  BOOST_TEST(read_policy_at(out).value() == bundle);
  BOOST_TEST(!fs::exists(home.path() / "out.new"));
  const auto again = write_policy_directory(out, "version: 1\n");
  BOOST_REQUIRE(!again);
  BOOST_TEST((again.error().code == ErrorCode::conflict));
  BOOST_TEST(read_policy_at(out).value() == bundle);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
