// Templates of rules: what a use stands for, and what is refused with both places.
#include "core/limits.h"
#include "core/policy_bundle.h"
#include "tests/policies/policy_fixture.h"

namespace chancery {
namespace {

const std::string kTeam =
    "version: 1\n"
    "templates:\n"
    "  - name: team\n"
    "    parameters: [team, {name: names, pattern: true}]\n"
    "    grants:\n"
    "      - name: tls\n"
    "        machines: [\"attribute:team=${team}\", \"${team}-*\"]\n"
    "        operations: [certificate.issue]\n"
    "        issuers: [issuing]\n"
    "        profiles: [tls-server]\n"
    "        when: {dns_names: [\"${names}\", \"{machine.name}.${team}.example.com\"]}\n"
    "    denials:\n"
    "      - name: no-keys\n"
    "        machines: [\"${team}-*\"]\n"
    "        operations: [key.create]\n";
const std::string kUse =
    "use:\n"
    "  - {template: team, name: shop, with: {team: shop, names: \"*.shop.example\"}}\n"
    "  - {template: team, name: pay, with: {team: pay, names: pay.example}}\n";

PolicyQuestion tls(const std::string& name) {
  return Ask(Operation::certificate_issue)
      .issuer("issuing")
      .profile("tls-server")
      .dns(name)
      .common_name(name)
      .key_type(KeyType::ec_p256)
      .validity(Seconds(60));
}

PolicyQuestion owned(PolicyQuestion question, const std::string& owner) {
  question.owner = owner;
  return question;
}

BOOST_AUTO_TEST_SUITE(templates)

BOOST_AUTO_TEST_CASE(a_use_stands_for_its_rules) {
  const auto policy = load_good(kTeam + kUse);
  const auto decide = [&](const std::string& machine, const std::string& name) {
    const Decision decision = policy->decide(TestMachine(machine), owned(tls(name), machine));
    return (decision.allowed() ? "" : "not ") + decision.grant();
  };
  BOOST_TEST(decide("shop-1", "a.shop.example") == "shop.tls");
  BOOST_TEST(decide("shop-1", "shop-1.shop.example.com") == "shop.tls");
  BOOST_TEST(decide("pay-1", "pay.example") == "pay.tls");
  BOOST_TEST(decide("pay-1", "a.shop.example") == "not pay.tls");
  BOOST_TEST(decide("db-1", "a.shop.example") == "not ");
  Machine db = TestMachine("db-1");
  db.attributes = {{"team", "pay"}};
  BOOST_TEST(policy->decide(db, owned(tls("pay.example"), "db-1")).grant() == "pay.tls");
  const Decision denied =
      policy->decide(TestMachine("shop-1"), Ask(Operation::key_create).key("k"));
  BOOST_TEST(denied.grant() == "denial:shop.no-keys");
}

BOOST_AUTO_TEST_CASE(templates_and_uses_may_be_in_any_file) {
  const std::string use = "version: 1\nimports: [lib.yaml]\n" + kUse;
  const auto text = format_policy_bundle({{"policy.yaml", use}, {"lib.yaml", kTeam}});
  BOOST_REQUIRE(text);
  BOOST_TEST(
      load_good(*text)->decide(TestMachine("pay-1"), owned(tls("pay.example"), "pay-1")).grant() ==
      "pay.tls");
}

BOOST_AUTO_TEST_CASE(written_grants_come_before_those_of_templates) {
  const std::string grant =
      "grants:\n  - {name: mine, machines: ['shop-*'], operations: [certificate.issue], "
      "issuers: [issuing], profiles: [tls-server], when: {dns_names: ['**.example']}}\n";
  const auto policy = load_good(kTeam + kUse + grant);
  BOOST_TEST(
      policy->decide(TestMachine("shop-1"), owned(tls("a.shop.example"), "shop-1")).grant() ==
      "mine");
}

struct Row {
  std::string name, text, message;
};

void check_refused(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const auto policy = load_policy(row.text, test_vocabulary());
      BOOST_REQUIRE(!policy);
      BOOST_TEST(policy.error().message == "policy.yaml:" + row.message);
    }
  }
}

std::string use_of_team(const std::string& with, const std::string& of = "team") {
  return kTeam + "use:\n  - {template: " + of + ", name: x, with: {" + with + "}}\n";
}

BOOST_AUTO_TEST_CASE(bad_uses) {
  check_refused({
      {"of a template that is not there", use_of_team("team: a, names: b", "taem"),
       "17:16: use[0].template: there is no template \"taem\"; did you mean \"team\"?"},
      {"without a value", use_of_team("names: b"),
       "17:5: use[0]: the parameter team of template \"team\" is missing in with"},
      {"without any", kTeam + "use:\n  - {template: team, name: x}\n",
       "17:5: use[0]: the parameter team of template \"team\" is missing in with"},
      {"with a value too many", use_of_team("team: a, names: b, nams: c"),
       "17:57: use[0].with.nams: template \"team\" has no such parameter; did you mean \"names\"?"},
      {"with a wildcard", use_of_team("team: \"a*\", names: b"),
       "17:44: use[0].with.team: must not contain * { }: the template does not declare this "
       "parameter with pattern: true"},
      {"with a variable", use_of_team("team: \"{machine.name}\", names: b"),
       "17:44: use[0].with.team: must not contain * { }: the template does not declare this "
       "parameter with pattern: true"},
      {"with a parameter", use_of_team("team: a, names: \"${team}\""),
       "17:54: use[0].with.names: must not contain $"},
      {"with a list", use_of_team("team: [a], names: b"), "17:44: use[0].with.team: must be text"},
      {"with nothing", use_of_team("team: \"\", names: b"),
       "17:44: use[0].with.team: must not be empty"},
      {"with text instead of parameters", kTeam + "use:\n  - {template: team, name: x, with: a}\n",
       "17:37: use[0].with: must be a mapping of parameters to texts"},
      {"with an unknown member", kTeam + "use:\n  - {template: team, name: x, wiht: {}}\n",
       "17:31: use[0].wiht: unknown field; did you mean \"with\"?"},
      {"without a name", kTeam + "use:\n  - {template: team}\n",
       "17:5: use[0]: the member name is missing"},
      {"a name that rules cannot have", kTeam + "use:\n  - {template: team, name: X}\n",
       "17:28: use[0].name: must be 1 to 64 of a-z 0-9 . _ -"},
      {"no list", kTeam + "use: {template: team}\n", "16:6: use: must be a list"},
  });
}

BOOST_AUTO_TEST_CASE(bad_templates) {
  const auto with = [](const std::string& item) { return "version: 1\ntemplates:\n  - " + item; };
  const std::string rule = "{name: r, machines: [\"${a}\"], operations: [status.read]}";
  check_refused({
      {"without rules", with("{name: t}\n"), "3:5: templates[0]: has neither grants nor denials"},
      {"without a name", with("{grants: [{}]}\n"), "3:5: templates[0]: the member name is missing"},
      {"with an unknown member", with("{name: t, grant: []}\n"),
       "3:15: templates[0].grant: unknown field; did you mean \"grants\"?"},
      {"with uses of its own", with("{name: t, use: []}\n"),
       "3:15: templates[0].use: unknown field"},
      {"no grants", with("{name: t, grants: []}\n"),
       "3:23: templates[0].grants: is empty, so that nothing could match it"},
      {"a parameter that nothing uses",
       with("{name: t, parameters: [a, unused], grants: [" + rule + "]}\n"),
       "3:31: templates[0].parameters[1]: nothing in the template uses this parameter"},
      {"a parameter that is not declared",
       with("{name: t, parameters: [aa], grants: [" + rule + "]}\n"),
       "3:63: templates[0].grants[0].machines[0]: there is no parameter \"a\" of this "
       "template; did you mean \"aa\"?"},
      {"a parameter twice", with("{name: t, parameters: [a, {name: a}], grants: [" + rule + "]}\n"),
       "3:31: templates[0].parameters[1]: \"a\" is given twice"},
      {"a parameter with a bad name",
       with("{name: t, parameters: [\"a b\"], grants: [" + rule + "]}\n"),
       "3:28: templates[0].parameters[0]: must be a name of a-z 0-9 _ that begins with a letter"},
      {"a pattern that is neither true nor false",
       with("{name: t, parameters: [{name: a, pattern: yes}], grants: [" + rule + "]}\n"),
       "3:47: templates[0].parameters[0].pattern: must be true or false"},
      {"a parameter without an end",
       with("{name: t, grants: [{name: \"${a\", machines: [x], operations: [status.read]}]}\n"),
       "3:31: templates[0].grants[0].name: a ${ has no } behind it"},
      {"a parameter as the name of a member",
       with("{name: t, parameters: [a], grants: [{\"${a}\": x}]}\n"),
       "3:42: templates[0].grants[0].${a}: parameters may stand in values only"},
      {"two of a name",
       with("{name: t, grants: [{name: r}]}\n  - {name: t, grants: [{name: r}]}\n"),
       "4:12: templates[1].name: there is a template \"t\" already, policy.yaml:3"},
  });
}

BOOST_AUTO_TEST_CASE(what_a_use_makes_is_checked_with_both_places) {
  const auto with = [](const std::string& rule, const std::string& uses) {
    return "version: 1\ntemplates:\n  - name: t\n    parameters: [a]\n    grants:\n      - " +
           rule + "\nuse:\n" + uses;
  };
  const std::string use = "  - {template: t, name: x, with: {a: status.raed}}\n";
  check_refused({
      {"an operation", with("{name: r, machines: [m], operations: [\"${a}\"]}", use),
       "6:47: templates[0].grants[0].operations[0]: there is no operation \"status.raed\"; did you "
       "mean \"status.read\"?; this is its use in policy.yaml:8"},
      {"a name", with("{name: \"R${a}\", machines: [m], operations: [status.read]}", use),
       "6:16: templates[0].grants[0].name: must be 1 to 64 of a-z 0-9 . _ -; this is its use in "
       "policy.yaml:8"},
      {"one name twice",
       with("{name: r, machines: [\"${a}\"], operations: [status.read]}", use + use),
       "6:16: templates[0].grants[0].name: there is a grant \"x.r\" already, in line 6; this is "
       "its "
       "use in policy.yaml:9"},
  });
}

BOOST_AUTO_TEST_CASE(what_templates_make_is_bounded) {
  // 64 parameters of 512 bytes in 1,000 values, used again and again.
  std::string parameters, arguments, value;
  for (int i = 0; i < 64; ++i) {
    const std::string name = "p" + std::to_string(i);
    parameters += (i == 0 ? "" : ", ") + name;
    arguments += (i == 0 ? "" : ", ") + name + ": " + std::string(512, 'x');
    value += "${" + name + "}";
  }
  std::string text = "version: 1\ntemplates:\n  - name: t\n    parameters: [" + parameters +
                     "]\n    grants:\n      - name: r\n        operations: [status.read]\n"
                     "        machines:\n";
  for (int i = 0; i < 1000; ++i) text += "          - \"" + value + "\"\n";
  text += "use:\n";
  for (int i = 0; i < 3; ++i) {
    text += "  - {template: t, name: u" + std::to_string(i) + ", with: {" + arguments + "}}\n";
  }
  const auto bomb = load_policy(text, test_vocabulary());
  BOOST_REQUIRE(!bomb);

  // Few bytes, but very many values.
  text = "version: 1\ntemplates:\n  - name: t\n    grants:\n";
  for (int i = 0; i < 10'000; ++i) {
    text +=
        "      - {name: r" + std::to_string(i) + ", machines: [m], operations: [status.read]}\n";
  }
  text += "use:\n";
  for (int i = 0; i < 200; ++i) {
    text += "  - {template: t, name: u" + std::to_string(i) + "}\n";
  }
  const auto many = load_policy(text, test_vocabulary());
  BOOST_REQUIRE(!many);
  BOOST_TEST((many.error().code == ErrorCode::too_large));
  BOOST_TEST(many.error().message.find("the uses of templates make more than 64 MiB of rules") !=
             std::string::npos);

  std::string large = "version: 1\ntemplates:\n  - name: t\n    denials:\n";
  for (int i = 0; i < 25'000; ++i) {
    large += "      - {name: r" + std::to_string(i) + ", machines: [m], operations: [key.sign]}\n";
  }
  const auto values = load_policy(large, test_vocabulary());
  BOOST_REQUIRE(!values);
  BOOST_TEST((values.error().code == ErrorCode::too_large));
  BOOST_TEST(values.error().message.find("templates have at most 100000 values in all") !=
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
