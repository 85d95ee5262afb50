#include <algorithm>
#include <map>
#include <set>

#include "policies/condition.h"
#include "policies/pattern.h"
#include "policies/policy_case.h"
#include "policy_fixture.h"
#include "policy_page_examples.h"

// docs/policy.md is true: each row of its tables runs, and each example of it and of
// docs/approvals.md loads. The tables of patterns and of roles run in example_tests.cpp.

namespace chancery {
namespace {

using Cells = std::vector<std::string>;
/// The rows of each table, by the heading of its first column.
using Tables = std::map<std::string, std::vector<Cells>>;

Cells cells_of(const std::string& line) {
  Cells cells;
  std::istringstream row(line.substr(1));
  for (std::string cell; std::getline(row, cell, '|');) {
    const std::size_t first = cell.find_first_not_of(' '), last = cell.find_last_not_of(' ');
    cells.push_back(first == cell.npos ? "" : cell.substr(first, last - first + 1));
  }
  return cells;
}

Tables tables_of(const std::string& document) {
  Tables tables;
  std::istringstream lines(document);
  std::string line, heading;
  while (std::getline(lines, line)) {
    if (!line.starts_with("|")) {
      heading.clear();
    } else if (heading.empty()) {
      heading = cells_of(line).front();
      BOOST_TEST(!tables.contains(heading), "two tables begin with \"" << heading << '"');
      tables[heading];
    } else if (!line.starts_with("|---")) {
      tables[heading].push_back(cells_of(line));
    }
  }
  return tables;
}

/// What a row is called: the first word in backticks, unless its cell begins with others.
std::string name_of_row(const std::string& cell) {
  if (!cell.starts_with("`")) return cell;
  return cell.substr(1, cell.find('`', 1) - 1);
}

std::set<std::string> rows_of(const Tables& tables, const std::string& heading) {
  std::set<std::string> names;
  for (const Cells& cells : tables.at(heading)) {
    BOOST_TEST(names.insert(name_of_row(cells.front())).second, cells.front());
  }
  return names;
}

const Tables& page() {
  static const Tables tables = tables_of(read_source("docs/policy.md"));
  return tables;
}

void check_cases(const std::string& policy_text, const std::string& cases) {
  const auto policy = load_good("version: 1\n" + policy_text, permissive_vocabulary());
  std::string numbered = "cases:\n";
  std::istringstream lines(cases);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::string name = "{name: x,";
    line.replace(line.find(name), name.size(), "{name: \"" + std::to_string(++number) + "\",");
    numbered += line + "\n";
  }
  const auto read = read_policy_cases(numbered, permissive_vocabulary().profiles, now(), "cases");
  BOOST_REQUIRE_MESSAGE(read, (read ? "" : read.error().message) << "\n" << numbered);
  for (const PolicyCase& one : read->cases) {
    const Decision decision = policy->decide(one.machine, one.question, one.at);
    const std::string wrong = differs(one, decision);
    BOOST_TEST(wrong == "", policy_text << numbered << "case " << one.name << ": " << wrong);
  }
}

void check_refusal(const std::string& text, const std::string& said) {
  const std::string versioned = text.starts_with("version:") ? text : "version: 1\n" + text;
  const auto policy = load_policy(versioned, permissive_vocabulary());
  BOOST_REQUIRE_MESSAGE(!policy, versioned << " loads");
  BOOST_TEST(policy.error().message.find(said) != std::string::npos,
             versioned << policy.error().message);
}

// --- Conditions: the same request asked of a grant and of a denial that have it ----------------

struct FrameMember {
  std::string condition, text;
};

/// Everything that may be asked for, but for what `condition` is about.
std::string frame(const std::string& operation, const std::string& condition,
                  const std::string& value) {
  std::vector<FrameMember> when;
  std::string beside;
  if (operation == "certificate.issue") {
    beside = "issuers: [issuing], profiles: [tls-server, intermediate-ca], ";
    when = {{"dns_names", "[\"**\"]"},
            {"ip_addresses", "[0.0.0.0/0]"},
            {"uris", "[\"https://*/**\"]"},
            {"emails", "[\"*@**\"]"},
            {"common_names", "[\"**\"]"},
            {"subject", "{organization: [A], organizational_unit: [X], country: [CH, DE]}"}};
  }
  if (operation == "certificate.read") when = {{"owner", "any"}};
  if (operation.starts_with("key.")) beside = "keys: [k], ";
  std::string text;
  for (const FrameMember& member : when) {
    if (member.condition == condition) continue;
    text += (text.empty() ? "" : ", ") + member.condition + ": " + member.text;
  }
  if (!value.empty()) text += (text.empty() ? "" : ", ") + condition + ": " + value;
  const std::string all = text.empty() ? "" : "when: {" + text + "}, ";
  return "{name: g, machines: [\"**\"], " + beside + all + "operations: [" + operation + "]}";
}

std::string probe_case(const ConditionExample& example, const ConditionProbe& probe,
                       const std::string& expected) {
  const bool issues = example.operation == "certificate.issue";
  const auto joined = [](std::string first, const std::string& second) {
    return second.empty() ? first : first + ", " + second;
  };
  std::string ask = "operation: " + example.operation;
  if (issues) ask += ", issuer: issuing";
  if (issues && probe.ask.find("profile:") == std::string::npos) ask += ", profile: tls-server";
  return "  - {name: x, machine: {" + joined("name: m", probe.machine) + "}, ask: {" +
         joined(ask, probe.ask) + "}, at: " + probe.at + ", " + expected + "}\n";
}

void check_in_grant(const ConditionExample& example) {
  const std::string text =
      "grants: [" + frame(example.operation, example.condition, example.value) + "]\n";
  if (!example.refusal.empty()) return check_refusal(text, example.refusal);
  std::string cases;
  for (const ConditionProbe& probe : example.probes) {
    cases += probe_case(example, probe,
                        probe.grant ? "expect: allowed"
                                    : "expect: refused, reason: \"" + example.condition + ": \"");
  }
  check_cases(text, cases);
}

void check_in_denial(const ConditionExample& example) {
  std::string cases;
  for (const ConditionProbe& probe : example.probes) {
    cases += probe_case(example, probe,
                        probe.denial ? "expect: refused, grant: \"denial:d\"" : "expect: allowed");
  }
  const bool has = !example.value.empty();
  check_cases("grants: [" + frame(example.operation, "", "") + "]\ndenials: [{name: d, " +
                  (has ? "when: {" + example.condition + ": " + example.value + "}, " : "") +
                  "operations: [" + example.operation + "]}]\n",
              cases);
}

const ConditionRow& condition(const std::string& name) {
  const auto rows = conditions();
  const auto found = std::find_if(rows.begin(), rows.end(),
                                  [&](const ConditionRow& row) { return row.name == name; });
  BOOST_REQUIRE_MESSAGE(found != rows.end(), name);
  return *found;
}

/// The blocks ```yaml … ``` of a document.
std::vector<std::string> yaml_blocks(const std::string& document) {
  const std::string begin = "```yaml\n", end = "```\n";
  std::vector<std::string> blocks;
  for (std::size_t at = document.find(begin); at != document.npos; at = document.find(begin, at)) {
    at += begin.size();
    blocks.push_back(document.substr(at, document.find(end, at) - at));
  }
  return blocks;
}

BOOST_AUTO_TEST_SUITE(policy_page)

BOOST_AUTO_TEST_CASE(each_table_is_tested) {
  std::set<std::string> tested = {"pattern", "operation", "variable", "condition"};
  for (const PageExample& example : page_examples()) tested.insert(example.table);
  std::set<std::string> shown;
  for (const auto& [heading, rows] : page()) shown.insert(heading);
  BOOST_TEST(shown == tested, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(each_row_is_as_it_says) {
  std::map<std::string, std::set<std::string>> run;
  for (const PageExample& example : page_examples()) {
    run[example.table].insert(example.row);
    BOOST_TEST_CONTEXT(example.table << ": " << example.row) {
      BOOST_TEST(example.cases.empty() != example.refusal.empty());
      if (example.refusal.empty()) {
        check_cases(example.policy, example.cases);
      } else {
        check_refusal(example.policy, example.refusal);
      }
    }
  }
  for (const auto& [heading, rows] : run) {
    BOOST_TEST_CONTEXT(heading) {
      BOOST_TEST(rows_of(page(), heading) == rows, boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(each_condition_holds_when_it_says) {
  std::set<std::string> run;
  for (const ConditionExample& example : condition_examples()) {
    run.insert(example.condition);
    BOOST_TEST_CONTEXT(example.condition << ": " << example.value) {
      const ConditionRow& row = condition(example.condition);
      if (row.is_for(RuleKind::grant)) check_in_grant(example);
      if (row.is_for(RuleKind::denial)) check_in_denial(example);
    }
  }
  BOOST_TEST(rows_of(page(), "condition") == run, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(each_condition_is_in_the_table) {
  std::set<std::string> known;
  for (const ConditionRow& row : conditions()) {
    if (row.in_when) known.insert(std::string(row.name));
  }
  BOOST_TEST(rows_of(page(), "condition") == known, boost::test_tools::per_element());
  for (const Cells& cells : page().at("condition")) {
    BOOST_TEST_CONTEXT(cells.front()) {
      BOOST_REQUIRE(cells.size() == 4);
      const ConditionRow& row = condition(name_of_row(cells[0]));
      BOOST_TEST((cells[2] == "no") == !row.is_for(RuleKind::grant));
      BOOST_TEST((cells[3] == "no") == !row.is_for(RuleKind::denial));
      BOOST_TEST((cells[1] == "everything") ==
                 (row.operations.text() == OperationSet::everything().text()));
    }
  }
}

BOOST_AUTO_TEST_CASE(the_table_of_variables) {
  const TestMachine machine = [] {
    TestMachine made = TestMachine("web-1").spiffe("spiffe://example.com/ns/shop/sa/web");
    made.machine.attributes = {{"team", "shop"}};
    return made;
  }();
  for (const Cells& cells : page().at("variable")) {
    BOOST_TEST_CONTEXT(cells.front()) {
      BOOST_REQUIRE(cells.size() == 2);
      const auto pattern = Pattern::parse(PatternKind::text, name_of_row(cells[0]));
      BOOST_REQUIRE(pattern);
      BOOST_TEST(pattern->matches(name_of_row(cells[1]), machine));
      BOOST_TEST(!pattern->matches("", Machine()));
    }
  }
  BOOST_TEST(page().at("variable").size() == 5);
}

BOOST_AUTO_TEST_CASE(each_policy_of_the_pages_loads) {
  const std::string frame = "version: 1\nroles: {administrator: [alice, dora]}\n";
  for (const char* file : {"docs/policy.md", "docs/approvals.md"}) {
    const auto blocks = yaml_blocks(read_source(file));
    BOOST_TEST(blocks.size() >= 2);
    for (const std::string& block : blocks) {
      BOOST_TEST_CONTEXT(file << "\n" << block) {
        const bool whole = block.find("version: 1") == 0;
        const bool holders = block.find("roles:") != block.npos;
        load_good(whole ? block : (holders ? "version: 1\n" : frame) + block);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
