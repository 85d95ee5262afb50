// Where an analysis says that a rule stands, in policies of several files and with templates.
#include "analysis_fixture.h"
#include "core/policy_bundle.h"
#include "policies/explanation.h"
#include "policies/policy_conflicts.h"
#include "policies/policy_diff.h"
#include "policies/reach.h"

namespace chancery {
namespace {

std::shared_ptr<const GrantPolicy> load_files(const std::string& keys) {
  auto bundle = format_policy_bundle({
      {"policy.yaml", "version: 1\nimports: [teams/*.yaml]\n"},
      {"teams/all.yaml",
       "version: 1\ngrants:\n"
       "  - {name: all, machines: ['x*'], operations: [key.sign], keys: ['*']}\n"},
      {"teams/team.yaml",
       "version: 1\ntemplates:\n"
       "  - name: team\n"
       "    parameters: [who]\n"
       "    grants:\n"
       "      - name: sign\n"
       "        machines: ['${who}']\n"
       "        operations: [key.sign]\n"
       "        keys: [" +
           keys + "]\n"},
      {"teams/use.yaml",
       "version: 1\nuse:\n  - {template: team, name: shop, with: {who: x1}}\n"
       "  - {template: team, name: pay, with: {who: y1}}\n"},
  });
  BOOST_REQUIRE_MESSAGE(bundle, (bundle ? "" : bundle.error().message));
  auto policy = load_policy(*bundle, open_vocabulary());
  BOOST_REQUIRE_MESSAGE(policy, (policy ? "" : policy.error().message));
  return *policy;
}

BOOST_AUTO_TEST_SUITE(policy_locations)

BOOST_AUTO_TEST_CASE(rules_of_several_files_and_of_templates) {
  const auto policy = load_files("k");
  const PolicyConflicts found = conflicts(*policy, analysis_time());
  BOOST_REQUIRE(found.conflicts.size() == 1u);
  const PolicyConflict& conflict = found.conflicts.front();
  BOOST_TEST(conflict.rule == "grant:shop.sign");
  BOOST_TEST(conflict.file == "teams/team.yaml");
  BOOST_TEST(conflict.place.line == 7u);
  BOOST_REQUIRE(conflict.others.size() == 1u);
  BOOST_TEST(conflict.others.front() == "grant:all (teams/all.yaml:3)");

  Machine machine;
  machine.name = MachineName::literal("y1");
  machine.fingerprint = std::string(64, 'f');
  const PolicyQuestion question{.operation = Operation::key_sign, .key = "l"};
  const Explanation why = explain(*policy, machine, question, analysis_time());
  BOOST_REQUIRE(why.near.size() == 1u);
  BOOST_TEST(why.near.front().grant == "pay.sign");
  BOOST_TEST(why.near.front().file == "teams/team.yaml");
  BOOST_REQUIRE(!why.changes.empty());
  BOOST_TEST(why.changes.front().file == "teams/team.yaml");

  const auto who =
      who_can(*policy, {.operation = Operation::key_sign, .key = "l"}, {}, analysis_time());
  BOOST_REQUIRE(who);
  BOOST_REQUIRE(who->rules.size() == 1u);
  BOOST_TEST(who->rules.front().file == "teams/all.yaml");
  BOOST_TEST(who->rules.front().place.line == 3u);

  const auto more = diff(*policy, *load_files("k, l"), analysis_time());
  BOOST_REQUIRE(more);
  BOOST_REQUIRE(more->regions.size() == 1u);
  BOOST_TEST(more->regions.front().rule == "grant:pay.sign");
  BOOST_TEST(more->regions.front().file == "teams/team.yaml");
  BOOST_TEST(more->regions.front().place.line == 7u);
}

/// Who may agree is a part of what is asked for, also where a group or a role says it.
BOOST_AUTO_TEST_CASE(who_may_agree) {
  const auto differs = [](const std::string& before, const std::string& after) {
    const auto found = diff(*load_rules(before), *load_rules(after), analysis_time());
    BOOST_REQUIRE(found);
    BOOST_TEST(found->exact());
    return std::any_of(found->regions.begin(), found->regions.end(), [](const DiffRegion& region) {
      return region.kind == DiffRegion::Kind::duties;
    });
  };
  const std::string rest =
      "grants:\n  - {name: g, machines: [x], operations: [key.sign], keys: [k]}\n"
      "approvals:\n  - {name: p, operations: [key.sign], needed: 1, from: ";
  const auto groups = [](const std::string& who) {
    return "groups: {g: {machines: [" + who + "]}}\n";
  };
  BOOST_TEST(differs(rest + "[a]}\n", rest + "[a, b]}\n"));
  BOOST_TEST(!differs(rest + "[a, b]}\n", rest + "[b, a]}\n"));
  BOOST_TEST(
      differs(groups("a") + rest + "['group:g']}\n", groups("a, b") + rest + "['group:g']}\n"));
  BOOST_TEST(differs("roles: {administrator: [a]}\n" + rest + "['role:administrator']}\n",
                     "roles: {administrator: [a, b]}\n" + rest + "['role:administrator']}\n"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
