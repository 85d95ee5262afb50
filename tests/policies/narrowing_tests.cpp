#include "analysis_fixture.h"
#include "policies/narrowing.h"

namespace chancery {
namespace {

BOOST_AUTO_TEST_SUITE(narrowings)

BOOST_AUTO_TEST_CASE(how_far_a_grant_can_be_narrowed) {
  const auto policy = load_rules(R"(
grants:
  - name: web
    machines: ["web-*", "db"]
    operations: [certificate.issue, certificate.renew]
    issuers: [ca]
    profiles: [tls, client]
    when: {dns_names: ["*.example.com", "{machine.name}", "old"], max_validity: 48h, max_names: 5,
           source: [10.0.0.0/8, 192.0.2.0/24]}
)");
  std::vector<ExampleRequest> uses;
  for (const char* name : {"web-1", "web-2"}) {
    PolicyQuestion question{.operation = Operation::certificate_issue};
    question.issuer = "ca";
    question.profile = "tls";
    question.owner = name;
    question.names.dns = {name, "a.example.com"};
    question.validity = std::chrono::hours(24);
    Machine machine;
    machine.name = MachineName::literal(name);
    machine.fingerprint = std::string(64, 'f');
    machine.source = "10.0.0.1";
    uses.push_back({machine, question, analysis_time()});
  }
  for (const ExampleRequest& use : uses) {
    BOOST_TEST(policy->decide(use.machine, use.question, use.at).allowed());
  }
  std::vector<std::string> lines;
  for (const Narrowing& one : narrowing(*policy, "web", uses)) {
    lines.push_back(one.member + ": " + one.text);
  }
  const std::vector<std::string> expected = {
      "operations: remove certificate.renew",
      "machines: replace \"web-*\" with \"web-1\", \"web-2\"",
      "machines: remove \"db\", which was never used",
      "profiles: remove \"client\", which was never used",
      "when.dns_names: replace \"*.example.com\" with \"a.example.com\"",
      "when.dns_names: remove \"old\", which was never used",
      "when.source: replace \"10.0.0.0/8\" with \"10.0.0.1\"",
      "when.source: remove \"192.0.2.0/24\", which was never used",
      "when.max_validity: lower it to 1d, the longest that was asked for",
      "when.max_names: lower it to 2, the most that were asked for",
  };
  BOOST_TEST(lines == expected, boost::test_tools::per_element());
  BOOST_TEST(narrowing(*policy, "none", uses).empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
