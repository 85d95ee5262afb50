#include <algorithm>
#include <cstdlib>
#include <random>

#include "naive_policy.h"
#include "policy_fixture.h"

// Random policies and random questions over a small universe, where names, patterns and roles meet
// often: the engine and the naive reading give the same answer and name the same grant.

namespace chancery {
namespace {

using Texts = std::vector<std::string>;
using enum Operation;

const Texts kNames = {"a",     "b",     "web-1",   "web-2",   "web-1.eu", "web-2.eu", "db.eu",
                      "db.us", "x.y.z", "a.b.eu",  "admin",   "ops",      "ops-eu",   "audit",
                      "self",  "a.eu",  "web-1.x", "b.web-1", ""};
const Texts kNamePatterns = {"a",     "b",        "web-1", "web-2.eu", "*",      "**",
                             "web-*", "web-*.eu", "*.eu",  "**.eu",    "*-1",    "*.*",
                             "a.**",  "**.web-1", "x.*.z", "x.**",     "*.b.**", "d*.*",
                             "ops",   "*s",       "a*",    "web-*.*",  "admin"};
const Texts kSpiffe = {"",
                       "spiffe://e.org/ns/a",
                       "spiffe://e.org/ns/b",
                       "spiffe://e.org/ns/a/sa/x",
                       "spiffe://e.org/root",
                       "spiffe://e.org/audit",
                       "spiffe://f.org/ns/a",
                       "spiffe://e.org/ns/a/../b",
                       "spiffe://e.org/ns/*"};
const Texts kSpiffePatterns = {"spiffe://e.org/ns/a",  "spiffe://e.org/ns/*", "spiffe://e.org/**",
                               "spiffe://e.org/ns/**", "spiffe://e.org/*/a",  "spiffe://e.org/**/x",
                               "spiffe://f.org/*/*"};
const Texts kFingerprints = {"", std::string(64, 'a'), std::string(64, 'b')};
const Texts kDns = {"a", "web-1", "www.eu", "*.eu", "a.web-1", "*.web-1", "a.b.eu", "web-1.eu"};
const Texts kDnsPatterns = {
    "{machine.name}", "*.{machine.name}", "**.eu", "www.*", "*.eu", "web-*", "a",
    "**.b.*",         "{machine.name}.eu"};
const Texts kUris = {"spiffe://e.org/ns/a",   "spiffe://e.org/root", "https://a.eu/x",
                     "https://a.eu/x/y",      "https://a.eu/x/../y", "https://b?.eu/x",
                     "spiffe://e.org/m/web-1"};
const Texts kUriPatterns = {"{machine.spiffe_id}",
                            "https://*.eu/*",
                            "https://a.eu/**",
                            "spiffe://e.org/**",
                            "spiffe://e.org/m/{machine.name}",
                            "https://*/x"};
const Texts kEmails = {"a@e.org", "b@x.e.org", "ab@e.org", "a@eu"};
const Texts kEmailPatterns = {"*@e.org", "a@**", "a*@*.org", "*@*.e.org", "b@x.e.org"};
const Texts kCommonNames = {"", "", "a", "web-1", "www.eu", "Some Name", "web-2.eu"};
const Texts kCommonPatterns = {"*", "Some *", "{machine.name}", "www.*", "**"};
const Texts kKeys = {"a", "web-1.k", "web-1.eu.k", "shared", "shared.x", "a.b.k", "b.k"};
const Texts kKeyPatterns = {"{machine.name}.*", "shared", "shared.*", "**", "*", "a.**", "*.k"};
const Texts kIssuers = {"root", "issuing"};
const Texts kProfiles = {"machine", "tls-server", "intermediate-ca"};
const Texts kKeyTypes = {"rsa-2048", "ec-p256", "ed25519"};
const Texts kRanges = {"10.0.0.0/8", "10.128.0.0/9", "192.0.2.1", "192.0.2.0/25", "0.0.0.0/0"};
const Texts kAddresses = {"10.1.2.3", "10.200.0.1", "192.0.2.1", "192.0.2.200", "8.8.8.8"};
const Texts kOwnerPatterns = {"*.eu", "**", "{machine.name}", "web-*", "**.{machine.name}"};

/// Every choice from one generator, so that a seed is a whole test.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : random_(seed) {}
  std::size_t below(std::size_t bound) { return random_() % bound; }
  bool once_in(std::size_t n) { return below(n) == 0; }
  const std::string& one_of(const Texts& texts) { return texts[below(texts.size())]; }
  /// At least one and at most three different ones.
  Texts some_of(const Texts& texts) {
    Texts chosen;
    for (std::size_t i = 1 + below(3); i > 0; --i) {
      const std::string& text = one_of(texts);
      if (std::find(chosen.begin(), chosen.end(), text) == chosen.end()) chosen.push_back(text);
    }
    return chosen;
  }
  Texts sometimes(const Texts& texts) { return once_in(2) ? some_of(texts) : Texts(); }

 private:
  std::mt19937_64 random_;
};

Texts machine_patterns(Chance& chance) {
  Texts patterns = chance.some_of(kNamePatterns);
  if (chance.once_in(3)) patterns = chance.some_of(kSpiffePatterns);
  if (chance.once_in(6)) patterns.push_back("sha256:" + std::string(64, 'a'));
  if (chance.once_in(6))
    patterns.push_back("dns:" + chance.one_of({"*.eu", "web-1", "**", "www.eu"}));
  return patterns;
}

void add_names(NaiveGrant& grant, Chance& chance) {
  grant.issuers = chance.some_of(kIssuers);
  grant.profiles = chance.some_of(kProfiles);
  grant.dns_names = chance.some_of(kDnsPatterns);
  grant.uris = chance.sometimes(kUriPatterns);
  grant.emails = chance.sometimes(kEmailPatterns);
  grant.ip_addresses = chance.sometimes(kRanges);
  grant.common_names = chance.sometimes(kCommonPatterns);
  if (chance.once_in(2)) grant.organizations = {"Example"};
  if (chance.once_in(2)) grant.max_hours = static_cast<int>(1 + chance.below(3));
}

NaiveGrant random_grant(Chance& chance, std::size_t number) {
  NaiveGrant grant;
  grant.name = "g" + std::to_string(number);
  grant.machines = machine_patterns(chance);
  for (std::size_t i = 1 + chance.below(3); i > 0; --i) {
    Operation operation = operations()[chance.below(operations().size())];
    if (operation == Operation::approval_give) operation = Operation::approval_read;  // not granted
    auto& all = grant.operations;
    if (std::find(all.begin(), all.end(), operation) == all.end()) all.push_back(operation);
  }
  const auto has = [&](std::initializer_list<Operation> list) {
    return std::any_of(list.begin(), list.end(), [&](Operation operation) {
      return std::find(grant.operations.begin(), grant.operations.end(), operation) !=
             grant.operations.end();
    });
  };
  const bool issues = has({certificate_issue, certificate_renew});
  const bool certificate = issues || has({certificate_revoke, certificate_release,
                                          certificate_replace, certificate_read});
  if (certificate || has({crl_sign, ocsp_sign})) grant.issuers = chance.sometimes(kIssuers);
  if (certificate || has({machine_add})) grant.profiles = chance.sometimes(kProfiles);
  if (has({key_create, key_read, key_sign, key_sign_digest}))
    grant.keys = chance.some_of(kKeyPatterns);
  if (issues) add_names(grant, chance);
  if (issues || has({key_create})) grant.key_types = chance.sometimes(kKeyTypes);
  if (has({key_sign, key_sign_digest})) {
    if (chance.once_in(2))
      grant.algorithms = {"ecdsa-p256-sha256", chance.one_of({"ed25519", "rsa-pss-sha384"})};
    if (chance.once_in(2)) grant.digests = {"sha256"};
  }
  if (certificate || has({machine_add, machine_read})) {
    const std::size_t kind = chance.below(has({machine_add}) ? 2 : 4);
    if (kind == 0) grant.owner_word = "any";
    if (kind == 1) grant.owner_list = chance.some_of(kOwnerPatterns);
    if (kind == 2) grant.owner_word = "self";
  }
  if (chance.once_in(3)) grant.sources = chance.some_of(kRanges);
  return grant;
}

NaivePolicy random_policy(Chance& chance) {
  NaivePolicy policy;
  const auto add = [&](const char* role, const std::string& identity, Texts scope = {}) {
    if (chance.once_in(2)) policy.roles.push_back({role, identity, std::move(scope)});
  };
  add("administrator", "admin");
  add("administrator", "spiffe://e.org/root");
  add("operator", "ops");
  add("operator", "ops-eu", {"*.eu", "a"});
  add("operator", "spiffe://e.org/ns/a", {"**.b.eu"});
  add("operator", "sha256:" + std::string(64, 'b'), {"web-*"});
  add("auditor", "audit");
  add("auditor", "spiffe://e.org/audit");
  const std::size_t grants = chance.below(12);
  for (std::size_t i = 0; i < grants; ++i) policy.grants.push_back(random_grant(chance, i));
  return policy;
}

Machine random_machine(Chance& chance) {
  Machine machine;
  const std::string& name = chance.one_of(kNames);
  if (!name.empty()) machine.name = MachineName::literal(name);
  if (chance.once_in(2)) machine.spiffe_id = chance.one_of(kSpiffe);
  machine.fingerprint = chance.one_of(kFingerprints);
  machine.source = chance.one_of(kAddresses);
  while (chance.once_in(3)) machine.dns_names.push_back(chance.one_of(kDns));
  // Machine::self() has its own test.
  if (name == "self" && machine.fingerprint.empty()) machine.fingerprint = std::string(64, 'b');
  return machine;
}

PolicyQuestion random_question(Chance& chance, const Machine& machine) {
  PolicyQuestion question{};
  question.operation = operations()[chance.below(operations().size())];
  question.issuer = chance.one_of(kIssuers);
  question.profile = chance.one_of(kProfiles);
  question.key = chance.one_of(kKeys);
  question.owner = chance.once_in(2) ? machine.name.text() : chance.one_of(kNames);
  if (chance.once_in(2)) question.names.dns.push_back(chance.one_of(kDns));
  if (chance.once_in(2)) question.names.dns.push_back(machine.name.text());
  if (chance.once_in(4)) question.names.uri.push_back(chance.one_of(kUris));
  if (chance.once_in(6)) question.names.email.push_back(chance.one_of(kEmails));
  if (chance.once_in(6)) question.names.ip.push_back(chance.one_of(kAddresses));
  question.subject.common_name = chance.one_of(kCommonNames);
  if (chance.once_in(4)) question.subject.organization = chance.one_of({"Example", "Other"});
  if (!chance.once_in(5)) question.key_type = *parse_key_type(chance.one_of(kKeyTypes));
  if (!chance.once_in(5)) question.validity = std::chrono::hours(chance.below(4));
  if (!chance.once_in(5)) {
    question.algorithm = *parse_signature_algorithm(
        chance.one_of({"ecdsa-p256-sha256", "ed25519", "rsa-pss-sha384", "rsa-pss-sha256"}));
  }
  return question;
}

BOOST_AUTO_TEST_SUITE(naive)

BOOST_AUTO_TEST_CASE(the_engine_agrees_with_the_naive_reading) {
  const std::size_t policies = std::getenv("CHANCERY_LONG") != nullptr ? 10'000 : 2'000;
  constexpr std::size_t kQuestions = 100;
  std::size_t allowed_by_grant = 0, denied_near = 0;
  for (std::uint64_t seed = 1; seed <= policies; ++seed) {
    Chance chance(seed);
    const NaivePolicy naive = random_policy(chance);
    const auto policy = load_good(naive.yaml(), permissive_vocabulary());
    for (std::size_t i = 0; i < kQuestions; ++i) {
      const Machine machine = random_machine(chance);
      const PolicyQuestion question = random_question(chance, machine);
      const Decision decision = policy->decide(machine, question);
      const NaivePolicy::Answer expected = naive.decide(machine, question);
      const bool same =
          decision.allowed() == expected.allowed && decision.grant() == expected.grant;
      BOOST_REQUIRE_MESSAGE(
          same, "seed " << seed << " question " << i << ": " << name_of(question.operation)
                        << " by " << machine.name.text() << ": " << decision.allowed() << " "
                        << decision.grant() << " (" << decision.reason()
                        << "), naive: " << expected.allowed << " " << expected.grant << "\n"
                        << naive.yaml());
      BOOST_REQUIRE(decision.allowed() == decision.reason().empty());
      allowed_by_grant += decision.allowed() && !decision.grant().starts_with("role:");
      denied_near += !decision.allowed() && decision.grant().starts_with("g");
    }
  }
  // The universe is worth nothing where hardly anything meets.
  BOOST_TEST_MESSAGE(allowed_by_grant << " allowed by a grant, " << denied_near << " nearly");
  BOOST_TEST(allowed_by_grant > policies);
  BOOST_TEST(denied_near > policies);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
