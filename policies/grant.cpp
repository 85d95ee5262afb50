#include "policies/grant.h"

#include <algorithm>

#include "policies/condition.h"
#include "policies/field.h"
#include "policies/listing.h"

namespace chancery {
namespace {

/// The members of a grant or of its `when`.
std::vector<std::string_view> member_names(bool in_when) {
  std::vector<std::string_view> names;
  if (!in_when) names = {"name", "machines", "operations", "when"};
  for (const ConditionRow& row : conditions()) {
    if (row.in_when == in_when) names.push_back(row.name);
  }
  return names;
}
const std::vector<std::string_view>& grant_members() {
  static const std::vector<std::string_view> names = member_names(false);
  return names;
}
const std::vector<std::string_view>& when_members() {
  static const std::vector<std::string_view> names = member_names(true);
  return names;
}

/// The member `name`, which must be there.
Result<const YamlNode*> required(const YamlNode& node, const FieldPath& path,
                                 std::string_view name) {
  const YamlNode* member = find_member(node, name);
  if (member != nullptr) return member;
  return path.refuse(node.place, "the member " + std::string(name) + " is missing");
}

Result<std::string> read_name(const YamlNode& node, const FieldPath& path) {
  ASSIGN_OR_RETURN(std::string name, read_text(node, path));
  // Shown in decisions and the audit log beside "role:…" and "builtin:…".
  const bool good =
      name.size() <= limits::name_bytes && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
      });
  if (good) return name;
  return path.refuse(node.place,
                     "must be 1 to " + std::to_string(limits::name_bytes) + " of a-z 0-9 . _ -");
}

Result<OperationSet> read_operations(const YamlNode& node, const FieldPath& path) {
  const auto parse = [](std::string_view text) -> Result<Operation> {
    std::vector<std::string_view> names;
    for (Operation operation : operations()) {
      if (name_of(operation) == text) return operation;
      names.push_back(name_of(operation));
    }
    return invalid("", "there is no operation " + quoted(text) + did_you_mean(text, names));
  };
  ASSIGN_OR_RETURN(const std::vector<Operation> list, read_list(node, path, parse));
  OperationSet set;
  for (Operation operation : list) set.add(operation);
  return set;
}

/// Reads the conditions that stand in `node`, and refuses those about operations that the grant
/// does not have: whoever wrote them expects something that does not happen.
Result<void> read_conditions(const YamlNode& node, const FieldPath& path, bool in_when,
                             const PolicyVocabulary& vocabulary, Grant& grant) {
  for (const ConditionRow& row : conditions()) {
    if (row.in_when != in_when) continue;
    const YamlNode* member = find_member(node, row.name);
    if (member == nullptr) continue;
    if (!row.operations.meets(grant.operations)) {
      return path.member(row.name).refuse(member->name_place,
                                          "says nothing about " + grant.operations.text() +
                                              "; it is a condition of " + row.operations.text());
    }
    RETURN_IF_ERROR(row.read(*member, path.member(row.name), vocabulary, grant));
  }
  return {};
}

bool names_any(const Grant& grant) {
  return !grant.dns_names.empty() || !grant.ip_addresses.empty() || !grant.uris.empty() ||
         !grant.emails.empty() || !grant.common_names.empty();
}

/// A grant must say what it is about; "any" is never what silence means.
Result<void> check_complete(const YamlNode& node, const FieldPath& path, const Grant& grant) {
  const OperationSet certifying = grant.operations.only(kCertifying);
  const OperationSet with_keys = grant.operations.only(kKeyOperations);
  const auto missing = [&](const char* member, OperationSet for_these) {
    return path.refuse(node.place, "grants " + for_these.text() + " and must say for which " +
                                       member + ": the member " + member + " is missing");
  };
  if (grant.operations.meets(kCertifying)) {
    if (grant.issuers.empty()) return missing("issuers", certifying);
    if (grant.profiles.empty()) return missing("profiles", certifying);
    if (!names_any(grant)) {
      return path.refuse(node.place,
                         "grants " + certifying.text() +
                             " but no names, so that nothing could be issued; add "
                             "when.dns_names, ip_addresses, uris, emails or common_names");
    }
  }
  if (grant.operations.meets(kKeyOperations) && grant.keys.empty())
    return missing("keys", with_keys);
  if (grant.operations.has(Operation::machine_add) &&
      grant.owner.kind == OwnerCondition::Kind::self) {
    return path.refuse(node.place,
                       "grants machine.add and must say which machines: when.owner is any or a "
                       "list of names");
  }
  return {};
}

/// Algorithms and digests that exclude each other.
Result<void> check_algorithms(const YamlNode& node, const FieldPath& path, const Grant& grant) {
  if (grant.algorithms.empty() || grant.digests.empty()) return {};
  const bool possible = std::any_of(
      grant.algorithms.begin(), grant.algorithms.end(), [&](SignatureAlgorithm algorithm) {
        const auto digest = row(algorithm).digest;
        return digest && std::find(grant.digests.begin(), grant.digests.end(), *digest) !=
                             grant.digests.end();
      });
  if (possible) return {};
  return path.refuse(node.place, "none of its algorithms has one of its digests");
}

}  // namespace

Result<GrantText> read_grant(const YamlNode& node, const FieldPath& path,
                             const PolicyVocabulary& vocabulary) {
  GrantText text;
  Grant& grant = text.grant;
  RETURN_IF_ERROR(expect_members(node, path, grant_members()));

  ASSIGN_OR_RETURN(const YamlNode* name, required(node, path, "name"));
  ASSIGN_OR_RETURN(grant.name, read_name(*name, path.member("name")));
  ASSIGN_OR_RETURN(const YamlNode* operations, required(node, path, "operations"));
  ASSIGN_OR_RETURN(grant.operations, read_operations(*operations, path.member("operations")));
  ASSIGN_OR_RETURN(const YamlNode* machines, required(node, path, "machines"));
  ASSIGN_OR_RETURN(text.machines, read_list(*machines, path.member("machines"),
                                            parse_machine_pattern, limits::policy_nodes));
  grant.place = machines->place;

  RETURN_IF_ERROR(read_conditions(node, path, false, vocabulary, grant));
  const FieldPath when_path = path.member("when");
  if (const YamlNode* when = find_member(node, "when")) {
    RETURN_IF_ERROR(expect_members(*when, when_path, when_members()));
    if (when->children.empty()) return when_path.refuse(when->place, "is empty; leave it out");
    RETURN_IF_ERROR(read_conditions(*when, when_path, true, vocabulary, grant));
    RETURN_IF_ERROR(check_algorithms(*when, when_path, grant));
  }
  RETURN_IF_ERROR(check_complete(node, path, grant));
  return text;
}

}  // namespace chancery
