// Policies of several files: what is read, in which order, and what is refused with its place.
#include <map>

#include "core/limits.h"
#include "core/policy_bundle.h"
#include "tests/policies/policy_fixture.h"

namespace chancery {
namespace {

using Files = std::map<std::string, std::string>;

std::string bundle(const Files& files) {
  std::vector<PolicyFile> list;
  for (const auto& [name, text] : files) list.push_back({name, text});
  auto text = format_policy_bundle(std::move(list));
  BOOST_REQUIRE_MESSAGE(text, (text ? "" : text.error().message));
  return *text;
}

std::string grant(const std::string& name, const std::string& machine) {
  return "  - {name: " + name + ", machines: [" + machine + "], operations: [status.read]}\n";
}
/// A file of one grant.
std::string file(const std::string& name, const std::string& machine,
                 const std::string& before = "") {
  return "version: 1\n" + before + "grants:\n" + grant(name, machine);
}

std::string granted_by(const Policy& policy, const std::string& machine) {
  return policy.decide(TestMachine(machine), Ask(Operation::status_read)).grant();
}

BOOST_AUTO_TEST_SUITE(policy_files)

BOOST_AUTO_TEST_CASE(imports_are_read_in_their_order_behind_the_file_itself) {
  const auto policy = load_good(bundle({
      {"policy.yaml", file("main", "m1", "imports: [z.yaml, teams/*.yaml]\n")},
      {"z.yaml", file("z", "'m*'", "imports: [deep/er/a.yaml]\n")},
      {"deep/er/a.yaml", file("a", "'*'")},
      {"teams/b.yaml", file("b", "'*'")},
      {"teams/c.yaml", file("c", "'*'")},
  }));
  BOOST_TEST(granted_by(*policy, "m1") == "main");
  BOOST_TEST(granted_by(*policy, "m2") == "z");
  BOOST_TEST(granted_by(*policy, "x") == "a");
}

BOOST_AUTO_TEST_CASE(a_file_counts_once_however_often_it_is_imported) {
  const auto policy = load_good(bundle({
      {"policy.yaml", "version: 1\nimports: [teams/a.yaml, teams/*.yaml, b.yaml, '*.yaml']\n"},
      {"teams/a.yaml", file("a", "m1", "imports: [b.yaml]\n")},
      {"teams/c.yaml", file("c", "m3", "imports: ['teams/c*.yaml', b.yaml]\n")},
      {"teams/cc.yaml", file("cc", "m4")},
      {"b.yaml", file("b", "m2")},
  }));
  for (const auto& [machine, name] :
       {std::pair("m1", "a"), {"m2", "b"}, {"m3", "c"}, {"m4", "cc"}}) {
    BOOST_TEST(granted_by(*policy, machine) == name);
  }
}

BOOST_AUTO_TEST_CASE(groups_of_one_file_serve_another) {
  const auto policy = load_good(bundle({
      {"policy.yaml", file("g", "'group:web'", "imports: [groups.yaml]\n")},
      {"groups.yaml", "version: 1\ngroups:\n  web: {machines: ['web-*']}\n"},
  }));
  BOOST_TEST(granted_by(*policy, "web-1") == "g");
  BOOST_TEST(granted_by(*policy, "db-1") == "");
}

BOOST_AUTO_TEST_CASE(the_version_is_the_hash_of_the_bundle) {
  const std::string text =
      bundle({{"policy.yaml", file("g", "m", "imports: [a.yaml]\n")}, {"a.yaml", "version: 1\n"}});
  BOOST_TEST(load_good(text)->version() == to_hex(sha256(bytes_of(text))));
}

struct BadFiles {
  std::string name;
  Files files;
  std::string message;
};

void check_refused(const std::vector<BadFiles>& rows) {
  for (const BadFiles& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const auto policy = load_policy(bundle(row.files), test_vocabulary());
      BOOST_REQUIRE(!policy);
      BOOST_TEST(policy.error().message == row.message);
    }
  }
}

BOOST_AUTO_TEST_CASE(bad_imports) {
  const std::string main = "version: 1\nimports:\n  - a.yaml\n", empty = "version: 1\n";
  const std::string path =
      "must be the path of a file below the policy's directory, such as teams/shop.yaml, with one "
      "* "
      "in a part at most";
  const auto importing = [&](const std::string& text) {
    return Files{{"policy.yaml", "version: 1\nimports:\n  - " + text + "\n"}, {"b/a.yaml", empty}};
  };
  check_refused({
      {"of a file that is not there", importing("b/c.yaml"),
       "policy.yaml:3:5: imports[0]: there is no file \"b/c.yaml\" in the policy; did you mean "
       "\"b/a.yaml\"?"},
      {"of nothing by a wildcard", importing("\"c*/*.yaml\""),
       "policy.yaml:3:5: imports[0]: there is no file \"c*/*.yaml\" in the policy"},
      {"a wildcard for more than a part", importing("\"*.yaml\""),
       "policy.yaml:3:5: imports[0]: there is no file \"*.yaml\" in the policy"},
      {"out of the directory", importing("../b/a.yaml"), "policy.yaml:3:5: imports[0]: " + path},
      {"out of it and back", importing("b/../b/a.yaml"), "policy.yaml:3:5: imports[0]: " + path},
      {"from the root", importing("/b/a.yaml"), "policy.yaml:3:5: imports[0]: " + path},
      {"with a dot", importing("./b/a.yaml"), "policy.yaml:3:5: imports[0]: " + path},
      {"with another ending", importing("b/a.yml"), "policy.yaml:3:5: imports[0]: " + path},
      {"two wildcards in a part", importing("\"b/*a*.yaml\""),
       "policy.yaml:3:5: imports[0]: " + path},
      {"no list",
       {{"policy.yaml", "version: 1\nimports: a.yaml\n"}, {"a.yaml", empty}},
       "policy.yaml:2:10: imports: must be a list"},
      {"an empty list",
       {{"policy.yaml", "version: 1\nimports: []\n"}, {"a.yaml", empty}},
       "policy.yaml:2:10: imports: is empty, so that nothing could match it"},
      {"one twice",
       {{"policy.yaml", main + "  - a.yaml\n"}, {"a.yaml", empty}},
       "policy.yaml:4:5: imports[1]: \"a.yaml\" is given twice"},
      {"of itself",
       {{"policy.yaml", "version: 1\nimports: [policy.yaml]\n"}, {"a.yaml", empty}},
       "policy.yaml:2:11: imports[0]: policy.yaml is where this file is imported from; imports "
       "must "
       "not go in a circle"},
      {"in a circle",
       {{"policy.yaml", main},
        {"a.yaml", "version: 1\nimports: [b.yaml]\n"},
        {"b.yaml", "version: 1\nimports:\n  - c.yaml\n  - a.yaml\n"},
        {"c.yaml", empty}},
       "b.yaml:4:5: imports[1]: a.yaml is where this file is imported from; imports must not go in "
       "a circle"},
      {"of the main file",
       {{"policy.yaml", main}, {"a.yaml", "version: 1\nimports: [policy.yaml]\n"}},
       "a.yaml:2:11: imports[0]: policy.yaml is where this file is imported from; imports must not "
       "go in a circle"},
  });
}

BOOST_AUTO_TEST_CASE(bad_files) {
  const std::string main = "version: 1\nimports: [a.yaml]\n";
  check_refused({
      {"one that nothing imports",
       {{"policy.yaml", main}, {"a.yaml", "version: 1\n"}, {"b.yaml", "version: 1\n"}},
       "b.yaml:1:1: nothing imports this file; name it in `imports` of policy.yaml, or take it "
       "away"},
      {"two that import only each other",
       {{"policy.yaml", "version: 1\n"},
        {"a.yaml", "version: 1\nimports: [b.yaml]\n"},
        {"b.yaml", "version: 1\nimports: [a.yaml]\n"}},
       "a.yaml:1:1: nothing imports this file; name it in `imports` of policy.yaml, or take it "
       "away"},
      {"no YAML",
       {{"policy.yaml", main}, {"a.yaml", "version: 1\ngrants: [\n"}},
       "a.yaml:3:1: this is not YAML: end of sequence flow not found"},
      {"without a version",
       {{"policy.yaml", main}, {"a.yaml", "grants: []\n"}},
       "a.yaml:1:1: the member version is missing; write version: 1"},
      {"with a mistake",
       {{"policy.yaml", main}, {"a.yaml", "version: 1\ngrant: []\n"}},
       "a.yaml:2:1: grant: unknown field; did you mean \"grants\"?"},
      {"with a mistake in a grant",
       {{"policy.yaml", main}, {"a.yaml", "version: 1\ngrants:\n" + grant("x", "m") + "  - {}\n"}},
       "a.yaml:4:5: grants[1]: the member name is missing"},
      {"with roles",
       {{"policy.yaml", main}, {"a.yaml", "version: 1\nroles: {auditor: [x]}\n"}},
       "a.yaml:2:8: roles: roles stand in policy.yaml alone"},
      {"with a grant of another",
       {{"policy.yaml", file("same", "m", "imports: [a.yaml]\n")}, {"a.yaml", file("same", "n")}},
       "a.yaml:3:12: grants[0].name: there is a grant \"same\" already, policy.yaml:4"},
      {"with a group of another",
       {{"policy.yaml", main + "groups:\n  g: {machines: [m]}\n"},
        {"a.yaml", "version: 1\ngroups:\n  g: {machines: [n]}\n"}},
       "a.yaml:3:3: groups.g: there is a group \"g\" already, policy.yaml:4"},
      {"that names a group of none",
       {{"policy.yaml", main + "groups:\n  web: {machines: [m]}\n"},
        {"a.yaml", file("x", "'group:wb'")}},
       "a.yaml:3:26: grants[0].machines[0]: there is no group \"wb\"; did you mean \"web\"?"},
  });
}

BOOST_AUTO_TEST_CASE(imports_of_a_single_file) {
  const auto policy =
      load_policy("version: 1\nimports: [a.yaml]\n", test_vocabulary(), "/etc/policy.yaml");
  BOOST_REQUIRE(!policy);
  BOOST_TEST(
      policy.error().message ==
      "/etc/policy.yaml:2:11: imports[0]: there is no file \"a.yaml\": a policy with imports "
      "is a directory, HOME/policy, and this one is a single file");
}

BOOST_AUTO_TEST_CASE(what_is_no_bundle) {
  const auto policy = load_policy("#%file a.yaml 5\nx\n", test_vocabulary());
  BOOST_REQUIRE(!policy);
  BOOST_TEST(
      policy.error().message ==
      "policy.yaml:1:1: the policy is no bundle of files: the file a.yaml does not end where "
      "its header says");
}

BOOST_AUTO_TEST_CASE(a_chain_of_imports_has_an_end) {
  const auto chain = [](std::size_t length) {
    Files files = {{"policy.yaml", "version: 1\nimports: [f1.yaml]\n"}};
    for (std::size_t i = 1; i <= length; ++i) {
      const std::string next =
          i < length ? "imports: [f" + std::to_string(i + 1) + ".yaml]\n" : std::string();
      files["f" + std::to_string(i) + ".yaml"] = "version: 1\n" + next;
    }
    return load_policy(bundle(files), test_vocabulary());
  };
  BOOST_TEST(chain(limits::policy_import_depth).has_value());
  const auto longer = chain(limits::policy_import_depth + 1);
  BOOST_REQUIRE(!longer);
  BOOST_TEST((longer.error().code == ErrorCode::too_large));
  BOOST_TEST(longer.error().message == "f16.yaml:2:10: imports: imports are more than 16 deep");
}

BOOST_AUTO_TEST_CASE(a_thousand_files) {
  Files files = {{"policy.yaml", "version: 1\nimports: ['teams/*.yaml']\n"}};
  for (std::size_t i = 1; i < limits::policy_files; ++i) {
    const std::string number = std::to_string(i);
    files["teams/t" + number + ".yaml"] = file("g" + number, "m" + number);
  }
  const auto policy = load_good(bundle(files));
  BOOST_TEST(granted_by(*policy, "m999") == "g999");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
