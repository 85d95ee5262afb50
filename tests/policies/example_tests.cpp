#include <filesystem>
#include <map>
#include <set>

#include "policies/default_policy.h"
#include "policies/pattern.h"
#include "policies/role.h"
#include "policy_fixture.h"

// The policies that are shipped, and every snippet of docs/policy.md.

namespace chancery {
namespace {

using enum Operation;
using namespace std::chrono_literals;

Ask issue(const std::string& profile, const std::string& owner) {
  return Ask(certificate_issue)
      .issuer("issuing")
      .profile(profile)
      .owner(owner)
      .key_type(KeyType::ec_p256)
      .validity(24h);
}

/// Whether the answer is the expected one, in a line of a table.
struct ExampleRow {
  std::string name;
  Machine machine;
  PolicyQuestion question;
  std::string grant;  ///< that allows it; empty: denied
};

void check_rows(const Policy& policy, const std::vector<ExampleRow>& rows) {
  for (const ExampleRow& row : rows) {
    BOOST_TEST_CONTEXT(row.name) {
      const Decision decision = policy.decide(row.machine, row.question);
      BOOST_TEST_INFO(decision.reason());
      BOOST_TEST(decision.allowed() == !row.grant.empty());
      if (!row.grant.empty()) BOOST_TEST(decision.grant() == row.grant);
    }
  }
}

std::vector<ExampleRow> web_fleet() {
  const TestMachine eu = TestMachine("web-1.eu.example.com").source("10.1.2.3");
  const TestMachine us = TestMachine("web-1.us.example.com").source("10.2.2.3");
  const TestMachine ops("ops-eu");
  return {
      {"EU site", eu, issue("tls-server", "web-1.eu.example.com").dns("www.example.eu"),
       "eu-sites"},
      {"EU shop", eu, issue("tls-server", "web-1.eu.example.com").dns("a.shop.example.eu"),
       "eu-sites"},
      {"EU from the US network", TestMachine(eu).source("10.2.2.3"),
       issue("tls-server", "web-1.eu.example.com").dns("www.example.eu"), ""},
      {"EU site on a US machine", us,
       issue("tls-server", "web-1.us.example.com").dns("www.example.eu"), ""},
      {"US address", us,
       issue("tls-server", "web-1.us.example.com").dns("www.example.com").ip("192.0.2.9"),
       "us-sites"},
      {"first certificate", TestMachine(us).enrolling(),
       issue("machine", "web-1.us.example.com").dns("web-1.us.example.com"), "first-certificate"},
      {"a machine of no region", TestMachine("web-1.example.com"),
       issue("machine", "web-1.example.com").dns("web-1.example.com"), ""},
      {"regional operator", ops, Ask(certificate_revoke).owner("web-1.eu.example.com"),
       "role:operator"},
      {"regional operator elsewhere", ops, Ask(certificate_revoke).owner("web-1.us.example.com"),
       ""},
      {"own revocation", us, Ask(certificate_revoke).owner("web-1.us.example.com"),
       "own-certificates"},
      {"the auditor reads", TestMachine("carol"), Ask(audit_read), "role:auditor"},
      {"the administrator does not", TestMachine("alice"), Ask(audit_read), ""},
  };
}

std::vector<ExampleRow> spiffe_workloads() {
  const TestMachine shop = TestMachine("").spiffe("spiffe://cluster.example.com/ns/shop/sa/cart");
  const TestMachine pay =
      TestMachine("").spiffe("spiffe://cluster.example.com/ns/payments/sa/settle");
  const TestMachine add = TestMachine("")
                              .spiffe("spiffe://cluster.example.com/ns/system/sa/provisioner")
                              .source("10.96.0.9");
  const Ask sign = Ask(key_sign).key("payments.settle").algorithm(SignatureAlgorithm::ed25519);
  return {
      {"a service", shop, issue("tls-server", "").dns("cart.shop.svc.cluster.local"),
       "shop-services"},
      {"its SPIFFE ID", shop,
       issue("tls-client", "").uri("spiffe://cluster.example.com/ns/shop/sa/cart"),
       "shop-services"},
      {"another's SPIFFE ID", shop,
       issue("tls-client", "").uri("spiffe://cluster.example.com/ns/shop/sa/db"), ""},
      {"another namespace's name", shop,
       issue("tls-server", "").dns("a.payments.svc.cluster.local"), ""},
      {"payments sign", pay, sign, "payment-signing"},
      {"the shop does not", shop, sign, ""},
      {"the same path in another trust domain",
       TestMachine("").spiffe("spiffe://evil.org/ns/payments/sa/settle"), sign, ""},
      {"the provisioner adds a node", add,
       Ask(machine_add).owner("n1.nodes.example.com").profile("machine"), "provisioner"},
      {"but not with another profile", add,
       Ask(machine_add).owner("n1.nodes.example.com").profile("code-signing"), ""},
      {"nor another machine", add, Ask(machine_add).owner("web-1").profile("machine"), ""},
      {"a node's first certificate", TestMachine("n1.nodes.example.com").enrolling(),
       issue("machine", "n1.nodes.example.com")
           .dns("n1.nodes.example.com")
           .uri("spiffe://example.com/machine/n1.nodes.example.com"),
       "nodes"},
      {"nobody becomes alice", TestMachine("n1.nodes.example.com").enrolling(),
       issue("machine", "n1.nodes.example.com").uri("spiffe://example.com/people/alice"), ""},
  };
}

std::vector<ExampleRow> code_signing() {
  const TestMachine build = TestMachine("build-7.ci.example.com").source("10.20.1.1");
  const TestMachine release =
      TestMachine("release.ci.example.com")
          .fingerprint("3f1cbb4b4e8b9d1b8d5d9a4b0c6f5e2a7d8c9b0a1f2e3d4c5b6a79880716253f");
  const auto sign = [](Operation operation, const std::string& key, SignatureAlgorithm algorithm) {
    return Ask(operation).key(key).algorithm(algorithm);
  };
  const Ask certificate = issue("code-signing", "release.ci.example.com")
                              .key_type(KeyType::ec_p384)
                              .subject({"CH", "Example Corp", "", "Example Corp Releases"});
  return {
      {"nightly", build, sign(key_sign, "nightly", SignatureAlgorithm::ecdsa_p256_sha256),
       "nightly"},
      {"no digest for nightly", build,
       sign(key_sign_digest, "nightly", SignatureAlgorithm::ecdsa_p256_sha256), ""},
      {"no release by a build machine", build,
       sign(key_sign, "release.app", SignatureAlgorithm::ecdsa_p384_sha384), ""},
      {"a release digest", release,
       sign(key_sign_digest, "release.app", SignatureAlgorithm::ecdsa_p384_sha384),
       "release-digests"},
      {"not with SHA-256", release,
       sign(key_sign_digest, "release.app", SignatureAlgorithm::rsa_pss_sha256), ""},
      {"not with another certificate", TestMachine("release.ci.example.com"),
       sign(key_sign_digest, "release.app", SignatureAlgorithm::ecdsa_p384_sha384), ""},
      {"code-signing certificate", release, certificate, "release-certificate"},
      {"of another organization", release,
       Ask(certificate).subject({"CH", "Other", "", "Example Corp Releases"}), ""},
      {"build machines get none", build, certificate, ""},
  };
}

std::vector<ExampleRow> default_rows() {
  const TestMachine web("web-1.example.com");
  const std::string name = "web-1.example.com";
  Ask renewal = issue("tls-server", name).dns(name);
  renewal.question.operation = certificate_renew;
  const auto ed25519 = SignatureAlgorithm::ed25519;
  return {
      {"enrolment", TestMachine(web).enrolling(),
       issue("machine", name)
           .dns(name)
           .common_name(name)
           .uri("spiffe://example.com/machine/web-1.example.com"),
       "own-certificates"},
      {"a name below", web, issue("tls-server", name).dns("a.b.web-1.example.com"),
       "own-certificates"},
      {"renewal", web, renewal, "own-certificates"},
      {"another's name", web, issue("tls-server", name).dns("web-2.example.com"), ""},
      {"another's SPIFFE ID", web, issue("machine", name).uri("spiffe://example.com/machine/web-2"),
       ""},
      {"a CA", web, issue("intermediate-ca", name).dns(name), ""},
      {"from the root", web, issue("machine", name).issuer("root").dns(name), ""},
      {"own revocation", web, Ask(certificate_revoke).owner(name), "own-revocation"},
      {"another's", web, Ask(certificate_revoke).owner("web-2"), ""},
      {"own key", web, Ask(key_sign).key("web-1.example.com.a").algorithm(ed25519), "own-keys"},
      {"not its digest", web, Ask(key_sign_digest).key("web-1.example.com.a").algorithm(ed25519),
       ""},
      {"another's key", TestMachine("web"), Ask(key_sign).key("web-1.a").algorithm(ed25519), ""},
      {"a key below another's name", TestMachine("web"), Ask(key_sign).key("web.example.a"), ""},
      {"a key to be made", web, Ask(key_create).key("web-1.example.com.a"), ""},
      {"the administrator makes it", TestMachine("admin"),
       Ask(key_create).key("web-1.example.com.a"), "role:administrator"},
      {"the administrator's certificate", TestMachine("admin").enrolling(),
       issue("identity", "admin").dns("admin").uri("spiffe://example.com/machine/admin"),
       "identities"},
      {"is for no other machine", web, issue("identity", name).dns(name), ""},
      {"the operator adds", TestMachine("operator"), Ask(machine_add).owner("web-2"),
       "role:operator"},
      {"the auditor reads", TestMachine("auditor"), Ask(audit_read), "role:auditor"},
      {"the auditor enrols", TestMachine("auditor").enrolling(),
       issue("machine", "auditor").dns("auditor"), "own-certificates"},
  };
}

const std::map<std::string, std::vector<ExampleRow> (*)()> kExamples = {
    {"web-fleet.yaml", web_fleet},
    {"spiffe-workloads.yaml", spiffe_workloads},
    {"code-signing.yaml", code_signing},
};

/// The blocks ```LANGUAGE … ``` of a document.
std::vector<std::string> snippets(const std::string& document, const std::string& language) {
  std::vector<std::string> found;
  bool inside = false, wanted = false;
  std::istringstream lines(document);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) {
      inside = !inside;
      wanted = inside && line.substr(3) == language;
      if (wanted) found.emplace_back();
    } else if (wanted) {
      found.back() += line + "\n";
    }
  }
  return found;
}

BOOST_AUTO_TEST_SUITE(example)

BOOST_AUTO_TEST_CASE(each_shipped_example_has_its_cases) {
  std::set<std::string> shipped;
  const std::string folder = "policies/examples";
  for (const auto& file :
       std::filesystem::directory_iterator(std::string(CHANCERY_SOURCE_DIR) + "/" + folder)) {
    shipped.insert(file.path().filename());
  }
  BOOST_TEST(shipped.size() == kExamples.size());
  for (const auto& [name, rows] : kExamples) {
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST(shipped.contains(name));
      check_rows(*load_good(read_source(folder + "/" + name)), rows());
    }
  }
}

BOOST_AUTO_TEST_CASE(the_default_policy) {
  const auto policy = load_good(default_policy("example.com"));
  check_rows(*policy, default_rows());
}

BOOST_AUTO_TEST_CASE(the_default_policy_without_a_trust_domain) {
  const auto policy = load_good(default_policy());
  check_rows(*policy, {{"no SPIFFE ID", TestMachine("web-1"),
                        issue("machine", "web-1").uri("spiffe:///machine/web-1"), ""},
                       {"its name", TestMachine("web-1"), issue("machine", "web-1").dns("web-1"),
                        "own-certificates"}});
}

BOOST_AUTO_TEST_CASE(each_snippet_of_the_documentation_loads) {
  const auto found = snippets(read_source("docs/policy.md"), "yaml");
  BOOST_TEST(found.size() >= 3);
  for (const std::string& snippet : found) {
    const bool whole = snippet.starts_with("version:");
    load_good(whole ? snippet : "version: 1\n" + snippet);
  }
}

BOOST_AUTO_TEST_CASE(the_denial_in_the_documentation_is_the_real_one) {
  const std::string document = read_source("docs/policy.md");
  const auto policy = load_good(snippets(document, "yaml").front());
  const Decision decision =
      policy->decide(TestMachine("web-1.example.com"),
                     issue("tls-server", "web-1.example.com").dns("db.example.com"));
  std::string shown = snippets(document, "").front();
  shown.replace(shown.find("\n  "), 3, " ");
  BOOST_TEST(shown == decision.reason() + "\n");
}

// The table of patterns and that of roles in docs/policy.md, row by row.
BOOST_AUTO_TEST_CASE(the_table_of_patterns_in_the_documentation) {
  const std::string document = read_source("docs/policy.md");
  std::istringstream lines(document.substr(document.find("| pattern | covers |")));
  std::string line;
  std::getline(lines, line);
  std::getline(lines, line);
  int rows = 0;
  while (std::getline(lines, line) && line.starts_with("| `")) {
    ++rows;
    std::vector<std::vector<std::string>> cells(1);
    for (std::size_t at = 2; at < line.size(); ++at) {
      if (line[at] == '|') cells.emplace_back();
      if (line[at] != '`') continue;
      const std::size_t end = line.find('`', at + 1);
      BOOST_REQUIRE(end != std::string::npos);
      cells.back().push_back(line.substr(at + 1, end - at - 1));
      at = end;
    }
    const std::string text = cells[0].at(0);
    const PatternKind kind = text.find("://") != text.npos ? PatternKind::uri
                             : text.find('@') != text.npos ? PatternKind::email
                                                           : PatternKind::dns_name;
    const auto pattern = Pattern::parse(kind, text);
    BOOST_REQUIRE_MESSAGE(pattern, text);
    for (const std::string& name : cells[1]) {
      BOOST_TEST_CONTEXT(line << name) {
        BOOST_TEST(pattern->matches(name == "itself" ? text : name, {}));
      }
    }
    for (const std::string& name : cells[2]) {
      BOOST_TEST_CONTEXT(line << name) {
        BOOST_TEST(!pattern->matches(name, {}));
      }
    }
  }
  BOOST_TEST(rows == 8);
}

BOOST_AUTO_TEST_CASE(the_table_of_roles_in_the_documentation) {
  const std::map<std::string, std::set<Reach>> words = {
      {"", {Reach::none}},
      {"yes", {Reach::all}},
      {"in scope", {Reach::in_scope}},
      {"those with a role", {Reach::role_holders}},
      {"the service's own", {Reach::service}},
      {"in scope, without a role", {Reach::others_in_scope}},
  };
  const std::string document = read_source("docs/policy.md");
  std::set<Operation> seen;
  std::istringstream lines(document.substr(document.find("| operation | administrator |")));
  std::string line;
  std::getline(lines, line);
  std::getline(lines, line);
  while (std::getline(lines, line) && line.starts_with("| `")) {
    std::vector<std::string> cells;
    std::istringstream row(line.substr(1));
    for (std::string cell; std::getline(row, cell, '|');) {
      const std::size_t first = cell.find_first_not_of(' ');
      const std::size_t last = cell.find_last_not_of(' ');
      cells.push_back(first == cell.npos ? "" : cell.substr(first, last - first + 1));
    }
    BOOST_REQUIRE(cells.size() == 4);
    for (Operation operation : operations()) {
      if (cells[0].find("`" + std::string(name_of(operation)) + "`") == cells[0].npos) continue;
      seen.insert(operation);
      BOOST_TEST_CONTEXT(name_of(operation)) {
        for (std::size_t i = 0; i < kRoles.size(); ++i) {
          BOOST_REQUIRE(words.contains(cells[i + 1]));
          BOOST_TEST(words.at(cells[i + 1]).contains(role_row(operation).reach(kRoles[i])));
        }
      }
    }
  }
  BOOST_TEST(seen.size() == operations().size());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
