#include <set>

#include "analysis_fixture.h"
#include "policies/explanation.h"
#include "small_universe.h"

namespace chancery {
namespace {

Decision answer(const GrantPolicy& policy, const ExampleRequest& request) {
  return policy.decide(request.machine, request.question, request.at);
}

/// A rule of a small universe with one edit as it is suggested: 'add "a", "b" to when.dns_names',
/// 'raise when.max_validity to 2h', 'set when.owner to […]'. Empty where it cannot be applied.
std::string edited(std::string rule, const std::string& edit) {
  const std::size_t to = edit.rfind(" to ");
  const bool sets = edit.starts_with("set ");
  if (edit.starts_with("add ")) {
    const std::string values = edit.substr(4, to - 4), path = edit.substr(to + 4);
    const std::string name = path.substr(path.rfind('.') + 1);  // npos + 1: the whole
    const std::string list = " " + name + ": [";
    std::string brace = "{" + name + ": [";
    std::size_t at = rule.find(list);
    if (at != rule.npos) return rule.insert(at + list.size(), values + ", ");
    at = rule.find(brace);
    if (at != rule.npos) return rule.insert(at + brace.size(), values + ", ");
    at = rule.find("when: {");
    if (at == rule.npos || !path.starts_with("when.")) return {};
    const bool is_empty = rule[at + 7] == '}';
    return rule.insert(at + 7, name + ": [" + values + "]" + (is_empty ? "" : ", "));
  }
  if (!edit.starts_with("raise ") && !sets) return {};
  const std::size_t begin = edit.find(' ') + 1, middle = edit.find(" to ");
  const std::string path = edit.substr(begin, middle - begin), value = edit.substr(middle + 4);
  const std::string name = path.substr(path.rfind('.') + 1) + ": ";
  std::size_t at = rule.find(name);
  if (at != rule.npos) {
    at += name.size();
    return rule.replace(at, rule.find_first_of(",}", at) - at, value);
  }
  at = rule.find("when: {");
  if (at == rule.npos) return {};
  return rule.insert(at + 7, name + value + (rule[at + 7] == '}' ? "" : ", "));
}

BOOST_AUTO_TEST_SUITE(explained_universe)

class ExplainCheck {
 public:
  ExplainCheck(const SmallUniverse& universe, unsigned chosen)
      : universe_(universe), chosen_(chosen), policy_(load_rules(universe.policy(chosen))) {}

  void explain(const ExampleRequest& request) {
    BOOST_TEST_CONTEXT(to_text(request) << "\n" << universe_.policy(chosen_)) {
      const Decision decision = answer(*policy_, request);
      const Explanation found =
          chancery::explain(*policy_, request.machine, request.question, request.at);
      BOOST_TEST(found.allowed == decision.allowed());
      BOOST_TEST(found.grant == decision.grant());
      BOOST_TEST(found.reason == decision.reason());
      BOOST_TEST((found.denials.empty() || !found.allowed));
      if (!found.denials.empty() && decision.grant().starts_with("denial:")) {
        BOOST_TEST("denial:" + found.denials.front().denial == decision.grant());
      }
      if (found.allowed) {
        BOOST_TEST(found.changes.empty());
        return;
      }
      for (const SuggestedChange& change : found.changes) check(change, request);
      BOOST_TEST(std::is_sorted(found.changes.begin(), found.changes.end(),
                                [](const SuggestedChange& a, const SuggestedChange& b) {
                                  return a.edits.size() < b.edits.size();
                                }));
      check_smallest(found, request);
    }
  }

  std::size_t changes = 0, larger = 0, single = 0;

 private:
  /// The policy with these edits of one grant; null where it is none.
  std::shared_ptr<const GrantPolicy> with(const std::string& grant,
                                          const std::vector<std::string>& edits) const {
    SmallUniverse copy = universe_;
    std::string& rule = copy.rules[copy.position("grant:" + grant)];
    for (const std::string& edit : edits) rule = edited(rule, edit);
    if (rule.empty()) return nullptr;
    auto policy = load_policy("version: 1\n" + copy.policy(chosen_), open_vocabulary());
    return policy ? *policy : nullptr;
  }

  /// It allows the request, and less of it does not.
  void check(const SuggestedChange& change, const ExampleRequest& request) {
    ++changes;
    const auto policy = with(change.grant, change.edits);
    BOOST_REQUIRE_MESSAGE(policy, change.text());
    BOOST_TEST(answer(*policy, request).allowed(), change.text());
    if (change.edits.size() == 1) return;
    ++larger;
    for (std::size_t i = 0; i < change.edits.size(); ++i) {
      std::vector<std::string> fewer = change.edits;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      const auto less = with(change.grant, fewer);
      BOOST_TEST((!less || !answer(*less, request).allowed()), change.text() << " needs less");
    }
  }

  /// Where one edit of any grant would do, one edit is the first suggestion.
  void check_smallest(const Explanation& found, const ExampleRequest& request) {
    const PolicyQuestion& question = request.question;
    std::vector<std::string> edits;
    const auto add = [&](const std::string& value, const std::string& member) {
      if (!value.empty()) edits.push_back("add \"" + value + "\" to " + member);
    };
    add(request.machine.name.text(), "machines");
    add(question.key, "keys");
    add(request.machine.source, "when.source");
    for (const std::string& name : question.names.dns) add(name, "when.dns_names");
    add(question.subject.common_name, "when.common_names");
    if (question.validity) {
      edits.push_back("raise when.max_validity to " + format_duration(*question.validity));
    }
    edits.push_back("raise when.max_names to " + std::to_string(question.names.size()));
    if (question.message) {
      add(std::string(name_of(question.message->message_class)), "when.message_classes");
    }
    if (question.algorithm) {
      add(std::string(row(*question.algorithm).name), "when.algorithms");
    }
    for (const Rule& grant : policy_->rules().grants) {
      for (const std::string& edit : edits) {
        const bool is_raised = edit.starts_with("raise");
        const std::string member = edit.substr(is_raised ? 11 : 0, 9);
        const std::string& rule = universe_.rules[universe_.position("grant:" + grant.name)];
        if (is_raised && rule.find(member) == rule.npos) continue;  // it would be narrowed
        const auto policy = with(grant.name, {edit});
        if (!policy || !answer(*policy, request).allowed()) continue;
        ++single;
        const bool said = !found.changes.empty() && found.changes.front().edits.size() == 1;
        BOOST_TEST(said, edit << " of " << grant.name << " would do");
      }
    }
  }

  const SmallUniverse& universe_;
  unsigned chosen_;
  std::shared_ptr<const GrantPolicy> policy_;
};

BOOST_AUTO_TEST_CASE(explanations_of_all_requests) {
  const bool is_long = std::getenv("CHANCERY_LONG") != nullptr;
  std::size_t changes = 0, larger = 0, single = 0;
  for (const SmallUniverse& universe : small_universes()) {
    for (unsigned chosen = 1; chosen < universe.policies(); chosen += is_long ? 1 : 9) {
      ExplainCheck check(universe, chosen);
      for (std::size_t i = chosen % 7; i < universe.requests.size(); i += is_long ? 3 : 23) {
        check.explain(universe.requests[i]);
      }
      changes += check.changes;
      larger += check.larger;
      single += check.single;
    }
  }
  BOOST_TEST(changes > 300u);
  BOOST_TEST(larger > 20u);
  BOOST_TEST(single > 100u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
