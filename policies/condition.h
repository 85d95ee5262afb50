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
};

/// One member of a grant that narrows it. Every check of conditions reads this table: loading,
/// which members exist and where they make sense; deciding, whether they hold; denying, why not.
struct ConditionRow {
  std::string_view name;
  bool in_when;             ///< below `when`, or beside it (issuers, profiles, keys)
  OperationSet operations;  ///< those it is about; it says nothing about others
  Result<void> (*read)(const YamlNode&, const FieldPath&, const PolicyVocabulary&, Grant&);
  bool (*holds)(const Grant&, const Asked&);
  /// "what was asked" is not in [what is allowed]; only called where holds() is false.
  std::string (*explain)(const Grant&, const Asked&);
};

std::span<const ConditionRow> conditions();

/// Operations that make a certificate.
inline constexpr OperationSet kCertifying = {Operation::certificate_issue,
                                             Operation::certificate_renew};
inline constexpr OperationSet kKeyOperations = {Operation::key_create, Operation::key_read,
                                                Operation::key_sign, Operation::key_sign_digest};

}  // namespace chancery
