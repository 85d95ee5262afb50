#pragma once

#include <array>
#include <optional>
#include <set>
#include <string>
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
  /// Who holds auditor by any identity is an auditor; who holds administrator by one and operator
  /// by another is neither.
  [[nodiscard]] bool holds(Role role) const;
  [[nodiscard]] bool is_torn() const;  ///< between administrator and operator
  /// True where each role of `other` is also held here.
  [[nodiscard]] bool include(const RoleEntry& other) const;
  /// True where the holder is an operator for machines called `owner`.
  [[nodiscard]] bool in_scope(const std::string& owner) const;
  /// The first scope, for a message.
  [[nodiscard]] const std::vector<Pattern>* scope() const;

 private:
  friend class RoleHolders;
  [[nodiscard]] bool has(Role role) const;
  std::array<const RoleEntry*, 3> entries_{};  // by its name, SPIFFE ID and fingerprint
};

/// The policy's `roles`: who is administrator, operator and auditor.
class RoleHolders {
 public:
  /// Reads the member `roles`. Refuses an identity that holds two roles. That two identities are
  /// one machine cannot be seen here: HeldRoles says what follows where they are.
  static Result<RoleHolders> read(const YamlNode& node, const FieldPath& path);

  [[nodiscard]] HeldRoles of(const Machine& machine) const;
  /// The entry for a machine name or SPIFFE ID, or null.
  [[nodiscard]] const RoleEntry* find(IdentityKind kind, std::string_view text) const;
  /// An approver's name, by the rule of an approval; beside the roles.
  void add_approver(const std::string& name) { approvers_.insert(name); }
  /// Whether adding the machine of this name gives what only administrators give: a role, or the
  /// say in what others ask for.
  [[nodiscard]] bool is_guarded(const std::string& name) const {
    return find(IdentityKind::name, name) != nullptr || approvers_.contains(name);
  }
  [[nodiscard]] const std::set<std::string>& approvers() const { return approvers_; }
  /// Who holds `role`, in the order of their lines.
  [[nodiscard]] std::vector<const RoleEntry*> holders(Role role) const;

 private:
  Result<void> read_role(Role role, const YamlNode& list, const FieldPath& path);
  Result<void> add(Role role, MachinePattern identity, std::vector<Pattern> scope,
                   const YamlNode& node, const FieldPath& path);
  std::array<TextMap<RoleEntry>, kIdentityKinds> entries_;
  std::set<std::string> approvers_;
};

}  // namespace chancery
