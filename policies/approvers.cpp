#include "policies/approvers.h"

#include <algorithm>

#include "core/field_path.h"

namespace chancery {
namespace {

constexpr std::array<std::string_view, 3> kMembers = {"needed", "from", "expires"};
constexpr std::string_view kRolePrefix = "role:";

Result<Role> parse_approving_role(std::string_view text) {
  const std::array known = {grant_of(Role::administrator), grant_of(Role::operator_)};
  if (text == grant_of(Role::auditor)) {
    return invalid("", "an auditor changes nothing, and so approves nothing");
  }
  for (Role role : {Role::administrator, Role::operator_}) {
    if (grant_of(role) == text) return role;
  }
  return invalid("", "there is no role \"" + std::string(text) + "\"" + did_you_mean(text, known));
}

Result<void> read_from(const YamlNode& node, const FieldPath& path, ApprovalTerms& terms) {
  RETURN_IF_ERROR(expect_list(node, path, limits::policy_condition_values));
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    const YamlNode& child = node.children[i];
    const FieldPath child_path = path.item(i);
    ASSIGN_OR_RETURN(const std::string text, read_text(child, child_path));
    if (text.starts_with(kRolePrefix)) {
      const auto role = parse_approving_role(text);
      if (!role) return child_path.refuse(child.place, role.error().message);
      terms.roles[static_cast<std::size_t>(*role)] = true;
      continue;
    }
    auto pattern = parse_machine_pattern(text);
    if (!pattern) return child_path.refuse(child.place, pattern.error().message);
    terms.machines.push_back(std::move(*pattern));
  }
  return expect_distinct(node, path);
}

}  // namespace

bool is_one(const MachinePattern& pattern) {
  switch (pattern.kind) {
    case IdentityKind::name:
    case IdentityKind::spiffe:
    case IdentityKind::fingerprint:
      return !pattern.wildcards;
    case IdentityKind::dns:
    case IdentityKind::attribute:
    case IdentityKind::group:
      return false;
  }
  return false;
}

std::span<const std::string_view> approval_members() {
  return kMembers;
}

Result<ApprovalTerms> read_approval(const YamlNode& node, const FieldPath& path) {
  ApprovalTerms terms;
  ASSIGN_OR_RETURN(const YamlNode* needed, required_member(node, path, "needed"));
  ASSIGN_OR_RETURN(const std::uint64_t number,
                   read_number(*needed, path.member("needed"), 1, limits::approvers_needed));
  terms.needed = static_cast<unsigned>(number);
  ASSIGN_OR_RETURN(const YamlNode* from, required_member(node, path, "from"));
  const FieldPath from_path = path.member("from");
  RETURN_IF_ERROR(read_from(*from, from_path, terms));
  terms.life = limits::approval_life;
  if (const YamlNode* expires = find_member(node, "expires")) {
    ASSIGN_OR_RETURN(terms.life,
                     read_duration(*expires, path.member("expires"), std::chrono::minutes(1),
                                   limits::approval_life_at_most));
  }
  const bool roles = terms.has(Role::administrator) || terms.has(Role::operator_);
  const bool listed = std::all_of(terms.machines.begin(), terms.machines.end(), is_one);
  if (!roles && listed && terms.machines.size() < terms.needed) {
    return from_path.refuse(from->place, "names " + std::to_string(terms.machines.size()) +
                                             ", and " + std::to_string(terms.needed) +
                                             " different ones are needed");
  }
  return terms;
}

Result<Seconds> read_break_glass(const YamlNode& node, const FieldPath& path) {
  return read_duration(node, path, limits::break_glass_at_least, limits::break_glass_at_most);
}

}  // namespace chancery
