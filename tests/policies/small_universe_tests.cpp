#include <map>
#include <set>

#include "analysis_fixture.h"
#include "policies/policy_conflicts.h"
#include "policies/reach.h"
#include "small_universe.h"

namespace chancery {
namespace {

using Kind = PolicyConflict::Kind;
using Policies = std::shared_ptr<const GrantPolicy>;

/// Of every so many policies where a test would take too long.
unsigned step(unsigned otherwise) {
  return std::getenv("CHANCERY_LONG") != nullptr ? 1 : otherwise;
}

/// "grant:NAME" or "role:NAME" of what allowed.
std::string rule_of(const Decision& decision) {
  return decision.grant().starts_with("role:") ? decision.grant() : "grant:" + decision.grant();
}

Decision answer(const GrantPolicy& policy, const ExampleRequest& request) {
  return policy.decide(request.machine, request.question, request.at);
}

std::vector<Decision> answers(const GrantPolicy& policy, const SmallUniverse& universe) {
  std::vector<Decision> all;
  for (const ExampleRequest& request : universe.requests) all.push_back(answer(policy, request));
  return all;
}

std::string duties_text(const Decision& decision) {
  std::string text;
  if (decision.duties() == nullptr) return text;
  for (const QuotaUse& use : decision.duties()->quotas) {
    text += std::to_string(use.limit) + "/" + std::to_string(use.window.count()) + " ";
  }
  return text + (decision.duties()->approval ? decision.duties()->approval->rule : "");
}

/// What the universe shows of one rule of a policy.
struct Shown {
  bool decides = false;     ///< of a denial: something is refused only by it
  bool is_met = false;      ///< some request is what it is about
  bool is_allowed = false;  ///< of a grant: something of it is allowed, by whatever
  bool same_duties = true;
};

Shown show_grant(const SmallUniverse& universe, const std::vector<Decision>& decisions,
                 const std::vector<Decision>& alone, const std::string& grant) {
  Shown shown;
  for (std::size_t i = 0; i < universe.requests.size(); ++i) {
    if (!alone[i].allowed()) continue;
    shown.is_met = true;
    if (!decisions[i].allowed()) continue;
    shown.is_allowed = true;
    shown.decides = shown.decides || rule_of(decisions[i]) == grant;
    shown.same_duties = shown.same_duties && duties_text(alone[i]) == duties_text(decisions[i]);
  }
  return shown;
}

std::optional<Kind> expected_of_grant(const Shown& shown) {
  if (shown.decides) return std::nullopt;
  if (!shown.is_met) return Kind::contradictory;
  if (!shown.is_allowed) return Kind::unreachable;
  return shown.same_duties ? Kind::redundant : Kind::shadowed;
}

BOOST_AUTO_TEST_SUITE(small_universe)

/// Each rule of each policy: what is said of it is what all requests of the universe show, and
/// nothing is said of a rule that does something there.
BOOST_AUTO_TEST_CASE(conflicts_against_all_requests) {
  std::map<Kind, std::size_t> seen;
  std::size_t quiet = 0;
  for (const SmallUniverse& universe : small_universes()) {
    std::vector<std::vector<Decision>> alone;
    for (unsigned i = 0; i < universe.rules.size(); ++i) {
      alone.push_back(answers(*load_rules(universe.policy(1u << i)), universe));
    }
    for (unsigned chosen = 0; chosen < universe.policies(); ++chosen) {
      const std::string text = universe.policy(chosen);
      const auto policy = load_rules(text);
      const std::vector<Decision> decisions = answers(*policy, universe);
      const PolicyConflicts found = conflicts(*policy, analysis_time());
      BOOST_TEST(found.doubts.empty(), (found.doubts.empty() ? "" : found.doubts.front()) << text);
      std::map<std::string, Kind> said;
      for (const PolicyConflict& conflict : found.conflicts) {
        if (conflict.kind == Kind::unused_group) continue;
        BOOST_TEST(said.emplace(conflict.rule, conflict.kind).second, conflict.rule << text);
        BOOST_TEST(chosen >> universe.position(conflict.rule) & 1, conflict.rule);
        ++seen[conflict.kind];
      }
      for (const Rule& grant : policy->rules().grants) {
        const std::string name = "grant:" + grant.name;
        const auto expected = expected_of_grant(
            show_grant(universe, decisions, alone[universe.position(name)], name));
        const auto here = said.find(name);
        const bool same =
            expected ? here != said.end() && here->second == *expected : here == said.end();
        quiet += !expected;
        if (!same) {
          BOOST_ERROR(name << " is " << (expected ? name_of(*expected) : "in use") << ", said is "
                           << (here == said.end() ? "nothing" : name_of(here->second)) << "\n"
                           << text);
        }
      }
      for (const Rule& denial : policy->rules().denials) {
        const std::string name = "denial:" + denial.name;
        const auto without = answers(
            *load_rules(universe.policy(chosen & ~(1u << universe.position(name)))), universe);
        bool decides = false;
        for (std::size_t i = 0; i < without.size(); ++i) {
          // What two denials refuse is the first one's.
          decides = decides || (decisions[i].grant() == name && without[i].allowed()) ||
                    (decisions[i].grant() == name && without[i].grant().starts_with("denial:") &&
                     answer(*load_rules(universe.policy(chosen & ~universe.denials())),
                            universe.requests[i])
                         .allowed());
        }
        quiet += decides;
        const auto here = said.find(name);
        if (decides != (here == said.end())) {
          BOOST_ERROR(name << (decides ? " refuses something" : " refuses nothing") << "\n"
                           << text);
        }
      }
    }
  }
  for (Kind kind : {Kind::redundant, Kind::shadowed, Kind::unreachable, Kind::ineffective}) {
    BOOST_TEST(seen[kind] > 5u, name_of(kind) << ": " << seen[kind]);
  }
  BOOST_TEST(quiet > 500u);
}

/// What is asked of a request: of which key, which names, which message class.
PolicyQuestion wanted_of(const PolicyQuestion& question) {
  PolicyQuestion wanted{.operation = question.operation};
  wanted.key = question.key;
  wanted.names.dns = question.names.dns;
  if (question.message) {
    wanted.message.emplace();
    wanted.message->message_class = question.message->message_class;
  }
  return wanted;
}
bool asks(const PolicyQuestion& question, const PolicyQuestion& wanted) {
  const auto has = [&](const std::string& name) {
    return std::find(question.names.dns.begin(), question.names.dns.end(), name) !=
           question.names.dns.end();
  };
  if (wanted.message &&
      (!question.message || question.message->message_class != wanted.message->message_class)) {
    return false;
  }
  return question.operation == wanted.operation && question.key == wanted.key &&
         std::all_of(wanted.names.dns.begin(), wanted.names.dns.end(), has);
}
std::string text_of(const PolicyQuestion& wanted) {
  std::string text = std::string(name_of(wanted.operation)) + " " + wanted.key;
  for (const std::string& name : wanted.names.dns) text += " " + name;
  return text + (wanted.message ? " " + std::string(name_of(wanted.message->message_class)) : "");
}

bool is_same(const Machine& a, const Machine& b) {
  return a.name == b.name && a.spiffe_id == b.spiffe_id && a.source == b.source &&
         a.attributes == b.attributes && a.certificate_since == b.certificate_since;
}
bool has(const std::vector<Machine>& machines, const Machine& one) {
  return std::any_of(machines.begin(), machines.end(),
                     [&](const Machine& machine) { return is_same(machine, one); });
}

/// The machines of the universe as an inventory would have them: each once, from anywhere.
std::vector<Machine> inventory_of(const SmallUniverse& universe) {
  std::vector<Machine> machines;
  for (const ExampleRequest& request : universe.requests) {
    Machine machine = request.machine;
    machine.source.clear();
    if (machine.name.empty() || machine.certificate_since) continue;
    if (!has(machines, machine)) machines.push_back(std::move(machine));
  }
  return machines;
}

/// The rules that are said to reach a thing are those that allow it in the universe, or their
/// example does: alone (it is of the rule) and within the policy.
class ReachCheck {
 public:
  ReachCheck(const SmallUniverse& universe, unsigned chosen)
      : universe_(universe),
        chosen_(chosen),
        policy_(load_rules(universe.policy(chosen))),
        decisions_(answers(*policy_, universe)) {}

  void who_can(const std::vector<Machine>& inventory) {
    std::set<std::string> done;
    for (const ExampleRequest& request : universe_.requests) {
      const PolicyQuestion wanted = wanted_of(request.question);
      if (!done.insert(text_of(wanted)).second) continue;
      const auto found = chancery::who_can(*policy_, wanted, inventory, analysis_time());
      BOOST_REQUIRE_MESSAGE(found, (found ? "" : found.error().message));
      BOOST_TEST(found->exact(), (found->exact() ? "" : found->doubts.front()) << text_of(wanted));
      std::set<std::string> named;
      for (const ReachingRule& rule : found->rules) {
        named.insert(rule.rule);
        check_example(rule);
        BOOST_TEST(asks(rule.example.question, wanted), to_text(rule.example));
        check_known(rule, wanted, inventory);
      }
      for (std::size_t i = 0; i < decisions_.size(); ++i) {
        if (!decisions_[i].allowed() || !asks(universe_.requests[i].question, wanted)) continue;
        ++compared;
        if (named.contains(rule_of(decisions_[i]))) continue;
        BOOST_ERROR(text_of(wanted) << ": " << rule_of(decisions_[i]) << " is missing\n"
                                    << universe_.policy(chosen_));
      }
    }
  }

  void what_can(const Machine& machine) {
    const auto found = chancery::what_can(*policy_, machine, analysis_time());
    BOOST_REQUIRE_MESSAGE(found, (found ? "" : found.error().message));
    BOOST_TEST(found->exact());
    std::set<std::pair<std::string, Operation>> named;
    for (const ReachingRule& rule : found->rules) {
      named.emplace(rule.rule, rule.operation);
      check_example(rule);
      BOOST_TEST((rule.example.machine.name == machine.name));
      BOOST_TEST((rule.example.machine.attributes == machine.attributes));
    }
    for (std::size_t i = 0; i < decisions_.size(); ++i) {
      const ExampleRequest& request = universe_.requests[i];
      if (!decisions_[i].allowed() || !is_same(request.machine, machine)) continue;
      // Its certificate grows older: what it could do before is nothing that it can do.
      if (machine.certificate_since && request.at < analysis_time()) continue;
      ++compared;
      BOOST_TEST(named.contains({rule_of(decisions_[i]), request.question.operation}),
                 to_text(request) << "\n"
                                  << universe_.policy(chosen_));
    }
  }

  std::size_t compared = 0, machines = 0;

 private:
  void check_example(const ReachingRule& rule) const {
    BOOST_TEST(answer(*policy_, rule.example).allowed(), to_text(rule.example));
    if (!rule.rule.starts_with("grant:")) return;
    const auto alone = load_rules(universe_.policy(1u << universe_.position(rule.rule)));
    BOOST_TEST(answer(*alone, rule.example).allowed(), rule.rule << to_text(rule.example));
  }

  /// By this rule: what it allows alone, and the policy too.
  void check_known(const ReachingRule& rule, const PolicyQuestion& wanted,
                   const std::vector<Machine>& inventory) {
    if (!rule.rule.starts_with("grant:")) return;
    const auto alone = load_rules(universe_.policy(1u << universe_.position(rule.rule)));
    std::vector<std::string> expected;
    for (const Machine& machine : inventory) {
      bool can = false;
      for (std::size_t i = 0; i < decisions_.size() && !can; ++i) {
        ExampleRequest request = universe_.requests[i];
        if (!decisions_[i].allowed() || !asks(request.question, wanted)) continue;
        request.machine.source.clear();
        if (!is_same(request.machine, machine)) continue;
        can = answer(*alone, universe_.requests[i]).allowed();
      }
      if (can) expected.push_back(machine.text());
    }
    machines += expected.size();
    BOOST_TEST_CONTEXT(text_of(wanted) << " by " << rule.rule << "\n"
                                       << universe_.policy(chosen_)) {
      BOOST_TEST(rule.known == expected, boost::test_tools::per_element());
    }
  }

  const SmallUniverse& universe_;
  unsigned chosen_;
  Policies policy_;
  std::vector<Decision> decisions_;
};

BOOST_AUTO_TEST_CASE(who_can_against_all_requests) {
  std::size_t compared = 0, machines = 0;
  for (const SmallUniverse& universe : small_universes()) {
    const std::vector<Machine> inventory = inventory_of(universe);
    for (unsigned chosen = 1; chosen < universe.policies(); chosen += step(13)) {
      ReachCheck check(universe, chosen);
      check.who_can(inventory);
      compared += check.compared;
      machines += check.machines;
    }
  }
  BOOST_TEST(compared > 500u);
  BOOST_TEST(machines > 100u);
}

BOOST_AUTO_TEST_CASE(what_can_against_all_requests) {
  std::size_t compared = 0;
  for (const SmallUniverse& universe : small_universes()) {
    for (unsigned chosen = 1; chosen < universe.policies(); chosen += step(5)) {
      ReachCheck check(universe, chosen);
      std::vector<Machine> done;
      for (const ExampleRequest& request : universe.requests) {
        if (has(done, request.machine)) continue;
        done.push_back(request.machine);
        if (done.size() % step(3) == 0) check.what_can(request.machine);
      }
      compared += check.compared;
    }
  }
  BOOST_TEST(compared > 100u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
