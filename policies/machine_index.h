#pragma once

#include <array>
#include <memory_resource>
#include <vector>

#include "core/machine.h"
#include "policies/identity.h"
#include "policies/machine_group.h"
#include "policies/numbered_lists.h"
#include "policies/operation_set.h"
#include "policies/pattern_index.h"
#include "policies/rule.h"

namespace chancery {

using RuleId = std::uint32_t;         ///< position of a rule among those of its kind
using MachineNumber = std::uint32_t;  ///< of a pattern or a group in the index, from 1

/// Which rules name a machine by any of its identities, its attributes or a group. Patterns and
/// groups have numbers; a machine has those of all that cover it, and a rule is looked up by
/// number.
class MachineIndex {
 public:
  /// Covers every machine.
  static constexpr MachineNumber kEveryone = 1;

  MachineIndex();
  /// The number of a pattern or group, a new one where it has none. A group may be defined later.
  MachineNumber number(const MachinePattern& pattern);
  void define(const MachineGroup& group);
  void add(RuleKind kind, MachineNumber number, RuleId rule, OperationSet operations);
  /// Call once after the last add().
  void finish();

  using Numbers = std::pmr::vector<MachineNumber>;
  /// The numbers of what covers `machine`, each once, in no order.
  [[nodiscard]] Numbers identify(const Machine& machine, std::pmr::memory_resource* memory) const;
  /// The rules that name one of `numbers` and hold `operation`, in the order of the policy.
  [[nodiscard]] std::pmr::vector<RuleId> find(RuleKind kind, const Numbers& numbers,
                                              Operation operation) const;
  /// The first grant that names one of `numbers` at all, for a message.
  [[nodiscard]] std::optional<RuleId> first(const Numbers& numbers) const;
  /// The first grant that names this identity, itself or in a group but not by a wildcard, and
  /// meets `operations`.
  [[nodiscard]] std::optional<RuleId> first_exact(const MachinePattern& identity,
                                                  OperationSet operations) const;

 private:
  struct Posting {
    RuleId rule;
    OperationSet operations;
  };
  /// A machine is in a group where each clause has one of its numbers.
  struct Group {
    MachineNumber number;
    std::vector<std::vector<MachineNumber>> clauses;  // each sorted
    std::size_t posted = 0;                           // the clause that leads here
  };
  void post_groups();
  [[nodiscard]] bool holds(const Group& group, const Numbers& numbers) const;
  void add_groups(Numbers& numbers) const;
  [[nodiscard]] const NumberedLists<Posting>& rules(RuleKind kind) const {
    return rules_[static_cast<std::size_t>(kind)];
  }
  PatternIndex& index(IdentityKind kind) { return indices_[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] const PatternIndex& index(IdentityKind kind) const {
    return indices_[static_cast<std::size_t>(kind)];
  }

  std::array<PatternIndex, kIdentityKinds> indices_;
  TextTable group_names_;
  MachineNumber last_ = kEveryone;
  std::vector<Group> groups_;
  NumberedLists<std::uint32_t>
      memberships_;                        // positions in groups_, by the numbers that lead there
  NumberedLists<std::uint32_t> mentions_;  // the same by all numbers of all clauses
  std::array<NumberedLists<Posting>, kRuleKinds> rules_;
};

}  // namespace chancery
