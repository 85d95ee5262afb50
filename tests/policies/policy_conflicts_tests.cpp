#include "analysis_fixture.h"
#include "policies/policy_conflicts.h"

namespace chancery {
namespace {

using Texts = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(policy_conflicts)

std::string key(const std::string& name, const std::string& machines, const std::string& keys,
                const std::string& more = "") {
  return "  - {name: " + name + ", machines: [" + machines + "], operations: [key.sign], keys: [" +
         keys + "]" + more + "}\n";
}

BOOST_AUTO_TEST_CASE(rules_that_do_nothing) {
  struct Row {
    std::string name, policy;
    Texts expected;  ///< "kind rule by others"
  };
  const std::string grants = "grants:\n", denials = "denials:\n";
  const std::vector<Row> rows = {
      {"none", grants + key("a", "x", "k") + key("b", "y", "k"), {}},
      {"a special case behind the general one",
       grants + key("a", "'**'", "'**'") + key("b", "x", "k"),
       {"redundant grant:b"}},
      {"before it", grants + key("b", "x", "k") + key("a", "'**'", "'**'"), {}},
      {"covered by two",
       grants + key("a", "'*'", "k") + key("b", "'*.**'", "k") + key("c", "'**'", "k"),
       {"redundant grant:c"}},
      {"with quotas of its own",
       grants + key("a", "x", "k") + key("b", "x", "k", ", quotas: [{limit: 1, per: hour}]"),
       {"shadowed grant:b"}},
      {"refused wholly",
       grants + key("a", "x", "k") + denials + key("d", "'*'", "'*'"),
       {"unreachable grant:a"}},
      {"refused in part", grants + key("a", "x", "k, l") + denials + key("d", "'*'", "l"), {}},
      {"a denial of what nothing allows",
       grants + key("a", "x", "k") + denials + key("d", "y", "k"),
       {"ineffective denial:d"}},
      {"a denial behind another",
       grants + key("a", "'**'", "k, l") + denials + key("d", "'**'", "k") + key("e", "x", "k"),
       {"ineffective denial:e"}},
      {"a group",
       "groups: {g: {machines: [x]}, h: {machines: [x]}}\n" + grants + key("a", "'group:g'", "k"),
       {"unused-group group:h"}},
      {"a weekend in the hours of a working day",
       grants + key("a", "x", "k",
                    ", when: {valid_from: 2026-11-28T00:00:00Z, valid_until: 2026-11-29T00:00:00Z, "
                    "hours: [{days: [mon-fri], from: '08:00', to: '18:00'}]}"),
       {"contradictory grant:a"}},
      {"an auditor's", "roles: {auditor: [x]}\n" + grants + key("a", "'*'", "k"), {}},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const auto policy = load_policy("version: 1\n" + row.policy, open_vocabulary());
      BOOST_REQUIRE_MESSAGE(policy, policy.error().message);
      const PolicyConflicts found = conflicts(**policy, analysis_time());
      Texts lines;
      for (const PolicyConflict& conflict : found.conflicts) {
        lines.push_back(std::string(name_of(conflict.kind)) + " " + conflict.rule);
        BOOST_TEST_MESSAGE(conflict.text);
      }
      BOOST_TEST(lines == row.expected, boost::test_tools::per_element());
      BOOST_TEST(found.doubts.empty());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
