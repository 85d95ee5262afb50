#include <map>
#include <set>

#include "analysis_fixture.h"
#include "policies/policy_conflicts.h"
#include "policies/reach.h"
#include "small_universe.h"

namespace chancery {
namespace {

using Kind = PolicyConflict::Kind;

/// "grant:NAME" or "role:NAME" of what allowed.
std::string rule_of(const Decision& decision) {
  return decision.grant().starts_with("role:") ? decision.grant() : "grant:" + decision.grant();
}

std::vector<Decision> answers(const GrantPolicy& policy, const SmallUniverse& universe) {
  std::vector<Decision> all;
  for (const ExampleRequest& request : universe.requests) {
    all.push_back(policy.decide(request.machine, request.question, request.at));
  }
  return all;
}

BOOST_AUTO_TEST_SUITE(small_universe)

/// A grant that never decides decides no request, and every other grant decides some (which the
/// analysis itself has decided); a denial without effect can go.
BOOST_AUTO_TEST_CASE(conflicts_against_all_requests) {
  std::map<Kind, std::size_t> seen;
  for (const SmallUniverse& universe : small_universes()) {
    for (unsigned chosen = 0; chosen < universe.policies(); ++chosen) {
      const std::string text = universe.policy(chosen);
      const auto policy = load_rules(text);
      const std::vector<Decision> decisions = answers(*policy, universe);
      std::set<std::string> deciding;
      for (const Decision& decision : decisions) {
        if (decision.allowed()) deciding.insert(rule_of(decision));
      }
      const PolicyConflicts found = conflicts(*policy, analysis_time());
      BOOST_TEST(found.doubts.empty(), (found.doubts.empty() ? "" : found.doubts.front()) << text);
      for (const PolicyConflict& conflict : found.conflicts) {
        ++seen[conflict.kind];
        BOOST_TEST(!deciding.contains(conflict.rule), conflict.text << "\n" << text);
        if (!conflict.rule.starts_with("denial:")) continue;
        for (std::size_t i = 0; i < universe.rules.size(); ++i) {
          const std::string& rule = universe.rules[i];
          if (rule.find("name: " + conflict.rule.substr(7) + ",") == rule.npos) continue;
          const auto without = answers(*load_rules(universe.policy(chosen & ~(1u << i))), universe);
          for (std::size_t r = 0; r < without.size(); ++r) {
            if (without[r].allowed() != decisions[r].allowed()) BOOST_ERROR(conflict.text << text);
          }
        }
      }
    }
  }
  BOOST_TEST(seen[Kind::redundant] > 20u);
  BOOST_TEST(seen[Kind::ineffective] > 20u);
}

/// Whatever allows a request of the universe is among those that can do what it asks.
BOOST_AUTO_TEST_CASE(who_can_against_all_requests) {
  std::size_t compared = 0;
  for (const SmallUniverse& universe : small_universes()) {
    const unsigned step = std::getenv("CHANCERY_LONG") != nullptr ? 1 : 5;
    for (unsigned chosen = 0; chosen < universe.policies(); chosen += step) {
      const auto policy = load_rules(universe.policy(chosen));
      const std::vector<Decision> decisions = answers(*policy, universe);
      std::map<std::string, std::set<std::string>> known;  // by what is asked
      for (std::size_t i = 0; i < decisions.size(); ++i) {
        if (!decisions[i].allowed()) continue;
        const PolicyQuestion& question = universe.requests[i].question;
        PolicyQuestion wanted{.operation = question.operation};
        wanted.key = question.key;
        wanted.names.dns = question.names.dns;
        std::string asked = std::string(name_of(wanted.operation)) + wanted.key;
        for (const std::string& name : wanted.names.dns) asked += " " + name;
        if (!known.contains(asked)) {
          const auto answer = who_can(*policy, wanted, {}, analysis_time());
          BOOST_REQUIRE(answer);
          BOOST_TEST(answer->exact());
          for (const ReachingRule& rule : answer->rules) known[asked].insert(rule.rule);
        }
        ++compared;
        if (!known[asked].contains(rule_of(decisions[i]))) {
          BOOST_ERROR(asked << ": " << rule_of(decisions[i]) << " is missing\n"
                            << universe.policy(chosen));
        }
      }
    }
  }
  BOOST_TEST(compared > 500u);
}

/// What one machine can do has everything that allowed it something.
BOOST_AUTO_TEST_CASE(what_can_against_all_requests) {
  std::size_t compared = 0;
  for (const SmallUniverse& universe : small_universes()) {
    const unsigned step = std::getenv("CHANCERY_LONG") != nullptr ? 1 : 5;
    for (unsigned chosen = 1; chosen < universe.policies(); chosen += step) {
      const auto policy = load_rules(universe.policy(chosen));
      const std::vector<Decision> decisions = answers(*policy, universe);
      for (std::size_t i = 0; i < decisions.size(); i += 7) {
        if (!decisions[i].allowed()) continue;
        const ExampleRequest& request = universe.requests[i];
        const auto answer = what_can(*policy, request.machine, analysis_time());
        BOOST_REQUIRE(answer);
        ++compared;
        const bool found =
            std::any_of(answer->rules.begin(), answer->rules.end(), [&](const ReachingRule& rule) {
              return rule.rule == rule_of(decisions[i]) &&
                     rule.operation == request.question.operation;
            });
        BOOST_TEST(found, to_text(request) << "\n" << universe.policy(chosen));
      }
    }
  }
  BOOST_TEST(compared > 100u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
