#include "policies/condition.h"

#include <array>

#include "policies/condition_themes.h"

namespace chancery {
namespace {

/// The order is that of the checks, and so of the reasons.
std::vector<ConditionRow> all_rows() {
  std::vector<ConditionRow> rows;
  for (const auto theme : {resource_conditions(), machine_conditions(), time_conditions(),
                           name_conditions(), use_conditions(), signing_conditions()}) {
    rows.insert(rows.end(), theme.begin(), theme.end());
  }
  CHECK(rows.size() <= 64);  // a ConditionSet's bits
  return rows;
}

/// Which conditions are about an operation, and which of these are asked of a grant without them.
struct OperationConditions {
  ConditionSet about = 0;
  ConditionSet by_silence = 0;
};

std::vector<OperationConditions> by_operation() {
  std::vector<OperationConditions> all(operations().size());
  for (Operation operation : operations()) {
    OperationConditions& here = all[static_cast<std::size_t>(operation)];
    for (std::size_t i = 0; i < conditions().size(); ++i) {
      const ConditionRow& row = conditions()[i];
      const ConditionSet bit = ConditionSet{1} << i;
      if (!row.operations.has(operation)) continue;
      here.about |= bit;
      if (row.silence == Silence::rule) here.by_silence |= bit;
    }
  }
  return all;
}

}  // namespace

std::span<const ConditionRow> conditions() {
  static const std::vector<ConditionRow> rows = all_rows();
  return rows;
}

ConditionSet asked_conditions(RuleKind kind, const RuleTerms& terms, Operation operation) {
  static const std::vector<OperationConditions> table = by_operation();
  const OperationConditions& here = table[static_cast<std::size_t>(operation)];
  const ConditionSet given = terms.given & here.about;
  return kind == RuleKind::grant ? given | here.by_silence : given;
}

bool meets(const RuleTerms& terms, const Asked& asked) {
  const auto rows = conditions();
  ConditionSet set = asked_conditions(RuleKind::denial, terms, asked.question.operation);
  for (; set != 0; set &= set - 1) {
    if (!rows[static_cast<std::size_t>(std::countr_zero(set))].meets(terms, asked)) return false;
  }
  return true;
}

}  // namespace chancery
