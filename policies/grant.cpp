#include "policies/grant.h"

#include <algorithm>

#include "core/field_path.h"
#include "policies/condition.h"
#include "policies/listing.h"
#include "policies/profile_fit.h"

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
    if (text == name_of(Operation::approval_give)) {
      return invalid("",
                     quoted(text) + " is not granted: the rule of an approval says who gives it");
    }
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
                             const PolicyVocabulary& vocabulary, GrantTerms& terms) {
  for (std::size_t i = 0; i < conditions().size(); ++i) {
    const ConditionRow& row = conditions()[i];
    if (row.in_when != in_when) continue;
    const YamlNode* member = find_member(node, row.name);
    if (member == nullptr) continue;
    if (!row.operations.meets(terms.operations)) {
      return path.member(row.name).refuse(member->name_place,
                                          "says nothing about " + terms.operations.text() +
                                              "; it is a condition of " + row.operations.text());
    }
    RETURN_IF_ERROR(row.read(*member, path.member(row.name), vocabulary, terms));
    terms.given |= std::uint32_t{1} << i;
  }
  return {};
}

bool names_any(const GrantTerms& terms) {
  return !terms.dns_names.empty() || !terms.ip_addresses.empty() || !terms.uris.empty() ||
         !terms.emails.empty() || !terms.common_names.empty();
}

/// A grant must say what it is about; "any" is never what silence means.
Result<void> check_complete(const YamlNode& node, const FieldPath& path, const GrantTerms& terms) {
  const OperationSet certifying = terms.operations.only(kCertifying);
  const OperationSet with_keys = terms.operations.only(kKeyOperations);
  const auto missing = [&](const char* member, OperationSet for_these) {
    return path.refuse(node.place, "grants " + for_these.text() + " and must say for which " +
                                       member + ": the member " + member + " is missing");
  };
  if (terms.operations.meets(kCertifying)) {
    if (terms.issuers.empty()) return missing("issuers", certifying);
    if (terms.profiles.empty()) return missing("profiles", certifying);
    if (!names_any(terms)) {
      return path.refuse(node.place,
                         "grants " + certifying.text() +
                             " but no names, so that nothing could be issued; add "
                             "when.dns_names, ip_addresses, uris, emails or common_names");
    }
  }
  if (terms.operations.meets(kKeyOperations) && terms.keys.empty())
    return missing("keys", with_keys);
  if (terms.operations.has(Operation::machine_add) &&
      terms.owner.kind == OwnerCondition::Kind::self) {
    return path.refuse(node.place,
                       "grants machine.add and must say which machines: when.owner is any or a "
                       "list of names");
  }
  return {};
}

/// Algorithms and digests that exclude each other.
Result<void> check_algorithms(const YamlNode& node, const FieldPath& path,
                              const GrantTerms& terms) {
  if (terms.algorithms.empty() || terms.digests.empty()) return {};
  const bool possible = std::any_of(
      terms.algorithms.begin(), terms.algorithms.end(), [&](SignatureAlgorithm algorithm) {
        const auto digest = row(algorithm).digest;
        return digest && std::find(terms.digests.begin(), terms.digests.end(), *digest) !=
                             terms.digests.end();
      });
  if (possible) return {};
  return path.refuse(node.place, "none of its algorithms has one of its digests");
}

/// Members that differ from grant to grant.
bool is_own(const YamlNode& member) {
  return member.name == "name" || member.name == "machines";
}

/// The same text for nodes of the same content, and another one for any other.
void append_content(const YamlNode& node, std::string& content) {
  for (std::string_view text : {std::string_view(node.name), std::string_view(node.text)}) {
    content += std::to_string(text.size());
    content += ':';
    content += text;
  }
  content += static_cast<char>('0' + static_cast<int>(node.kind));
  content += '(';
  for (const YamlNode& child : node.children) append_content(child, content);
  content += ')';
}

}  // namespace

Result<GrantReader::Item> GrantReader::read(const YamlNode& node, const FieldPath& path) {
  Item item;
  RETURN_IF_ERROR(expect_members(node, path, grant_members()));
  ASSIGN_OR_RETURN(const YamlNode* name, required(node, path, "name"));
  ASSIGN_OR_RETURN(item.grant.name, read_name(*name, path.member("name")));
  ASSIGN_OR_RETURN(const YamlNode* machines, required(node, path, "machines"));
  ASSIGN_OR_RETURN(item.machines, read_list(*machines, path.member("machines"),
                                            parse_machine_pattern, limits::policy_nodes));
  item.grant.place = machines->place;

  std::string content;
  for (const YamlNode& member : node.children) {
    if (!is_own(member)) append_content(member, content);
  }
  const auto known = known_.find(content);
  if (known != known_.end()) {
    item.grant.terms = known->second;
    return item;
  }
  ASSIGN_OR_RETURN(item.grant.terms, read_terms(node, path));
  known_.emplace(std::move(content), item.grant.terms);
  return item;
}

Result<const GrantTerms*> GrantReader::read_terms(const YamlNode& node, const FieldPath& path) {
  GrantTerms terms;
  ASSIGN_OR_RETURN(const YamlNode* operations, required(node, path, "operations"));
  ASSIGN_OR_RETURN(terms.operations, read_operations(*operations, path.member("operations")));
  RETURN_IF_ERROR(read_conditions(node, path, false, vocabulary_, terms));
  const FieldPath when_path = path.member("when");
  if (const YamlNode* when = find_member(node, "when")) {
    RETURN_IF_ERROR(expect_members(*when, when_path, when_members()));
    if (when->children.empty()) return when_path.refuse(when->place, "is empty; leave it out");
    RETURN_IF_ERROR(read_conditions(*when, when_path, true, vocabulary_, terms));
    RETURN_IF_ERROR(check_algorithms(*when, when_path, terms));
  }
  RETURN_IF_ERROR(check_complete(node, path, terms));
  RETURN_IF_ERROR(check_profile_fit(node, path, vocabulary_, terms));
  terms_.push_back(std::move(terms));
  return &terms_.back();
}

}  // namespace chancery
