#include "analysis_fixture.h"
#include "policies/policy_diff.h"
#include "small_universe.h"

namespace chancery {
namespace {

using Kind = DiffRegion::Kind;
using Texts = std::vector<std::string>;

PolicyDiff diff_of(const std::string& before, const std::string& after) {
  const auto old = load_rules(before), now = load_rules(after);
  auto found = diff(*old, *now, analysis_time());
  BOOST_REQUIRE_MESSAGE(found, (found ? "" : found.error().message));
  for (const DiffRegion& region : found->regions) {
    const ExampleRequest& example = region.example;
    const Decision a = old->decide(example.machine, example.question, example.at);
    const Decision b = now->decide(example.machine, example.question, example.at);
    BOOST_TEST_CONTEXT(to_text(example)) {
      BOOST_TEST(a.allowed() == (region.kind != Kind::allowed));
      BOOST_TEST(b.allowed() == (region.kind != Kind::refused));
    }
  }
  return *std::move(found);
}

/// "allowed grant:web key.sign", one a line, without repetition.
Texts summary(const PolicyDiff& found) {
  Texts lines;
  for (const DiffRegion& region : found.regions) {
    lines.push_back(std::string(name_of(region.kind)) + " " + region.rule + " " +
                    std::string(name_of(region.operation)));
  }
  return lines;
}

std::string tls(const std::string& name, const std::string& machines, const std::string& when) {
  return "  - {name: " + name + ", machines: [" + machines +
         "], operations: [certificate.issue], issuers: [ca], profiles: [tls], when: {" + when +
         "}}\n";
}
std::string key(const std::string& name, const std::string& machines, const std::string& keys,
                const std::string& when = "") {
  return "  - {name: " + name + ", machines: [" + machines + "], operations: [key.sign], keys: [" +
         keys + "]" + (when.empty() ? "" : ", when: {" + when + "}") + "}\n";
}

struct DiffRow {
  std::string name, before, after;
  Texts expected;
  bool exact = true;
};

BOOST_AUTO_TEST_SUITE(policy_diffs)

BOOST_AUTO_TEST_CASE(what_differs) {
  const std::string grants = "grants:\n";
  const std::vector<DiffRow> rows = {
      {"nothing", grants + key("a", "x", "k"), grants + key("a", "x", "k"), {}},
      {"the same in another order",
       grants + key("a", "x", "k") + key("b", "y", "k"),
       grants + key("b", "y", "k") + key("a", "x", "k"),
       {}},
      {"another name", grants + key("a", "x", "k"), grants + key("b", "x", "k"), {}},
      {"a key more",
       grants + key("a", "x", "k"),
       grants + key("a", "x", "k, l"),
       {"allowed grant:a key.sign"}},
      {"a key less",
       grants + key("a", "x", "k, l"),
       grants + key("a", "x", "k"),
       {"refused grant:a key.sign"}},
      {"the same in two grants",
       grants + key("a", "x", "k, l"),
       grants + key("a", "x", "k") + key("b", "x", "l"),
       {}},
      {"the same by patterns",
       grants + key("a", "x", "'**'"),
       grants + key("a", "x", "'*'") + key("b", "x", "'*.**'"),
       {}},
      {"patterns that leave one out",
       grants + key("a", "x", "'**'"),
       grants + key("a", "x", "'*'") + key("b", "x", "'*.*'"),
       {"refused grant:a key.sign"}},
      {"a machine's own keys are among all that are named so",
       grants + key("a", "'web-*'", "'web-*.k'"),
       grants + key("a", "'web-*'", "'web-*.k', '{machine.name}.k'"),
       {}},
      {"but not where the machine is called otherwise",
       grants + key("a", "'**'", "'web-*.k'"),
       grants + key("a", "'**'", "'web-*.k', '{machine.name}.k'"),
       {"allowed grant:a key.sign"}},
      {"two places of insertion are no proof",
       grants + key("a", "'**'", "'{machine.name}.*', '*.{machine.name}', '**'"),
       grants + key("a", "'**'", "'**'"),
       {},
       false},
      {"a denial",
       grants + key("a", "'**'", "k"),
       grants + key("a", "'**'", "k") +
           "denials:\n  - {name: d, machines: [x], operations: [key.sign]}\n",
       {"refused denial:d key.sign"}},
      {"a denial of what nothing allows",
       grants + key("a", "y", "k"),
       grants + key("a", "y", "k") +
           "denials:\n  - {name: d, machines: [y], operations: [key.sign], keys: [l]}\n",
       {}},
      {"a denial that is gone",
       grants + key("a", "'**'", "k") +
           "denials:\n  - {name: d, operations: [key.sign], when: {source: [10.0.0.0/8]}}\n",
       grants + key("a", "'**'", "k"),
       {"allowed denial:d key.sign"}},
      {"networks in halves",
       grants + key("a", "x", "k", "source: [10.0.0.0/8]"),
       grants + key("a", "x", "k", "source: [10.0.0.0/9]") +
           key("b", "x", "k", "source: [10.128.0.0/9]"),
       {}},
      {"networks with a hole",
       grants + key("a", "x", "k", "source: [10.0.0.0/8]"),
       grants + key("a", "x", "k", "source: [10.0.0.0/9]") +
           key("b", "x", "k", "source: [10.192.0.0/10]"),
       {"refused grant:a key.sign"}},
      {"validity",
       grants + tls("a", "x", "dns_names: [n], max_validity: 24h"),
       grants + tls("a", "x", "dns_names: [n], max_validity: 48h"),
       {"allowed grant:a certificate.issue"}},
      {"a validity is needed where there was none",
       grants + tls("a", "x", "dns_names: [n]"),
       grants + tls("a", "x", "dns_names: [n], max_validity: 36500d"),
       {"refused grant:a certificate.issue"}},
      {"two names together",
       grants + tls("a", "x", "dns_names: [n, m]"),
       grants + tls("a", "x", "dns_names: [n]") + tls("b", "x", "dns_names: [m]"),
       {"refused grant:a certificate.issue"}},
      {"two names together where one is the most",
       grants + tls("a", "x", "dns_names: [n, m], max_names: 1"),
       grants + tls("a", "x", "dns_names: [n], max_names: 1") +
           tls("b", "x", "dns_names: [m], max_names: 1"),
       {}},
      {"the number of names",
       grants + tls("a", "x", "dns_names: ['*.n.org'], max_names: 3"),
       grants + tls("a", "x", "dns_names: ['*.n.org'], max_names: 4"),
       {"allowed grant:a certificate.issue"}},
      {"the number of names that there are",
       grants + tls("a", "x", "dns_names: [n, m], max_names: 2"),
       grants + tls("a", "x", "dns_names: [n, m], max_names: 4"),
       {}},
      {"common names by silence",
       grants + tls("a", "x", "dns_names: [n]"),
       grants + tls("a", "x", "dns_names: [n], common_names: [n, x]"),
       {"allowed grant:a certificate.issue"}},
      {"hours",
       grants + key("a", "x", "k", "hours: [{from: '08:00', to: '18:00'}]"),
       grants + key("a", "x", "k",
                    "hours: [{from: '08:00', to: '12:00'}, {from: '12:00', to: '18:00'}]"),
       {}},
      {"hours and a minute",
       grants + key("a", "x", "k", "hours: [{from: '08:00', to: '18:00'}]"),
       grants + key("a", "x", "k", "hours: [{from: '08:00', to: '18:01'}]"),
       {"allowed grant:a key.sign"}},
      {"dates",
       grants + key("a", "x", "k", "valid_until: 2031-01-01T00:00:00Z"),
       grants + key("a", "x", "k", "valid_until: 2030-01-01T00:00:00Z"),
       {"refused grant:a key.sign"}},
      {"dates that meet",
       grants + key("a", "x", "k"),
       grants + key("a", "x", "k", "valid_until: 2030-01-01T00:00:00Z") +
           key("b", "x", "k", "valid_from: 2030-01-01T00:00:00Z"),
       {}},
      {"message classes",
       grants + key("a", "x", "k", "message_classes: [jwt]"),
       grants + key("a", "x", "k", "message_classes: [jwt, data]"),
       {"allowed grant:a key.sign"}},
      {"content",
       grants + key("a", "x", "k", "content: {issuer: ['https://a/*']}"),
       grants + key("a", "x", "k", "content: {issuer: ['https://a/**']}"),
       {"allowed grant:a key.sign"}},
      {"attributes and groups are the same",
       "groups: {g: {attributes: {team: [shop]}}}\ngrants:\n" + key("a", "'group:g'", "k"),
       grants + key("a", "'attribute:team=shop'", "k"),
       {}},
      {"an attribute that the patterns insert",
       grants + key("a", "'**'", "'{machine.attribute.team}.k'"),
       grants + key("a", "'**'", "'{machine.attribute.team}.k', 'shop.k'"),
       {"allowed grant:a key.sign"}},
      {"a role", "roles: {auditor: [x]}\n", "roles: {auditor: [y]}\n", {}},
      {"quotas",
       grants + key("a", "x", "k"),
       grants + "  - {name: a, machines: [x], operations: [key.sign], keys: [k], "
                "quotas: [{limit: 1, per: hour}]}\n",
       {"duties grant:a key.sign", "duties grant:a key.sign"}},
  };
  for (const DiffRow& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const PolicyDiff found = diff_of(row.before, row.after);
      if (row.name == "a role") {
        BOOST_TEST(found.regions.size() > 4u);
        continue;
      }
      const Texts lines = summary(found);
      BOOST_TEST(lines == row.expected, boost::test_tools::per_element());
      for (const DiffRegion& region : found.regions) BOOST_TEST_MESSAGE(to_text(region.example));
      BOOST_TEST(found.exact() == row.exact, (found.exact() ? "" : found.doubts.front()));
    }
  }
}

// --- Everything of a small universe ------------------------------------------------------------

/// Empty of a refusal; else what is asked for.
std::string answer_text(const GrantPolicy& policy, const ExampleRequest& request) {
  const Decision decision = policy.decide(request.machine, request.question, request.at);
  if (!decision.allowed()) return {};
  std::string text = "allowed";
  if (decision.duties() == nullptr) return text;
  for (const QuotaUse& use : decision.duties()->quotas) text += " " + std::to_string(use.limit);
  const auto& approval = decision.duties()->approval;
  return approval ? text + " " + approval->rule : text;
}

/// Policies of some rules against each other, in the long run every one against every other: where
/// a request of the universe is answered differently, the diff says so, and what the diff says is
/// so (diff_of() sees to that).
BOOST_AUTO_TEST_CASE(against_all_requests_of_small_universes) {
  for (const SmallUniverse& universe : small_universes()) {
    const unsigned policies = 1u << universe.rules.size();
    std::vector<std::vector<std::string>> answers(policies);
    std::vector<std::string> texts(policies);
    for (unsigned i = 0; i < policies; ++i) {
      texts[i] = universe.policy(i);
      const auto policy = load_rules(texts[i]);
      for (const ExampleRequest& request : universe.requests) {
        answers[i].push_back(answer_text(*policy, request));
      }
    }
    std::size_t differ = 0, same = 0, exact = 0, compared = 0;
    const unsigned step = std::getenv("CHANCERY_LONG") != nullptr ? 1 : 29;
    for (unsigned pair = 0; pair < policies * policies; pair += step) {
      const unsigned a = pair / policies, b = pair % policies;
      bool more = false, less = false, other = false;
      for (std::size_t i = 0; i < universe.requests.size(); ++i) {
        const std::string &old = answers[a][i], &now = answers[b][i];
        more = more || (old.empty() && !now.empty());
        less = less || (!old.empty() && now.empty());
        other = other || (!old.empty() && !now.empty() && old != now);
      }
      const PolicyDiff found = diff_of(texts[a], texts[b]);
      const auto has = [&](Kind kind) {
        return std::any_of(found.regions.begin(), found.regions.end(),
                           [&](const DiffRegion& region) { return region.kind == kind; });
      };
      exact += found.exact();
      if ((more && !has(Kind::allowed)) || (less && !has(Kind::refused)) ||
          (other && !has(Kind::duties) && found.exact())) {
        BOOST_ERROR(universe.name << ": " << more << less << other << "\n"
                                  << texts[a] << "to\n"
                                  << texts[b]);
      }
      differ += more || less || other;
      compared += 1;
      same += found.regions.empty();
    }
    BOOST_TEST_MESSAGE(universe.name << ": " << differ << " differ, " << same << " do not");
    BOOST_TEST(exact == compared);
    BOOST_TEST(differ > 10u);
    BOOST_TEST(same > 2u);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
