#include <functional>
#include <map>
#include <set>

#include "policies/condition.h"
#include "policy_fixture.h"

// The tables of docs/policy.md: each row has an example here that runs, and each example a row.
// (Those of patterns and of roles are in example_tests.cpp.)

namespace chancery {
namespace {

using enum Operation;
using namespace std::chrono_literals;
using Examples = std::map<std::string, std::function<void()>>;

/// What stands in backticks, but for what is in parentheses.
std::vector<std::string> words_of(const std::string& cell) {
  std::vector<std::string> words;
  int depth = 0;
  for (std::size_t at = 0; at < cell.size(); ++at) {
    depth += cell[at] == '(' ? 1 : cell[at] == ')' ? -1 : 0;
    if (cell[at] != '`') continue;
    const std::size_t end = cell.find('`', at + 1);
    BOOST_REQUIRE(end != cell.npos);
    if (depth == 0) words.push_back(cell.substr(at + 1, end - at - 1));
    at = end;
  }
  return words;
}

/// The words of the first cell of each row of the table whose header begins like this.
std::vector<std::string> first_words(const std::string& header) {
  const std::string document = read_source("docs/policy.md");
  const std::size_t begin = document.find(header);
  BOOST_REQUIRE_MESSAGE(begin != document.npos, header);
  std::istringstream lines(document.substr(begin));
  std::string line;
  std::getline(lines, line);
  std::getline(lines, line);
  std::vector<std::string> all;
  while (std::getline(lines, line) && line.starts_with("|")) {
    const std::vector<std::string> words = words_of(line.substr(1, line.find('|', 1) - 1));
    BOOST_REQUIRE_MESSAGE(!words.empty(), line);
    all.insert(all.end(), words.begin(), words.end());
  }
  return all;
}

void check_table(const std::string& header, const Examples& examples) {
  std::set<std::string> seen;
  for (const std::string& word : first_words(header)) {
    BOOST_TEST_CONTEXT(word) {
      BOOST_TEST(seen.insert(word).second);
      const auto example = examples.find(word);
      BOOST_REQUIRE_MESSAGE(example != examples.end(), "no example of " << word);
      example->second();
    }
  }
  for (const auto& [word, example] : examples) {
    BOOST_TEST(seen.contains(word), "the page has no row of " << word);
  }
}

/// A Sunday.
const Time kNoon = *from_rfc3339("2026-11-29T12:00:00Z");

Machine machine() {
  TestMachine machine("web-1");
  machine.spiffe("spiffe://example.com/ns/shop/sa/web");
  machine.machine.attributes = {{"team", "shop"}};
  machine.machine.certificate_since = kNoon - 48h;
  return machine;
}

Ask issue() {
  Ask ask = Ask(certificate_issue).issuer("issuing").profile("tls-server").owner("web-1");
  ask.dns("web-1.example.com").key_type(KeyType::ec_p256).validity(24h);
  ask.question.extended_key_usages = {ExtendedKeyUsage::server_auth};
  return ask;
}

Ask sign() {
  Ask ask = Ask(key_sign).key("web-1.k").algorithm(SignatureAlgorithm::ecdsa_p256_sha256);
  ask.question.message = MessageContent{MessageClass::jwt, {{"issuer", {"shop"}}}, 10min};
  return ask;
}

template <class Change>
Ask with(Ask ask, Change change) {
  change(ask.question);
  return ask;
}

/// Policies with one rule, with a place for one member.
const std::string kIssuing = R"(version: 1
grants:
  - name: g
    machines: ["**"]
    operations: [certificate.issue]
    issuers: [issuing]
    profiles: [tls-server]
    when: {dns_names: ["*.example.com"]@}
)";
const std::string kSigning = R"(version: 1
grants:
  - {name: g, machines: ["**"], operations: [key.sign], keys: ["**"], when: {source: [10.0.0.0/8]@}}
)";
std::string granting(const std::string& operations, const std::string& members) {
  return "version: 1\ngrants:\n  - {name: g, machines: [\"**\"], operations: [" + operations + "]" +
         members + "}\n";
}

std::string filled(std::string frame, const std::string& member) {
  return frame.replace(frame.find('@'), 1, member.empty() ? "" : ", " + member);
}

bool allows(const std::string& policy, const Ask& ask, const Machine& who, Time at = kNoon) {
  const Decision decision =
      load_good(policy, permissive_vocabulary())->decide(who, ask.question, at);
  BOOST_TEST_MESSAGE(decision.reason());
  return decision.allowed();
}

enum class Without { allowed, refused, not_loaded };

/// A condition of a grant: `yes` is within `member`, `no` is not, and is what it says where the
/// member is left out.
std::function<void()> condition(const std::string& frame, const std::string& member, const Ask& yes,
                                const Ask& no, Without without, Time no_at = kNoon,
                                const Machine& no_machine = machine()) {
  return [=] {
    const auto policy = load_good(filled(frame, member), permissive_vocabulary());
    BOOST_TEST(policy->decide(machine(), yes.question, kNoon).allowed());
    const Decision refused = policy->decide(no_machine, no.question, no_at);
    BOOST_TEST(!refused.allowed());
    const std::string name = member.substr(0, member.find(':'));
    BOOST_TEST(refused.reason().find("grant \"g\": " + name + ": ") == 0, refused.reason());
    const auto silent = load_policy(filled(frame, ""), permissive_vocabulary());
    BOOST_REQUIRE(silent.has_value() == (without != Without::not_loaded));
    if (!silent) return;
    BOOST_TEST((*silent)->decide(no_machine, no.question, no_at).allowed() ==
               (without == Without::allowed));
  };
}

Examples condition_examples() {
  using Q = PolicyQuestion;
  const std::string reading = granting("status.read", ", when: {source: [0.0.0.0/0]@}");
  const Ask read(status_read);
  const auto foreign = [](Q& q) { q.names.dns = {"web-1.example.org"}; };
  const auto usages = [](Q& q) { q.extended_key_usages = {ExtendedKeyUsage::code_signing}; };
  const auto organization = [](Q& q) { q.subject.organization = "Other"; };
  const auto digests = [](Q& q) { q.algorithm = SignatureAlgorithm::ed25519; };
  const auto data = [](Q& q) { q.message = MessageContent{MessageClass::data, {}}; };
  const auto other_issuer = [](Q& q) { q.message->fields[0].values = {"shop", "other"}; };
  const auto endless = [](Q& q) { q.message->lifetime.reset(); };
  Machine old = machine(), elsewhere = machine(), other_team = machine();
  old.certificate_since = kNoon - 24h * 8;
  elsewhere.source = "192.0.2.1";
  other_team.attributes = {{"team", "pay"}};
  const auto yes = Without::allowed, no = Without::refused;
  const std::string named = filled(kIssuing, "common_names: [\"**\"]@");
  std::string nameless = named;
  const std::string dns_names = "dns_names: [\"*.example.com\"], ";
  nameless.erase(nameless.find(dns_names), dns_names.size());
  return {
      {"issuers", condition(granting("crl.sign", "@"), "issuers: [root]",
                            Ask(crl_sign).issuer("root"), Ask(crl_sign).issuer("issuing"), yes)},
      {"profiles", condition(granting("certificate.read", "@"), "profiles: [tls-server]",
                             Ask(certificate_read).owner("web-1").profile("tls-server"),
                             Ask(certificate_read).owner("web-1").profile("machine"), yes)},
      {"keys", condition(granting("key.sign", "@"), "keys: [\"web-*.k\"]", sign(),
                         sign().key("other"), Without::not_loaded)},
      {"when.dns_names",
       condition(nameless, "dns_names: [\"*.example.com\"]", issue(), with(issue(), foreign), no)},
      {"uris", condition(kIssuing, "uris: [\"https://a.example/**\"]",
                         issue().uri("https://a.example/x"), issue().uri("https://b/x"), no)},
      {"emails", condition(kIssuing, "emails: [\"*@example.com\"]", issue().email("a@example.com"),
                           issue().email("a@example.org"), no)},
      {"ip_addresses", condition(kIssuing, "ip_addresses: [192.0.2.0/24]", issue().ip("192.0.2.1"),
                                 issue().ip("192.0.3.1"), no)},
      {"when.common_names",
       condition(kIssuing, "common_names: [\"* service\"]", issue().common_name("Web service"),
                 issue().common_name("Web client"), no)},
      {"when.subject", condition(kIssuing, "subject: {organization: [Example]}", issue(),
                                 with(issue(), organization), no)},
      {"when.max_names",
       condition(kIssuing, "max_names: 1", issue(), issue().dns("web-2.example.com"), yes)},
      {"when.extended_key_usages", condition(kIssuing, "extended_key_usages: [server_auth]",
                                             issue(), with(issue(), usages), yes)},
      {"when.max_validity",
       condition(kIssuing, "max_validity: 24h", issue(), issue().validity(25h), yes)},
      {"when.key_types", condition(kIssuing, "key_types: [ec-p256]", issue(),
                                   issue().key_type(KeyType::ed25519), yes)},
      {"when.key_attested",
       [] {
         BOOST_TEST(!load_policy(filled(kIssuing, "key_attested: true"), permissive_vocabulary()));
       }},
      {"when.algorithms",
       condition(kSigning, "algorithms: [ecdsa-p256-sha256]", sign(), with(sign(), digests), yes)},
      {"digests", condition(kSigning, "digests: [sha256]", sign(), with(sign(), digests), yes)},
      {"when.message_classes",
       condition(kSigning, "message_classes: [jwt]", sign(), with(sign(), data), yes)},
      {"when.content",
       condition(kSigning, "content: {issuer: [shop]}", sign(), with(sign(), other_issuer), yes)},
      {"when.max_lifetime",
       condition(kSigning, "max_lifetime: 15m", sign(), with(sign(), endless), yes)},
      {"when.owner",
       condition(granting("machine.read", ", when: {source: [0.0.0.0/0]@}"), "owner: [web-1]",
                 Ask(machine_read).owner("web-1"), Ask(machine_read).owner("web-2"), no)},
      {"when.source", condition(granting("status.read", ", when: {attributes: {team: [shop]}@}"),
                                "source: [10.0.0.0/8]", read, read, yes, kNoon, elsewhere)},
      {"when.attributes",
       condition(reading, "attributes: {team: [shop]}", read, read, yes, kNoon, other_team)},
      {"when.certificate_age",
       condition(reading, "certificate_age: 7d", read, read, yes, kNoon, old)},
      {"when.hours", condition(reading,
                               "hours: [{days: [sat-sun], from: \"08:00\", zone: "
                               "Europe/Zurich}]",
                               read, read, yes, kNoon + 24h)},
      {"when.valid_from",
       condition(reading, "valid_from: 2026-11-29T12:00:00Z", read, read, yes, kNoon - 1s)},
      {"valid_until",
       condition(reading, "valid_until: 2026-11-29T12:00:01Z", read, read, yes, kNoon + 1s)},
  };
}

/// A condition of a denial, beside a grant that allows both.
std::function<void()> denial(const std::string& grant, const std::string& member,
                             const std::string& operation, const Ask& free, const Ask& met,
                             Time free_at = kNoon, const Machine& free_machine = machine()) {
  return [=] {
    const std::string text = filled(grant, "") + "denials:\n  - {name: d, operations: [" +
                             operation + "], when: {" + member + "}}\n";
    const auto policy = load_good(text, permissive_vocabulary());
    const Decision allowed = policy->decide(free_machine, free.question, free_at);
    BOOST_TEST(allowed.allowed(), allowed.reason());
    const Decision refused = policy->decide(machine(), met.question, kNoon);
    BOOST_TEST(!refused.allowed());
    BOOST_TEST(refused.grant() == "denial:d");
  };
}

/// The one duty of an allowed decision by the policy.
Duties duties_of(const std::string& members) {
  const auto policy = load_good(granting("status.read", ", " + members));
  const Decision decision = policy->decide(machine(), Ask(status_read).question, kNoon);
  BOOST_REQUIRE(decision.allowed());
  BOOST_REQUIRE(decision.duties() != nullptr);
  return *decision.duties();
}

QuotaUse quota_of(const std::string& members) {
  const Duties duties = duties_of("quotas: [{" + members + "}]");
  BOOST_REQUIRE(duties.quotas.size() == 1U);
  return duties.quotas[0];
}

ApprovalNeed approval_of(const std::string& members) {
  const Duties duties = duties_of(members);
  BOOST_REQUIRE(duties.approval.has_value());
  return *duties.approval;
}

bool loads(const std::string& members) {
  return load_policy(granting("status.read", ", " + members), test_vocabulary()).has_value();
}

BOOST_AUTO_TEST_SUITE(policy_page)

BOOST_AUTO_TEST_CASE(machines) {
  const auto named = [](const std::string& pattern, const Machine& yes, const Machine& no,
                        const std::string& groups = "") {
    return [=] {
      const std::string text = "version: 1\n" + groups + "grants:\n  - {name: g, machines: [\"" +
                               pattern + "\"], operations: [status.read]}\n";
      BOOST_TEST(allows(text, Ask(status_read), yes));
      BOOST_TEST(!allows(text, Ask(status_read), no));
    };
  };
  const std::string shop = "spiffe://example.com/ns/shop/";
  const std::string digits(64, 'a');
  Machine other_team = machine();
  other_team.attributes = {{"team", "shop-2"}, {"env", "shop"}};
  check_table("| written | means |",
              {{"web-1", named("web-1", machine(), TestMachine("web-2").dns("web-1"))},
               {"web-*.example.com", named("web-*.example.com", TestMachine("web-1.example.com"),
                                           TestMachine("x").dns("web-1.example.com"))},
               {shop + "*", named(shop + "*", TestMachine("").spiffe(shop + "x"),
                                  TestMachine("").spiffe(shop + "x/y"))},
               {"dns:*.example.com",
                named("dns:*.example.com", TestMachine("").dns("b").dns("a.example.com"),
                      TestMachine("a.example.com"))},
               {"sha256:3f1c…", named("sha256:" + digits, TestMachine("").fingerprint(digits),
                                      TestMachine("").fingerprint(std::string(64, 'b')))},
               {"attribute:team=shop", named("attribute:team=shop", machine(), other_team)},
               {"group:web",
                named("group:web", machine(), other_team,
                      "groups: {web: {machines: [\"web-*\"], attributes: {team: [shop]}}}\n")}});
}

BOOST_AUTO_TEST_CASE(variables) {
  const auto inserted = [](const std::string& variable, const std::string& value) {
    return [=] {
      const std::string text = filled(kIssuing, "common_names: [\"" + variable + "\"]");
      BOOST_TEST(allows(text, issue().common_name(value), machine()));
      BOOST_TEST(!allows(text, issue().common_name(value + "x"), machine()));
      BOOST_TEST(!allows(text, issue().common_name(value), TestMachine("")));
    };
  };
  check_table("| variable |",
              {{"{machine.name}", inserted("{machine.name}", "web-1")},
               {"{machine.spiffe_id}",
                inserted("{machine.spiffe_id}", "spiffe://example.com/ns/shop/sa/web")},
               {"{machine.spiffe_domain}", inserted("{machine.spiffe_domain}", "example.com")},
               {"{machine.spiffe_path}", inserted("{machine.spiffe_path}", "ns/shop/sa/web")},
               {"{machine.attribute.team}", inserted("{machine.attribute.team}", "shop")}});
}

BOOST_AUTO_TEST_CASE(conditions_of_grants) {
  const Examples examples = condition_examples();
  check_table("| member | about |", examples);
  // And the page has all there are.
  for (const ConditionRow& row : conditions()) {
    if (!row.is_for(RuleKind::grant)) continue;
    const std::string name(row.name);
    BOOST_TEST((examples.contains(name) || examples.contains("when." + name)), name);
  }
}

BOOST_AUTO_TEST_CASE(conditions_of_denials) {
  const auto lasting = [](Seconds lifetime) {
    return with(sign(), [&](PolicyQuestion& q) { q.message->lifetime = lifetime; });
  };
  const std::string reading = granting("status.read", ", when: {source: [0.0.0.0/0]@}");
  const std::string records = granting("machine.read", ", when: {owner: any@}");
  const Ask read(status_read);
  Machine enrolling = machine();
  enrolling.certificate_since.reset();
  enrolling.fingerprint.clear();
  const Examples examples = {
      {"when.more_names_than", denial(kIssuing, "more_names_than: 1", "certificate.issue", issue(),
                                      issue().dns("web-2.example.com"))},
      {"when.longer_than",
       denial(kIssuing, "longer_than: 24h", "certificate.issue", issue(), issue().validity(25h))},
      {"when.older_than",
       denial(reading, "older_than: 1d", "status.read", read, read, kNoon, enrolling)},
      {"when.longer_lifetime_than",
       denial(kSigning, "longer_lifetime_than: 15m", "key.sign", lasting(15min), lasting(16min))},
      {"when.outside_hours", denial(reading, "outside_hours: [{days: [mon-fri]}]", "status.read",
                                    read, read, kNoon + 24h)},
      {"when.owner", denial(records, "owner: [web-2]", "machine.read",
                            Ask(machine_read).owner("web-1"), Ask(machine_read).owner("web-2"))},
  };
  check_table("| of a denial |", examples);
  for (const ConditionRow& row : conditions()) {
    if (row.is_for(RuleKind::grant) || !row.is_for(RuleKind::denial)) continue;
    BOOST_TEST(examples.contains("when." + std::string(row.name)), row.name);
  }
}

BOOST_AUTO_TEST_CASE(quotas) {
  check_table("| of a quota |",
              {{"limit",
                [] {
                  BOOST_TEST(quota_of("limit: 1000000000, per: day").limit == 1'000'000'000U);
                  BOOST_TEST(!loads("quotas: [{limit: 1000000001, per: day}]"));
                  BOOST_TEST(!loads("quotas: [{limit: 0, per: day}]"));
                }},
               {"per",
                [] {
                  BOOST_TEST(quota_of("limit: 1, per: minute").window.count() == 60);
                  BOOST_TEST(quota_of("limit: 1, per: hour").window.count() == 3600);
                  BOOST_TEST(quota_of("limit: 1, per: day").window.count() == 86400);
                  BOOST_TEST(quota_of("limit: 1, per: ever").window.count() == 0);
                  BOOST_TEST(!loads("quotas: [{limit: 1}]"));
                }},
               {"for", [] {
                  BOOST_TEST(quota_of("limit: 1, per: day").machine == "web-1");
                  BOOST_TEST(quota_of("limit: 1, per: day, for: machine").machine == "web-1");
                  BOOST_TEST(quota_of("limit: 1, per: day, for: grant").machine == "");
                }}});
}

BOOST_AUTO_TEST_CASE(approvals) {
  check_table(
      "| of an approval |",
      {{"needed",
        [] {
          BOOST_TEST(approval_of("approvals: {needed: 16, from: [\"**\"]}").needed == 16U);
          BOOST_TEST(!loads("approvals: {needed: 17, from: [\"**\"]}"));
          BOOST_TEST(!loads("approvals: {needed: 0, from: [\"**\"]}"));
        }},
       {"from",
        [] {
          const auto policy =
              load_good(granting("status.read",
                                 ", approvals: {needed: 1, from: [bob, "
                                 "\"group:web\", \"role:administrator\"]}") +
                        "roles: {administrator: [alice], operator: [web-9], auditor: [carol]}\n"
                        "groups: {web: {machines: [\"web-*\", \"car*\"]}}\n");
          for (const char* yes : {"alice", "bob", "web-2"}) {
            BOOST_TEST(policy->may_approve("grant:g", TestMachine(yes)), yes);
          }
          for (const char* no : {"carol", "dora"}) {
            BOOST_TEST(!policy->may_approve("grant:g", TestMachine(no)), no);
          }
        }},
       {"expires",
        [] {
          BOOST_TEST(approval_of("approvals: {needed: 1, from: [a]}").life.count() == 86400);
          BOOST_TEST(loads("approvals: {needed: 1, from: [a], expires: 1m}"));
          BOOST_TEST(loads("approvals: {needed: 1, from: [a], expires: 30d}"));
          BOOST_TEST(!loads("approvals: {needed: 1, from: [a], expires: 59s}"));
          BOOST_TEST(!loads("approvals: {needed: 1, from: [a], expires: 31d}"));
        }},
       {"break_glass", [] {
          const std::string two = "approvals: {needed: 2, from: [a, b]}, break_glass: ";
          BOOST_TEST(approval_of(two + "5m").opens_for.count() == 300);
          BOOST_TEST(approval_of(two + "24h").opens_for.count() == 86400);
          BOOST_TEST(!loads(two + "4m"));
          BOOST_TEST(!loads(two + "25h"));
          BOOST_TEST(!loads("approvals: {needed: 1, from: [a, b]}, break_glass: 1h"));
        }}});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
