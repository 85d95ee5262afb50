#pragma once

#include <array>
#include <optional>
#include <vector>

#include "core/machine.h"
#include "core/yaml.h"
#include "policies/identity.h"
#include "policies/pattern.h"
#include "policies/role.h"
#include "policies/text_map.h"

namespace chancery {

/// What one identity of the policy's `roles` holds.
struct RoleEntry {
  MachinePattern identity;
  Place place;
  std::array<bool, kRoles.size()> roles{};
  std::vector<Pattern>
      scope;  ///< of an operator: whose certificates and records; empty: everyone's
  [[nodiscard]] bool holds(Role role) const { return roles[static_cast<std::size_t>(role)]; }
};

/// The roles of one machine, by all its identities together. Points into the RoleHolders.
class HeldRoles {
 public:
  [[nodiscard]] bool holds(Role role) const;
  [[nodiscard]] bool any() const;
  /// True where each role of `other` is also held here.
  [[nodiscard]] bool include(const RoleEntry& other) const;
  /// True where the holder is an operator for machines called `owner`.
  [[nodiscard]] bool in_scope(const std::string& owner) const;
  /// The first scope, for a message.
  [[nodiscard]] const std::vector<Pattern>* scope() const;

 private:
  friend class RoleHolders;
  std::array<const RoleEntry*, kIdentityKinds> entries_{};
};

/// The policy's `roles`: who is administrator, operator and auditor.
class RoleHolders {
 public:
  /// Reads the member `roles`. Refuses an identity that holds auditor and another role. That two
  /// identities are one person cannot be seen here: whoever holds auditor by any identity of a
  /// certificate is treated as an auditor when it asks.
  static Result<RoleHolders> read(const YamlNode& node, const FieldPath& path);

  [[nodiscard]] HeldRoles of(const Machine& machine) const;
  /// The entry for a machine name or SPIFFE ID, or null.
  [[nodiscard]] const RoleEntry* find(IdentityKind kind, std::string_view text) const;
  /// In the order of their lines.
  [[nodiscard]] std::vector<const RoleEntry*> auditors() const;

 private:
  Result<void> read_role(Role role, const YamlNode& list, const FieldPath& path);
  Result<void> add(Role role, MachinePattern identity, std::vector<Pattern> scope,
                   const YamlNode& node, const FieldPath& path);
  std::array<TextMap<RoleEntry>, kIdentityKinds> entries_;
};

}  // namespace chancery
