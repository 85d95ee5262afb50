#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/algorithm.h"
#include "core/clock.h"
#include "core/message_class.h"
#include "core/profile.h"
#include "core/yaml.h"
#include "policies/approvers.h"
#include "policies/identity.h"
#include "policies/network.h"
#include "policies/operation_set.h"
#include "policies/pattern.h"
#include "policies/quota.h"
#include "policies/time_window.h"

namespace chancery {

/// What an item of `grants`, `denials` and `approvals` does where it applies.
enum class RuleKind {
  grant,     ///< allows
  denial,    ///< refuses, whatever allows it
  approval,  ///< lets others agree first to what is allowed
};
inline constexpr std::size_t kRuleKinds = 3;
inline constexpr std::array kAllRuleKinds = {RuleKind::grant, RuleKind::denial, RuleKind::approval};
/// "grant", "denial", "approval".
std::string_view name_of(RuleKind kind);
/// The member of the policy that lists them: "grants", "denials", "approvals".
std::string_view list_of(RuleKind kind);

/// Whose certificate or record may be meant.
struct OwnerCondition {
  enum class Kind { self, any, patterns };
  Kind kind = Kind::self;
  std::vector<Pattern> patterns;
};

/// Values of one attribute of the machine.
struct AttributeCondition {
  std::string name;
  std::vector<Pattern> patterns;
};

/// Values of one field of the message.
struct ContentCondition {
  std::string field;
  std::vector<Pattern> patterns;
};

/// The set of conditions that a rule has or that an operation is asked for: bits by the row in the
/// table of policies/condition.h.
using ConditionSet = std::uint64_t;

/// What a rule says beside its name and its machines. An empty list means that the policy does not
/// say; policies/condition.h knows what follows from that for each.
struct RuleTerms {
  OperationSet operations;
  ConditionSet given = 0;

  // Resources
  std::vector<std::string> issuers, profiles;
  std::vector<Pattern> keys;

  // Conditions
  std::vector<Pattern> dns_names, uris, emails, common_names;
  std::vector<Network> ip_addresses;
  std::optional<std::uint64_t> max_names, more_names_than;
  std::vector<std::string> countries, organizations, organizational_units;
  std::vector<KeyType> key_types;
  std::vector<ExtendedKeyUsage> extended_key_usages;
  std::optional<Seconds> max_validity, longer_than;
  std::vector<SignatureAlgorithm> algorithms;
  std::vector<DigestAlgorithm> digests;
  std::vector<MessageClass> message_classes;
  std::vector<ContentCondition> content;
  std::optional<Seconds> max_lifetime, longer_lifetime_than;
  std::vector<Network> sources;
  std::vector<AttributeCondition> attributes;
  std::optional<Seconds> certificate_age, older_than;
  std::vector<TimeWindow> hours, outside_hours;
  std::optional<Time> valid_from, valid_until;  ///< until: the first moment when it is over
  OwnerCondition owner;

  // Duties
  std::vector<Quota> quotas;
  std::optional<ApprovalTerms> approval;  ///< of a grant that has one, and of each approval
};

/// One item of `grants`, `denials` or `approvals`.
struct Rule {
  std::string name;
  std::string_view file;                 ///< as messages call it; the policy owns the text
  Place place;                           ///< of its machines, or of itself where it has none
  std::vector<MachinePattern> machines;  ///< any of these; none: every machine (never of a grant)
  const RuleTerms* terms = nullptr;      ///< owned by the policy
};

}  // namespace chancery
