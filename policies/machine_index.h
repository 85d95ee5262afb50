#pragma once

#include <array>
#include <memory_resource>
#include <span>
#include <vector>

#include "core/machine.h"
#include "policies/identity.h"
#include "policies/operation_set.h"
#include "policies/pattern_index.h"

namespace chancery {

using GrantId = std::uint32_t;  ///< position of a grant in the policy

/// Which grants name a machine by any of its identities.
class MachineIndex {
 public:
  MachineIndex();
  void add(const MachinePattern& pattern, GrantId grant, OperationSet operations);
  /// Call once after the last add().
  void finish();

  /// The grants that name `machine` and hold `operation`, in the order of the policy.
  [[nodiscard]] std::pmr::vector<GrantId> find(const Machine& machine, Operation operation,
                                               std::pmr::memory_resource* memory) const;
  /// The first grant that names `machine` at all, for a message.
  [[nodiscard]] std::optional<GrantId> first(const Machine& machine) const;
  /// The first grant that names this identity, not by a wildcard, and meets `operations`.
  [[nodiscard]] std::optional<GrantId> first_exact(const MachinePattern& identity,
                                                   OperationSet operations) const;

 private:
  struct Posting {
    std::uint32_t pattern;
    GrantId grant;
    OperationSet operations;
  };
  [[nodiscard]] std::span<const Posting> postings(std::uint32_t pattern) const;
  [[nodiscard]] std::pmr::vector<std::uint32_t> patterns(const Machine& machine,
                                                         std::pmr::memory_resource* memory) const;
  PatternIndex& index(IdentityKind kind) { return indices_[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] const PatternIndex& index(IdentityKind kind) const {
    return indices_[static_cast<std::size_t>(kind)];
  }

  std::array<PatternIndex, kIdentityKinds> indices_;
  std::uint32_t patterns_ = 0;       // numbered from 1
  std::vector<Posting> postings_;    // by pattern, then grant
  std::vector<std::size_t> starts_;  // of a pattern's postings; one more at the end
};

}  // namespace chancery
