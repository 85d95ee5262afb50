#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "policies/default_policy.h"
#include "policies/pattern.h"
#include "policies/policy_case.h"
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

BOOST_AUTO_TEST_CASE(each_shipped_example_answers_its_cases) {
  const std::string folder = std::string(CHANCERY_SOURCE_DIR) + "/policies/examples";
  const std::string ending = ".yaml", cases_ending = ".tests.yaml";
  std::size_t examples = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    const std::string name = file.path().filename();
    if (name.ends_with(cases_ending)) continue;
    BOOST_TEST_CONTEXT(name) {
      ++examples;
      const std::string source = "policies/examples/" + name;
      const auto policy = load_good(read_source(source));
      const std::string beside = source.substr(0, source.size() - ending.size()) + cases_ending;
      const auto read =
          read_policy_cases(read_source(beside), test_vocabulary().profiles, now(), beside);
      BOOST_REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
      BOOST_TEST(read->policy == name);
      for (const PolicyCase& one : read->cases) {
        const Decision decision = policy->decide(one.machine, one.question, one.at);
        BOOST_TEST(differs(one, decision) == "", one.name << ": " << differs(one, decision));
      }
      BOOST_TEST(std::ranges::any_of(read->cases, &PolicyCase::allowed));
      BOOST_TEST(!std::ranges::all_of(read->cases, &PolicyCase::allowed));
    }
  }
  BOOST_TEST(examples == 5);
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
