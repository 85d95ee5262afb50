#include <cstdlib>
#include <map>

#include "naive_policy.h"
#include "policies/condition.h"
#include "policy_fixture.h"
#include "random_universe.h"

// Random policies and random requests: the engine and the naive reading give the same answer, name
// the same rule and ask for the same duties. What is compared is worth something only where each
// condition decides by itself often enough; that is counted.

namespace chancery {
namespace {

using namespace random_universe;

constexpr std::size_t kRequests = 40;

std::size_t policies_tried() {
  return std::getenv("CHANCERY_LONG") != nullptr ? 40'000 : 2'000;
}

std::string text_of(const NaivePolicy::Answer& answer) {
  std::string text = (answer.allowed ? "allowed by " : "refused by ") + answer.grant;
  for (const std::string& quota : answer.quotas) text += ", quota " + quota;
  return answer.approval.empty() ? text : text + ", approval " + answer.approval;
}

/// `call(policy, naive, chance, seed)` for each of many random policies.
template <class Call>
void with_policies(std::size_t count, Call call) {
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    Chance chance(seed);
    const NaivePolicy naive = random_policy(chance);
    const auto policy = load_policy(naive.yaml(), permissive_vocabulary());
    BOOST_REQUIRE_MESSAGE(policy, "seed " << seed << ": " << policy.error().message << "\n"
                                          << naive.yaml());
    call(**policy, naive, chance, seed);
  }
}

BOOST_AUTO_TEST_SUITE(naive)

BOOST_AUTO_TEST_CASE(the_engine_agrees_with_the_naive_reading) {
  std::map<std::string, std::size_t> seen;
  with_policies(policies_tried(), [&](const Policy& policy, const NaivePolicy& naive,
                                      Chance& chance, std::uint64_t seed) {
    for (std::size_t i = 0; i < kRequests; ++i) {
      const Request request = random_request(chance, naive);
      const auto& [machine, question, at] = request;
      const Decision decision = policy.decide(machine, question, at);
      const NaivePolicy::Answer answer = answer_of(decision);
      const NaivePolicy::Answer expected = naive.decide(machine, question, at);
      BOOST_REQUIRE_MESSAGE(answer == expected,
                            "seed " << seed << " request " << i << ": "
                                    << name_of(question.operation) << " by " << machine.name.text()
                                    << " at " << to_rfc3339_seconds(at) << ": " << text_of(answer)
                                    << " (" << decision.reason()
                                    << "), naive: " << text_of(expected) << "\n"
                                    << naive.yaml());
      BOOST_REQUIRE(decision.allowed() == decision.reason().empty());
      const std::string grant = decision.grant().substr(0, decision.grant().find(':'));
      const bool by_rule = grant.starts_with("g");
      ++seen[(decision.allowed() ? "allowed by " : "refused by ") + (by_rule ? "grant" : grant)];
      ++seen[answer.quotas.empty() ? "without quotas" : "with quotas"];
      ++seen[answer.approval.empty() ? "without approval" : "with approval"];
    }
  });
  // The universe is worth nothing where hardly anything meets.
  for (const char* what :
       {"allowed by grant", "refused by grant", "allowed by role", "refused by role",
        "refused by denial", "refused by builtin", "refused by ", "with quotas", "with approval"}) {
    BOOST_TEST_CONTEXT(what) BOOST_TEST(seen[what] > 200U);
    BOOST_TEST_MESSAGE(seen[what] << " " << what);
  }
}

BOOST_AUTO_TEST_CASE(approvers_are_the_same) {
  std::size_t yes = 0, no = 0;
  with_policies(2'000, [&](const Policy& policy, const NaivePolicy& naive, Chance& chance,
                           std::uint64_t seed) {
    Texts rules = {"grant:none", "approval:none", "g0"};
    for (const NaiveRule& rule : naive.grants) rules.push_back("grant:" + rule.name);
    for (const NaiveRule& rule : naive.approvals) rules.push_back("approval:" + rule.name);
    for (const std::string& rule : rules) {
      const Machine approver = random_machine(chance, now());
      const bool expected = naive.may_approve(rule, approver);
      BOOST_REQUIRE_MESSAGE(policy.may_approve(rule, approver) == expected,
                            "seed " << seed << " " << rule << " by " << approver.text() << "\n"
                                    << naive.yaml());
      ++(expected ? yes : no);
    }
  });
  BOOST_TEST(yes > 500U);
  BOOST_TEST(no > 500U);
}

/// Of each condition: in how many decisions the answer would be another one if only this condition
/// had the defect, and so how often the comparison above would notice the defect in the engine.
BOOST_AUTO_TEST_CASE(each_condition_decides_often) {
  constexpr std::size_t kEnough = 10;
  std::map<NaiveCondition, std::map<NaiveDefectKind, std::size_t>> noticed;
  const std::vector<NaiveDefectKind> kinds = {NaiveDefectKind::turned, NaiveDefectKind::always,
                                              NaiveDefectKind::never};
  with_policies(1'500, [&](const Policy&, const NaivePolicy& naive, Chance& chance, std::uint64_t) {
    for (std::size_t i = 0; i < kRequests; ++i) {
      const auto [machine, question, at] = random_request(chance, naive);
      std::set<NaiveCondition> judged;
      const NaivePolicy::Answer answer = naive.decide(machine, question, at, &judged);
      for (const NaiveCondition& condition : judged) {
        for (NaiveDefectKind kind : kinds) {
          const NaiveDefect defect{condition, kind};
          const auto other = naive.decide(machine, question, at, nullptr, &defect);
          noticed[condition][kind] += other != answer;
        }
      }
    }
  });
  for (const ConditionRow& row : conditions()) {
    if (row.name == "key_attested") continue;  // refused when a policy is loaded
    for (RuleKind rule : {RuleKind::grant, RuleKind::denial}) {
      if (!row.is_for(rule)) continue;
      const NaiveCondition condition{rule == RuleKind::grant, row.name};
      for (NaiveDefectKind kind : kinds) {
        BOOST_TEST_CONTEXT(row.name << " of " << name_of(rule) << "s, defect "
                                    << static_cast<int>(kind)) {
          BOOST_TEST(noticed[condition][kind] >= kEnough);
        }
      }
      BOOST_TEST_MESSAGE(row.name << " of " << name_of(rule)
                                  << "s: " << noticed[condition][kinds[0]] << " turned round, "
                                  << noticed[condition][kinds[1]] << " always, "
                                  << noticed[condition][kinds[2]] << " never");
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
