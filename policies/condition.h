#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/policy.h"
#include "policies/rule.h"
#include "policies/vocabulary.h"

namespace chancery {

class FieldPath;

struct Asked {
  const Machine& machine;
  const PolicyQuestion& question;
  Time at;
};

/// What it means that a grant does not have a condition. Denials and approvals say nothing by
/// silence.
enum class Silence {
  anything,  ///< the condition is not asked
  rule,      ///< holds() decides: no names are allowed, only the machine's own
};

/// One member of a rule that narrows it. Every check of conditions reads this table: loading,
/// which members exist and where they make sense; deciding, whether they hold; denying, why not.
///
/// A grant covers a request where everything that is asked is within its conditions; a denial or
/// an approval meets one where anything that is asked is. Where these two differ, the row says
/// both.
struct ConditionRow {
  std::string_view name;
  bool in_when;  ///< below `when`, or beside it (issuers, profiles, keys)
  Silence silence;
  OperationSet operations;  ///< those it is about; it says nothing about others
  Result<void> (*read)(const YamlNode&, const FieldPath&, const PolicyVocabulary&, RuleTerms&);
  /// Of a grant; null where grants do not have the condition.
  bool (*holds)(const RuleTerms&, const Asked&);
  /// "what was asked" is not in [what is allowed]; only called where holds() is false.
  std::string (*explain)(const RuleTerms&, const Asked&);
  /// Of a denial or an approval; null where these do not have the condition.
  bool (*meets)(const RuleTerms&, const Asked&);
  /// "what was asked" is in [what the rule is about]; only called where meets() is true.
  std::string (*explain_met)(const RuleTerms&, const Asked&);

  [[nodiscard]] bool is_for(RuleKind kind) const {
    return kind == RuleKind::grant ? holds != nullptr : meets != nullptr;
  }
};

std::span<const ConditionRow> conditions();

/// The conditions that decide whether a rule of `kind` with these terms applies to `operation`:
/// those that it has, and of a grant those whose silence is a rule.
ConditionSet asked_conditions(RuleKind kind, const RuleTerms& terms, Operation operation);

/// Calls `each(row)` for the rows in `set`, in the order of the table.
template <class Each>
void for_each_condition(ConditionSet set, Each each) {
  for (; set != 0; set &= set - 1) {
    each(conditions()[static_cast<std::size_t>(std::countr_zero(set))]);
  }
}

/// Whether a denial or an approval with these terms meets the request. What the machine is, and
/// which operation, is the index's to say.
bool meets(const RuleTerms& terms, const Asked& asked);

/// Operations that make a certificate.
inline constexpr OperationSet kCertifying = {Operation::certificate_issue,
                                             Operation::certificate_renew};
inline constexpr OperationSet kKeyOperations = {Operation::key_create, Operation::key_read,
                                                Operation::key_sign, Operation::key_sign_digest};
inline constexpr OperationSet kSigning = {Operation::key_sign, Operation::key_sign_digest};

}  // namespace chancery
