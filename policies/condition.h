#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/policy.h"
#include "policies/grant.h"

namespace chancery {

struct Asked {
  const Machine& machine;
  const PolicyQuestion& question;
  Time at;
};

/// What it means that a grant does not have a condition.
enum class Silence {
  anything,  ///< the condition is not asked
  rule,      ///< holds() decides: no names are allowed, only the machine's own
};

/// One member of a grant that narrows it. Every check of conditions reads this table: loading,
/// which members exist and where they make sense; deciding, whether they hold; denying, why not.
struct ConditionRow {
  std::string_view name;
  bool in_when;  ///< below `when`, or beside it (issuers, profiles, keys)
  Silence silence;
  OperationSet operations;  ///< those it is about; it says nothing about others
  Result<void> (*read)(const YamlNode&, const FieldPath&, const PolicyVocabulary&, GrantTerms&);
  bool (*holds)(const GrantTerms&, const Asked&);
  /// "what was asked" is not in [what is allowed]; only called where holds() is false.
  std::string (*explain)(const GrantTerms&, const Asked&);
};

std::span<const ConditionRow> conditions();

/// Whether `terms` have the condition in row `index` of the table, or are judged without it.
inline bool is_asked(const ConditionRow& row, std::size_t index, const GrantTerms& terms,
                     Operation operation) {
  return row.operations.has(operation) &&
         (row.silence == Silence::rule || ((terms.given >> index) & 1) != 0);
}

/// Operations that make a certificate.
inline constexpr OperationSet kCertifying = {Operation::certificate_issue,
                                             Operation::certificate_renew};
inline constexpr OperationSet kKeyOperations = {Operation::key_create, Operation::key_read,
                                                Operation::key_sign, Operation::key_sign_digest};

}  // namespace chancery
