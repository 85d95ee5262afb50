#include "policies/role_holders.h"

#include <algorithm>

#include "core/field_path.h"

namespace chancery {
namespace {

constexpr std::array<std::string_view, 3> kRoleNames = {"administrator", "operator", "auditor"};
constexpr std::array<std::string_view, 2> kScopedMembers = {"identity", "machines"};

/// An operator's scope, from {identity: …, machines: […]}.
Result<std::vector<Pattern>> read_scope(Role role, const YamlNode& node, const FieldPath& path) {
  if (role != Role::operator_) {
    return path.refuse(node.place, "only an operator can be narrowed to some machines");
  }
  RETURN_IF_ERROR(expect_members(node, path, kScopedMembers));
  const YamlNode* machines = find_member(node, "machines");
  if (machines == nullptr) return path.refuse(node.place, "the member machines is missing");
  return read_list(*machines, path.member("machines"), [](std::string_view text) {
    return Pattern::parse_without_variables(PatternKind::machine_name, text);
  });
}

}  // namespace

bool HeldRoles::holds(Role role) const {
  return has(role) && (role == Role::auditor || !is_torn());
}

bool HeldRoles::is_torn() const {
  return has(Role::administrator) && has(Role::operator_);
}

bool HeldRoles::has(Role role) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const RoleEntry* entry) {
    return entry != nullptr && entry->holds(role);
  });
}

bool HeldRoles::include(const RoleEntry& other) const {
  return std::all_of(kRoles.begin(), kRoles.end(),
                     [&](Role role) { return !other.holds(role) || holds(role); });
}

bool HeldRoles::in_scope(const std::string& owner) const {
  const Machine nobody;  // a scope has no variables
  for (const RoleEntry* entry : entries_) {
    if (entry == nullptr || !entry->holds(Role::operator_)) continue;
    if (entry->scope.empty()) return true;
    for (const Pattern& pattern : entry->scope) {
      if (pattern.matches(owner, nobody)) return true;
    }
  }
  return false;
}

const std::vector<Pattern>* HeldRoles::scope() const {
  for (const RoleEntry* entry : entries_) {
    if (entry != nullptr && !entry->scope.empty()) return &entry->scope;
  }
  return nullptr;
}

Result<RoleHolders> RoleHolders::read(const YamlNode& node, const FieldPath& path) {
  RoleHolders holders;
  RETURN_IF_ERROR(expect_members(node, path, kRoleNames));
  for (Role role : kRoles) {
    const std::string_view name = name_of(role);
    if (const YamlNode* list = find_member(node, name)) {
      RETURN_IF_ERROR(holders.read_role(role, *list, path.member(name)));
    }
  }
  return holders;
}

Result<void> RoleHolders::read_role(Role role, const YamlNode& list, const FieldPath& path) {
  if (list.kind != YamlNode::Kind::list) return path.refuse(list.place, "must be a list");
  for (std::size_t i = 0; i < list.children.size(); ++i) {
    const YamlNode& item = list.children[i];
    const FieldPath item_path = path.item(i);
    std::vector<Pattern> scope;
    const YamlNode* identity = &item;
    FieldPath identity_path = item_path;
    if (item.kind == YamlNode::Kind::mapping) {
      ASSIGN_OR_RETURN(scope, read_scope(role, item, item_path));
      identity = find_member(item, "identity");
      identity_path = item_path.member("identity");
      if (identity == nullptr) {
        return item_path.refuse(item.place, "the member identity is missing");
      }
    }
    ASSIGN_OR_RETURN(const std::string text, read_text(*identity, identity_path));
    auto parsed = parse_role_identity(text);
    if (!parsed) return identity_path.refuse(identity->place, parsed.error().message);
    RETURN_IF_ERROR(add(role, std::move(*parsed), std::move(scope), *identity, identity_path));
  }
  return {};
}

Result<void> RoleHolders::add(Role role, MachinePattern identity, std::vector<Pattern> scope,
                              const YamlNode& node, const FieldPath& path) {
  auto& of_kind = entries_[static_cast<std::size_t>(identity.kind)];
  RoleEntry& entry = of_kind.try_emplace(identity.text).first->second;
  if (entry.holds(role)) return path.refuse(node.place, "\"" + node.text + "\" is given twice");
  for (Role other : kRoles) {
    if (!entry.holds(other)) continue;
    return path.refuse(node.place, "\"" + node.text + "\" also holds the role " +
                                       std::string(name_of(other)) + " (line " +
                                       std::to_string(entry.place.line) +
                                       "); whoever holds a role holds no other");
  }
  entry.identity = std::move(identity);
  entry.place = node.place;
  entry.roles[static_cast<std::size_t>(role)] = true;
  if (role == Role::operator_) entry.scope = std::move(scope);
  return {};
}

HeldRoles RoleHolders::of(const Machine& machine) const {
  HeldRoles held;
  held.entries_ = {find(IdentityKind::name, machine.name.text()),
                   find(IdentityKind::spiffe, machine.spiffe_id),
                   find(IdentityKind::fingerprint, machine.fingerprint)};
  return held;
}

const RoleEntry* RoleHolders::find(IdentityKind kind, std::string_view text) const {
  const auto& of_kind = entries_[static_cast<std::size_t>(kind)];
  const auto found = of_kind.find(text);
  return found == of_kind.end() ? nullptr : &found->second;
}

std::vector<const RoleEntry*> RoleHolders::holders(Role role) const {
  std::vector<const RoleEntry*> holders;
  for (const auto& of_kind : entries_) {
    for (const auto& [text, entry] : of_kind) {
      if (entry.holds(role)) holders.push_back(&entry);
    }
  }
  std::sort(holders.begin(), holders.end(),
            [](const RoleEntry* a, const RoleEntry* b) { return a->place.line < b->place.line; });
  return holders;
}

}  // namespace chancery
