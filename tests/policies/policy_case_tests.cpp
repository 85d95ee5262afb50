#include "policies/policy_case.h"
#include "policy_fixture.h"

// Cases of NAME.tests.yaml: what they say, and what is refused.

namespace chancery {
namespace {

using namespace std::chrono_literals;

const Time kNow = *from_rfc3339("2026-11-26T10:00:00Z");

Result<PolicyCases> read(const std::string& text) {
  return read_policy_cases(text, test_vocabulary().profiles, kNow, "web.tests.yaml");
}

PolicyCase read_one(const std::string& text) {
  auto cases = read(text);
  BOOST_REQUIRE_MESSAGE(cases, (cases ? "" : cases.error().message));
  BOOST_REQUIRE(cases->cases.size() == 1);
  return cases->cases.front();
}

/// A policy that answers as it is told.
class FixedPolicy : public Policy {
 public:
  explicit FixedPolicy(Verdict verdict) : verdict_(std::move(verdict)) {}
  [[nodiscard]] const std::string& version() const override { return version_; }

 private:
  [[nodiscard]] Verdict evaluate(const Machine&, const PolicyQuestion&, Time) const override {
    return verdict_;
  }
  Verdict verdict_;
  std::string version_ = "fixed";
};

BOOST_AUTO_TEST_SUITE(policy_case)

BOOST_AUTO_TEST_CASE(everything_that_a_case_may_say) {
  const auto read_file = read(R"(
policy: web-fleet.yaml
cases:
  - name: all of it
    machine:
      name: web-1.example.com
      spiffe: spiffe://example.com/web
      dns: [web-1.example.com, www.example.com]
      fingerprint: ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
      source: 10.0.0.1
      attributes: {team: shop, env: prod}
      certificate_age: 10d
    ask:
      operation: certificate.issue
      issuer: issuing
      profile: tls-server
      owner: web-2.example.com
      dns_names: [a.example.com, "*.b.example.com"]
      ip_addresses: ["2001:DB8::1"]
      uris: spiffe://example.com/web
      emails: [bob@example.com]
      common_name: a.example.com
      country: CH
      organization: Example
      organizational_unit: Web
      key_type: ec-p256
      validity: 24h
      extended_key_usages: [server_auth]
      message: {class: jwt, fields: {issuer: [https://a.example, https://b.example], type: JWT}, lifetime: 5m}
      algorithm: ed25519
      key: app.release
    at: 2026-11-27T10:00:00Z
    expect: allowed
    grant: web-tls
    approval: grant:release
    quotas: [web-tls/0, web-tls/1]
)");
  BOOST_REQUIRE_MESSAGE(read_file, (read_file ? "" : read_file.error().message));
  BOOST_TEST(read_file->policy == "web-fleet.yaml");
  const PolicyCase& made = read_file->cases.at(0);
  BOOST_TEST(made.name == "all of it");
  BOOST_TEST(made.place.line == 4u);
  BOOST_TEST(made.machine.name.text() == "web-1.example.com");
  BOOST_TEST(made.machine.spiffe_id == "spiffe://example.com/web");
  BOOST_TEST(made.machine.dns_names ==
             (std::vector<std::string>{"web-1.example.com", "www.example.com"}));
  BOOST_TEST(made.machine.fingerprint == std::string(64, 'f'));
  BOOST_TEST(made.machine.source == "10.0.0.1");
  BOOST_TEST((made.machine.attributes ==
              std::vector<MachineAttribute>{{"env", "prod"}, {"team", "shop"}}));
  BOOST_TEST((made.machine.certificate_since == made.at - 10 * 24h));
  const PolicyQuestion& question = made.question;
  BOOST_TEST((question.operation == Operation::certificate_issue));
  BOOST_TEST(question.issuer == "issuing");
  BOOST_TEST(question.profile == "tls-server");
  BOOST_TEST(question.owner == "web-2.example.com");
  BOOST_TEST((question.names == SubjectAltNames{{"a.example.com", "*.b.example.com"},
                                                {"2001:db8::1"},
                                                {"spiffe://example.com/web"},
                                                {"bob@example.com"}}));
  BOOST_TEST((question.subject == Subject{"CH", "Example", "Web", "a.example.com"}));
  BOOST_TEST((question.key_type == KeyType::ec_p256));
  BOOST_TEST((question.validity == 24h));
  BOOST_TEST((question.extended_key_usages ==
              std::vector<ExtendedKeyUsage>{ExtendedKeyUsage::server_auth}));
  BOOST_TEST((question.algorithm == SignatureAlgorithm::ed25519));
  BOOST_TEST(question.key == "app.release");
  BOOST_REQUIRE(question.message);
  BOOST_TEST((question.message->message_class == MessageClass::jwt));
  BOOST_TEST((question.message->lifetime == 5min));
  BOOST_REQUIRE(question.message->fields.size() == 2u);
  BOOST_TEST(question.message->fields[0].values.size() == 2u);
  BOOST_TEST((made.at == *from_rfc3339("2026-11-27T10:00:00Z")));
  BOOST_TEST(made.allowed);
  BOOST_TEST(made.grant == "web-tls");
  BOOST_TEST(made.approval == "grant:release");
  BOOST_TEST(made.quotas->size() == 2u);
}

BOOST_AUTO_TEST_CASE(what_is_not_said_is_as_in_a_request) {
  const PolicyCase made = read_one(R"(
cases:
  - name: short
    machine: {name: web-1}
    ask: {operation: certificate.issue, profile: tls-server}
    expect: refused
)");
  const Profile& profile = test_vocabulary().profiles.at(ProfileName::literal("tls-server"));
  BOOST_TEST(made.machine.fingerprint == kSomeFingerprint);
  BOOST_TEST(made.machine.source == "");
  BOOST_TEST((made.at == kNow));
  BOOST_TEST(made.question.owner == "web-1");
  BOOST_TEST((made.question.validity == profile.default_validity));
  BOOST_TEST((made.question.extended_key_usages == profile.extended_key_usages));
  BOOST_TEST(!made.question.message);

  const PolicyCase reads = read_one(R"(
cases:
  - name: not a certificate
    machine: {name: web-1, enrolling: true}
    ask: {operation: machine.read, profile: tls-server}
    expect: allowed
)");
  BOOST_TEST(reads.question.owner == "");
  BOOST_TEST(!reads.question.validity);
  BOOST_TEST(reads.machine.fingerprint == "");
}

BOOST_AUTO_TEST_CASE(bad_cases_are_refused_with_their_line) {
  struct Row {
    std::string name, machine, ask, rest, message;
  };
  const std::string good_machine = "{name: web-1}", good_ask = "{operation: key.sign, key: a}";
  const std::vector<Row> rows = {
      {"unknown member of a case", good_machine, good_ask, "expect: allowed\n    expected: x",
       "7:5: cases[0].expected: unknown field; did you mean \"expect\"?"},
      {"neither allowed nor refused", good_machine, good_ask, "expect: maybe",
       "6:13: cases[0].expect: must be allowed or refused"},
      {"nothing is expected", good_machine, good_ask, "grant: a",
       "3:5: cases[0]: the member expect is missing"},
      {"unknown operation", good_machine, "{operation: key.sing}", "expect: allowed",
       "5:22: cases[0].ask.operation: "},
      {"no operation", good_machine, "{key: a}", "expect: allowed",
       "5:10: cases[0].ask: the member operation is missing"},
      {"unknown member of a question", good_machine, "{operation: key.sign, dns_name: a}",
       "expect: allowed", "cases[0].ask.dns_name: unknown field; did you mean \"dns_names\"?"},
      {"a name in capitals", good_machine,
       "{operation: certificate.issue, dns_names: [a.example, B]}", "expect: allowed",
       "5:64: cases[0].ask.dns_names[1]: \"B\" is not a DNS name"},
      {"two keys", good_machine, "{operation: key.sign, key: [a, b]}", "expect: allowed",
       "cases[0].ask.key: must be text"},
      {"no IP address", "{name: web-1, source: 10.0.0.0/8}", good_ask, "expect: allowed",
       "cases[0].machine.source: \"10.0.0.0/8\" is not an IPv4 or IPv6 address"},
      {"no SPIFFE ID", "{spiffe: https://example.com/a}", good_ask, "expect: allowed",
       "cases[0].machine.spiffe: \"https://example.com/a\" is not a SPIFFE ID"},
      {"a short fingerprint", "{fingerprint: abc}", good_ask, "expect: allowed",
       "cases[0].machine.fingerprint: a fingerprint is 64"},
      {"unknown member of a machine", "{nam: web-1}", good_ask, "expect: allowed",
       "cases[0].machine.nam: unknown field; did you mean \"name\"?"},
      {"attributes in a list", "{attributes: [a]}", good_ask, "expect: allowed",
       "cases[0].machine.attributes: must be a mapping"},
      {"enrols with a certificate", "{name: a, enrolling: true, dns: a}", good_ask,
       "expect: allowed", "cases[0].machine.dns: a machine that enrols has no certificate yet"},
      {"enrols not", "{name: a, enrolling: false}", good_ask, "expect: allowed",
       "cases[0].machine.enrolling: must be true, or left out"},
      {"no time", good_machine, good_ask, "expect: allowed\n    at: today", "7:9: cases[0].at: "},
      {"unknown class", good_machine, "{operation: key.sign, message: {class: jwx}}",
       "expect: allowed", "cases[0].ask.message.class: "},
      {"unknown field", good_machine,
       "{operation: key.sign, message: {class: jwt, fields: {isuer: a}}}", "expect: allowed",
       "cases[0].ask.message.fields.isuer: messages of the class jwt have no field \"isuer\"; did "
       "you mean \"issuer\"?"},
      {"unknown attribute name", "{attributes: {Team: a}}", good_ask, "expect: allowed",
       "cases[0].machine.attributes.Team: "},
      {"no class", good_machine, "{operation: key.sign, message: {lifetime: 5m}}",
       "expect: allowed", "cases[0].ask.message: the member class is missing"},
      {"an approval of what is refused", good_machine, good_ask,
       "expect: refused\n    approval: grant:a",
       "7:15: cases[0].approval: only what is allowed has one"},
      {"a reason of what is allowed", good_machine, good_ask, "expect: allowed\n    reason: a",
       "7:13: cases[0].reason: only what is refused has one"},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const auto cases = read("cases:\n  -\n    name: a\n    machine: " + row.machine +
                              "\n    ask: " + row.ask + "\n    " + row.rest + "\n");
      BOOST_REQUIRE(!cases);
      BOOST_TEST_INFO(cases.error().message);
      BOOST_TEST(cases.error().message.find(row.message) != std::string::npos);
      BOOST_TEST(cases.error().message.starts_with("web.tests.yaml:"));
      BOOST_TEST((cases.error().code == ErrorCode::invalid_request));
    }
  }
}

BOOST_AUTO_TEST_CASE(bad_files_are_refused) {
  const std::string a_case =
      "  - {name: a, machine: {name: b}, ask: {operation: key.read}, expect: refused}\n";
  struct Row {
    std::string name, text, message;
  };
  const std::vector<Row> rows = {
      {"no cases", "policy: a.yaml\n", "web.tests.yaml:1:1: the member cases is missing"},
      {"an empty list", "cases: []\n", "cases: must be a list of at least one case"},
      {"no list", "cases: {a: b}\n", "cases: must be a list of at least one case"},
      {"an unknown member", "case: 1\ncases:\n" + a_case, "case: unknown field"},
      {"the same name twice", "cases:\n" + a_case + a_case,
       "3:12: cases[1].name: there is a case \"a\" already, in line 2"},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const auto cases = read(row.text);
      BOOST_REQUIRE(!cases);
      BOOST_TEST_INFO(cases.error().message);
      BOOST_TEST(cases.error().message.find(row.message) != std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_as_expected_is_said) {
  const auto duties = std::make_shared<const Duties>(
      Duties{{{"web/0", "web-1", 5, 60s}}, ApprovalNeed{"grant:web", 2, 1h, 0s}});
  const Policy::Verdict yes{true, "web", "", nullptr}, asks{true, "web", "", duties},
      no{false, "web", "grant \"web\": source: no", nullptr};
  struct Row {
    std::string name;
    Policy::Verdict verdict;
    std::string expected, difference;
  };
  const std::vector<Row> rows = {
      {"allowed", yes, "expect: allowed", ""},
      {"by this grant", yes, "expect: allowed\n    grant: web", ""},
      {"not by that grant", yes, "expect: allowed\n    grant: api",
       "expected grant \"api\", but allowed by \"web\""},
      {"refused", no, "expect: refused\n    grant: web\n    reason: source", ""},
      {"for another reason", no, "expect: refused\n    reason: dns_names",
       "expected the reason to say \"dns_names\", but refused: grant \"web\": source: no"},
      {"refused, not allowed", no, "expect: allowed",
       "expected to be allowed, but refused: grant \"web\": source: no"},
      {"allowed, not refused", yes, "expect: refused",
       "expected to be refused, but allowed by \"web\""},
      {"duties that are not spoken of", asks, "expect: allowed", ""},
      {"duties", asks, "expect: allowed\n    approval: grant:web\n    quotas: [web/0]", ""},
      {"without approval", yes, "expect: allowed\n    approval: none\n    quotas: []", ""},
      {"no approval", yes, "expect: allowed\n    approval: grant:web",
       "expected the approval \"grant:web\", found \"none\""},
      {"an approval", asks, "expect: allowed\n    approval: none",
       "expected the approval \"none\", found \"grant:web\""},
      {"a quota", asks, "expect: allowed\n    quotas: []",
       "expected the quotas [], found [\"web/0\"]"},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const PolicyCase made = read_one(
          "cases:\n  - name: a\n    machine: {name: web-1}\n    ask: {operation: key.read}\n    " +
          row.expected + "\n");
      const FixedPolicy policy(row.verdict);
      BOOST_TEST(differs(made, policy.decide(made.machine, made.question, made.at)) ==
                 row.difference);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
