#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/policy.h"
#include "naive_match.h"

namespace chancery {

struct NaiveApproval {
  int needed = 0;
  std::vector<std::string> from;
  int expires_hours = 24;
};

struct NaiveQuota {
  int limit = 0;
  std::string per;
  bool of_grant = false;
};

/// A second, deliberately naive reading of docs/policy.md, to compare the engine with: it looks at
/// every rule, matches by trying everything, and shares no code with policies/.
struct NaiveRule {
  using Texts = std::vector<std::string>;
  std::string name;
  Texts machines;
  std::vector<Operation> operations;
  Texts issuers, profiles, keys;
  Texts dns_names, uris, emails, common_names, organizations;
  Texts ip_addresses, sources;  ///< IPv4 ranges
  Texts key_types, usages, algorithms, digests, classes;
  std::optional<int> max_names;         ///< or more_names_than
  std::optional<int> validity_hours;    ///< max_validity or longer_than
  std::optional<int> age_hours;         ///< certificate_age or older_than
  std::optional<int> lifetime_minutes;  ///< max_lifetime or longer_lifetime_than
  std::vector<std::pair<std::string, Texts>> attributes, content;
  std::vector<naive_match::Hours> hours, outside_hours;
  std::optional<std::string> valid_from, valid_until;
  std::string owner_word;  ///< "self", "any", or empty
  Texts owner_list;        ///< where there is no word
  std::vector<NaiveQuota> quotas;
  std::optional<NaiveApproval> approval;
  std::optional<int> break_glass_hours;
};

struct NaiveRole {
  std::string role, identity;
  std::vector<std::string> scope;
};

struct NaiveGroup {
  std::string name;
  std::vector<std::string> machines;
  std::vector<std::pair<std::string, std::vector<std::string>>> attributes;
};

/// A condition of grants, or of denials and approvals.
struct NaiveCondition {
  bool of_grants = true;
  std::string_view name;
  auto operator<=>(const NaiveCondition&) const = default;
};

/// What a defect makes of the answer of a condition.
enum class NaiveDefectKind { turned, always, never };
struct NaiveDefect {
  NaiveCondition condition;
  NaiveDefectKind kind;
};

struct NaivePolicy {
  std::vector<NaiveRole> roles;
  std::vector<NaiveGroup> groups;
  std::vector<NaiveRule> denials, grants, approvals;

  /// As policy.yaml.
  [[nodiscard]] std::string yaml() const;

  struct Answer {
    bool allowed = false;
    std::string grant;
    std::vector<std::string> quotas = {};  ///< "NAME/1 of MACHINE: 5 in 3600 s"
    std::string approval = {};             ///< "RULE: 2 in 86400 s, opens for 0 s"
    bool operator==(const Answer&) const = default;
  };
  /// Adds to `judged` each condition that was looked at.
  [[nodiscard]] Answer decide(const Machine& machine, const PolicyQuestion& question, Time at,
                              std::set<NaiveCondition>* judged = nullptr,
                              const NaiveDefect* defect = nullptr) const;
  [[nodiscard]] bool may_approve(const std::string& rule, const Machine& approver) const;
  [[nodiscard]] bool is_for(const NaiveRule& rule, const Machine& machine,
                            Operation operation) const;

 private:
  struct Judge;
  [[nodiscard]] Answer decide_by_roles_and_grants(const Machine& machine,
                                                  const PolicyQuestion& question,
                                                  const Judge& judge) const;
  [[nodiscard]] bool names(const std::string& pattern, const Machine& machine) const;
  [[nodiscard]] bool has_role(std::string_view role, const Machine& machine) const;
  void add_approval(Answer& answer, const Machine& machine, const PolicyQuestion& question,
                    const Judge& judge) const;
};

/// The engine's answer in the same form.
NaivePolicy::Answer answer_of(const Decision& decision);

}  // namespace chancery
