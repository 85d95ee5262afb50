#pragma once

#include <string>
#include <vector>

namespace chancery {

/// What shows that a row of a table of docs/policy.md is true.
struct PageExample {
  std::string table;    ///< the heading of its first column
  std::string row;      ///< the first word in backticks of the row's first cell, or all of the cell
  std::string policy;   ///< without `version`
  std::string cases;    ///< items of `cases` (docs/policy-tools.md), in one line each; or empty:
  std::string refusal;  ///< the policy is refused when loaded, with this in the message
};
std::vector<PageExample> page_examples();

/// A request, and whether a condition holds for it in a grant and in a denial.
struct ConditionProbe {
  std::string machine;  ///< members of `machine` beside its name
  std::string ask;      ///< members of `ask` beside the operation
  bool grant;
  bool denial;
  std::string at = "2026-11-26T10:00:00Z";  // a Thursday
};

/// A row of the table of conditions.
struct ConditionExample {
  std::string condition;
  std::string operation;
  std::string value;  ///< empty: rules without the condition
  std::vector<ConditionProbe> probes;
  std::string refusal = {};  ///< of a grant with it; empty: it loads, where grants have it
};
std::vector<ConditionExample> condition_examples();

}  // namespace chancery
