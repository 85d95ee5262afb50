#include <bit>

#include "analysis_fixture.h"
#include "policies/explanation.h"
#include "policies/reach.h"
#include "policies/request_formula.h"
#include "policies/request_search.h"
#include "policies/rule_text.h"

namespace chancery {
namespace {

using Texts = std::vector<std::string>;

Machine machine_called(const std::string& name) {
  Machine machine;
  if (!name.empty()) machine.name = MachineName::literal(name);
  machine.fingerprint = std::string(64, 'f');
  machine.source = "10.0.0.1";
  return machine;
}

PolicyQuestion signing(const std::string& key) {
  return {.operation = Operation::key_sign, .key = key};
}
PolicyQuestion issuing(const std::string& owner, const Texts& dns) {
  PolicyQuestion question{.operation = Operation::certificate_issue};
  question.issuer = "ca";
  question.profile = "tls";
  question.owner = owner;
  question.names.dns = dns;
  question.validity = std::chrono::hours(24);
  return question;
}

// --- Every condition ---------------------------------------------------------------------------

constexpr std::string_view kEverything = R"(
grants:
  - name: issue
    machines: ["**"]
    operations: [certificate.issue, key.create]
    issuers: [ca]
    profiles: [tls]
    keys: [k]
    when:
      owner: ["web-*"]
      source: [10.0.0.0/8]
      attributes: {team: [shop]}
      certificate_age: 30d
      hours: [{from: "08:00", to: "18:00", days: [mon-fri]}]
      valid_from: 2026-01-01T00:00:00Z
      valid_until: 2030-01-01T00:00:00Z
      dns_names: ["*.example.com"]
      ip_addresses: [10.0.0.0/8]
      uris: ["https://example.com/*"]
      emails: ["*@example.com"]
      max_names: 3
      common_names: ["*.example.com"]
      subject: {country: [CH], organization: [Example], organizational_unit: [Shop]}
      key_types: [ec-p256]
      extended_key_usages: [server_auth]
      max_validity: 24h
  - name: sign
    machines: ["**"]
    operations: [key.sign]
    keys: [k]
    when:
      algorithms: [ecdsa-p256-sha256, ed25519]
      digests: [sha256]
      message_classes: [jwt]
      content: {issuer: ["https://example.com"]}
      max_lifetime: 5m
denials:
  - name: no-issue
    machines: ["**"]
    operations: [certificate.issue]
    when:
      older_than: 10d
      outside_hours: [{from: "08:00", to: "17:00"}]
      more_names_than: 2
      longer_than: 12h
  - name: no-sign
    machines: ["**"]
    operations: [key.sign]
    when:
      source: [198.51.100.0/24]
      longer_lifetime_than: 1m
)";

/// Each condition is one that analyses know: of each rule there is a request, it is what the rule
/// is about, and the rule's text has the condition.
void check_rule(const GrantPolicy& policy, RuleKind kind, const Rule& rule, ConditionSet& seen) {
  seen |= rule.terms->given;
  for (Operation operation : operations()) {
    if (!rule.terms->operations.has(operation)) continue;
    auto formula = formula_of(kind, rule, policy.rules().groups, operation);
    BOOST_REQUIRE_MESSAGE(formula, (formula ? "" : formula.error().message));
    RequestSearch search(operation, analysis_time());
    search.require(*std::move(formula));
    const auto example = search.find();
    BOOST_REQUIRE(example);
    BOOST_REQUIRE_MESSAGE(*example, rule.name << " " << name_of(operation));
    const ExampleRequest& request = **example;
    const Asked asked{request.machine, request.question, request.at};
    for_each_condition(asked_conditions(kind, *rule.terms, operation),
                       [&](const ConditionRow& row) {
                         const bool holds = kind == RuleKind::grant ? row.holds(*rule.terms, asked)
                                                                    : row.meets(*rule.terms, asked);
                         BOOST_TEST(holds, row.name << " of " << to_text(request));
                       });
  }
  const auto members = members_of(kind, rule);
  for_each_condition(rule.terms->given, [&](const ConditionRow& row) {
    const std::string name = (row.in_when ? "when." : "") + std::string(row.name);
    const bool found = std::any_of(members.begin(), members.end(), [&](const RuleMember& member) {
      return member.name == name && !member.values.empty();
    });
    BOOST_TEST(found, name);
  });
}

/// A condition that does not hold of a request is one by which a search can leave the rule: the
/// request that a negated formula finds with the rest of the rule fails exactly there.
void check_negations(const GrantPolicy& policy, const Rule& grant, Operation operation) {
  auto formula = formula_of(RuleKind::grant, grant, policy.rules().groups, operation);
  BOOST_REQUIRE(formula);
  for (std::size_t left_out = 1; left_out < formula->parts.size(); ++left_out) {
    RequestSearch search(operation, analysis_time());
    for (std::size_t i = 0; i < formula->parts.size(); ++i) {
      search.require(i == left_out ? negation(formula->parts[i]) : formula->parts[i]);
    }
    const auto example = search.find();
    BOOST_REQUIRE(example);
    BOOST_TEST_CONTEXT(grant.name << " " << name_of(operation) << ", condition " << left_out) {
      BOOST_REQUIRE(*example);
      const ExampleRequest& request = **example;
      const Asked asked{request.machine, request.question, request.at};
      std::size_t failed = 0;
      for_each_condition(
          asked_conditions(RuleKind::grant, *grant.terms, operation),
          [&](const ConditionRow& row) { failed += !row.holds(*grant.terms, asked); });
      BOOST_TEST(failed == 1u, to_text(request));
    }
  }
}

BOOST_AUTO_TEST_SUITE(analysis)

BOOST_AUTO_TEST_CASE(every_condition_is_known) {
  const auto policy = load_rules(std::string(kEverything));
  ConditionSet seen = 0;
  const PolicyRules rules = policy->rules();
  for (const Rule& rule : rules.grants) check_rule(*policy, RuleKind::grant, rule, seen);
  for (const Rule& rule : rules.denials) check_rule(*policy, RuleKind::denial, rule, seen);
  for (std::size_t i = 0; i < conditions().size(); ++i) {
    if (conditions()[i].name == "key_attested") continue;  // no policy can have it
    BOOST_TEST((seen >> i & 1) == 1u, conditions()[i].name << " is in no rule of this test");
  }
}

BOOST_AUTO_TEST_CASE(every_condition_can_fail_alone) {
  const auto policy = load_rules(std::string(kEverything));
  check_negations(*policy, policy->rules().grants[0], Operation::certificate_issue);
  check_negations(*policy, policy->rules().grants[1], Operation::key_sign);
}

// --- Why ---------------------------------------------------------------------------------------

constexpr std::string_view kExplained = R"(
roles: {operator: [ops]}
groups: {shop: {attributes: {team: [shop]}}}
grants:
  - name: web-tls
    machines: ["web-*"]
    operations: [certificate.issue]
    issuers: [ca]
    profiles: [tls]
    when: {dns_names: ["{machine.name}"], max_validity: 24h}
  - name: web-client
    machines: ["web-*"]
    operations: [certificate.issue]
    issuers: [ca]
    profiles: [client]
    when: {dns_names: ["{machine.name}"], max_validity: 1h, source: [192.0.2.0/24]}
  - name: shop-keys
    machines: ["group:shop"]
    operations: [key.sign]
    keys: ["shop.*"]
denials:
  - name: frozen
    machines: [web-9]
    operations: [certificate.issue]
)";

struct WhyRow {
  std::string name;
  Machine machine;
  PolicyQuestion question;
  bool allowed;
  Texts allowing, near, changes;
};

BOOST_AUTO_TEST_CASE(why) {
  const auto policy = load_rules(std::string(kExplained));
  PolicyQuestion longer = issuing("web-1", {"web-1"});
  longer.validity = std::chrono::hours(48);
  PolicyQuestion two = issuing("web-1", {"web-1", "db"});
  two.issuer = "other";
  const std::vector<WhyRow> rows = {
      {"allowed",
       machine_called("web-1"),
       issuing("web-1", {"web-1"}),
       true,
       {"web-tls"},
       {"web-client"},
       {}},
      {"another name",
       machine_called("web-1"),
       issuing("web-1", {"web-1", "db"}),
       false,
       {},
       {"web-tls", "web-client"},
       {"add \"db\" to when.dns_names of grant \"web-tls\"", "add \"client\" to profiles"}},
      {"too long",
       machine_called("web-1"),
       longer,
       false,
       {},
       {"web-tls", "web-client"},
       {"raise when.max_validity to 2d of grant \"web-tls\""}},
      {"two things",
       machine_called("web-1"),
       two,
       false,
       {},
       {"web-tls", "web-client"},
       {"add \"other\" to issuers and add \"db\" to when.dns_names of grant \"web-tls\""}},
      {"not in the group",
       machine_called("db"),
       signing("shop.a"),
       false,
       {},
       {},
       {"add \"db\" to machines of grant \"shop-keys\""}},
      {"denied",
       machine_called("web-9"),
       issuing("web-9", {"web-9"}),
       false,
       {"web-tls"},
       {"web-client"},
       {}},
  };
  for (const WhyRow& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const Explanation found = explain(*policy, row.machine, row.question, analysis_time());
      const Decision decision = policy->decide(row.machine, row.question, analysis_time());
      BOOST_TEST(found.allowed == row.allowed);
      BOOST_TEST(found.allowed == decision.allowed());
      BOOST_TEST(found.reason == decision.reason());
      BOOST_TEST(found.allowing == row.allowing, boost::test_tools::per_element());
      Texts near;
      for (const NearGrant& grant : found.near) near.push_back(grant.grant);
      BOOST_TEST(near == row.near, boost::test_tools::per_element());
      if (row.changes.empty()) {
        BOOST_TEST(found.changes.empty());
      } else {
        BOOST_REQUIRE(!found.changes.empty());
        BOOST_TEST(found.changes.front().text() == row.changes.front());
      }
    }
  }
  const Explanation denied =
      explain(*policy, machine_called("web-9"), issuing("web-9", {"web-9"}), analysis_time());
  BOOST_REQUIRE(denied.denials.size() == 1u);
  BOOST_TEST(denied.denials[0].denial == "frozen");
  const Explanation other =
      explain(*policy, machine_called("web-1"), issuing("web-1", {"web-1", "db"}), analysis_time());
  const FailedCondition& first = other.near.at(0).failed.at(0);
  BOOST_TEST(first.condition == "when.dns_names");
  BOOST_TEST(first.asked == "web-1, db");
  BOOST_TEST(first.allowed == "[\"{machine.name}\"]");
  BOOST_TEST(explain(*policy, machine_called("ops"), signing("x"), analysis_time()).roles ==
                 Texts{"operator"},
             boost::test_tools::per_element());
}

/// What is suggested makes the request allowed, whatever failed: each condition of one large grant.
BOOST_AUTO_TEST_CASE(a_change_for_every_condition) {
  const auto policy = load_rules(std::string(kEverything));
  std::size_t suggested = 0, conditions_seen = 0;
  for (const Rule& grant : policy->rules().grants) {
    const Operation operation =
        grant.name == "issue" ? Operation::certificate_issue : Operation::key_sign;
    auto formula = formula_of(RuleKind::grant, grant, policy->rules().groups, operation);
    BOOST_REQUIRE(formula);
    for (std::size_t failing = 1; failing < formula->parts.size(); ++failing) {
      RequestSearch search(operation, analysis_time());
      for (std::size_t i = 0; i < formula->parts.size(); ++i) {
        search.require(i == failing ? negation(formula->parts[i]) : formula->parts[i]);
      }
      for (const Rule& denial : policy->rules().denials) {
        auto denied = formula_of(RuleKind::denial, denial, {}, operation);
        BOOST_REQUIRE(denied);
        search.require(negation(*std::move(denied)));
      }
      const auto example = search.find();
      BOOST_REQUIRE(example && *example);
      const ExampleRequest& request = **example;
      ++conditions_seen;
      const Explanation found = explain(*policy, request.machine, request.question, request.at);
      BOOST_TEST(!found.allowed);
      BOOST_REQUIRE_EQUAL(found.near.size(), 1u);
      BOOST_TEST(found.near[0].failed.size() == 1u);
      suggested += found.changes.size();
      BOOST_TEST_MESSAGE(
          found.reason << " -> " << (found.changes.empty() ? "nothing" : found.changes[0].text()));
    }
  }
  BOOST_TEST(suggested >= 15u);
  BOOST_TEST(conditions_seen >= 20u);
}

// --- Who and what ------------------------------------------------------------------------------

Texts rules_of(const ReachAnswer& answer) {
  Texts rules;
  for (const ReachingRule& rule : answer.rules) {
    rules.push_back(rule.rule + " " + std::string(name_of(rule.operation)));
  }
  return rules;
}

BOOST_AUTO_TEST_CASE(who_can_do_something) {
  const auto policy = load_rules(std::string(kExplained));
  struct Row {
    std::string name;
    PolicyQuestion wanted;
    Texts rules, denials, known;
  };
  const std::vector<Machine> inventory = {machine_called("web-1"), machine_called("web-9"),
                                          machine_called("db")};
  PolicyQuestion tls{.operation = Operation::certificate_issue};
  tls.profile = "tls";
  PolicyQuestion tls_for_db = tls;
  tls_for_db.names.dns = {"db"};
  PolicyQuestion tls_for_web = tls;
  tls_for_web.names.dns = {"web-2"};
  const std::vector<Row> rows = {
      {"any certificate",
       {.operation = Operation::certificate_issue},
       {"grant:web-tls certificate.issue", "grant:web-client certificate.issue"},
       {"denial:frozen"},
       {"web-1"}},
      {"of one profile", tls, {"grant:web-tls certificate.issue"}, {"denial:frozen"}, {"web-1"}},
      {"for a name that nobody has", tls_for_db, {}, {}, {}},
      {"for another's name", tls_for_web, {"grant:web-tls certificate.issue"}, {}, {}},
      {"by a role",
       {.operation = Operation::certificate_revoke},
       {"role:operator certificate.revoke"},
       {},
       {}},
      {"a key", signing("shop.a"), {"grant:shop-keys key.sign"}, {}, {}},
      {"another key", signing("shop"), {}, {}, {}},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const auto answer = who_can(*policy, row.wanted, inventory, analysis_time());
      BOOST_REQUIRE(answer);
      BOOST_TEST(answer->exact());
      BOOST_TEST(rules_of(*answer) == row.rules, boost::test_tools::per_element());
      for (const ReachingRule& rule : answer->rules) {
        BOOST_TEST(
            policy->decide(rule.example.machine, rule.example.question, rule.example.at).allowed(),
            to_text(rule.example));
      }
      if (answer->rules.empty()) continue;
      BOOST_TEST(answer->rules[0].denials == row.denials, boost::test_tools::per_element());
      BOOST_TEST(answer->rules[0].known == row.known, boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(approvals_are_told) {
  const auto policy = load_rules(R"(
roles: {administrator: [boss, deputy]}
grants:
  - name: release
    machines: [ci]
    operations: [key.sign]
    keys: [release]
    quotas: [{limit: 5, per: day}]
    approvals: {needed: 2, from: [alice, bob]}
    break_glass: 1h
approvals:
  - name: policy-changes
    operations: [policy.change]
    needed: 1
    from: [role:administrator]
    expires: 3d
)");
  const Explanation release =
      explain(*policy, machine_called("ci"), signing("release"), analysis_time());
  BOOST_REQUIRE_EQUAL(release.duties.size(), 2U);
  BOOST_TEST(
      release.duties[0].starts_with("2 approvals (grant:release, from alice, bob), expires "),
      release.duties[0]);
  BOOST_TEST(release.duties[0].ends_with("; it is then open for 1h (break-glass)"),
             release.duties[0]);
  BOOST_TEST(release.duties[1].starts_with("at most 5 in "), release.duties[1]);
  const PolicyQuestion change{.operation = Operation::policy_change};
  const Texts asks = {"1 approval (approval:policy-changes, from role:administrator), expires 3d"};
  BOOST_TEST(explain(*policy, machine_called("boss"), change, analysis_time()).duties == asks,
             boost::test_tools::per_element());
  const auto answer = who_can(*policy, change, {}, analysis_time());
  BOOST_REQUIRE(answer && answer->rules.size() == 1);
  BOOST_TEST(answer->rules[0].duties == asks, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_would_do_where_no_grant_is_changed) {
  const auto policy = load_rules(R"(
denials:
  - {name: frozen, machines: [web-9], operations: [key.sign], keys: [a]}
grants:
  - {name: signs, machines: [web-9], operations: [key.sign], keys: [a]}
)");
  const Explanation denied =
      explain(*policy, machine_called("web-9"), signing("a"), analysis_time());
  BOOST_TEST(denied.hint.find("narrow denial \"frozen\"") != std::string::npos, denied.hint);
}

BOOST_AUTO_TEST_CASE(what_a_machine_can_do) {
  const auto policy = load_rules(std::string(kExplained));
  const auto rules_for = [&](const Machine& machine) {
    const auto answer = what_can(*policy, machine, analysis_time());
    BOOST_REQUIRE(answer);
    for (const ReachingRule& rule : answer->rules) {
      BOOST_TEST(rule.example.machine.name.text() == machine.name.text());
      BOOST_TEST(
          policy->decide(rule.example.machine, rule.example.question, rule.example.at).allowed());
    }
    return *answer;
  };
  // Its address is not one of web-client's.
  const ReachAnswer web = rules_for(machine_called("web-1"));
  BOOST_TEST(rules_of(web) == Texts{"grant:web-tls certificate.issue"},
             boost::test_tools::per_element());
  const Texts& conditions = web.rules.at(0).conditions;
  BOOST_TEST((std::find(conditions.begin(), conditions.end(), "when.dns_names: web-1") !=
              conditions.end()));
  BOOST_TEST(rules_for(machine_called("web-9")).rules.empty());
  Machine shop = machine_called("x");
  shop.attributes = {{"team", "shop"}};
  BOOST_TEST(rules_of(rules_for(shop)) == Texts{"grant:shop-keys key.sign"},
             boost::test_tools::per_element());
  BOOST_TEST(rules_for(machine_called("ops")).rules.size() > 5u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
