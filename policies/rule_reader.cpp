#include "policies/rule_reader.h"

#include <algorithm>

#include "core/field_path.h"
#include "core/message_fields.h"
#include "policies/approvers.h"
#include "policies/condition.h"
#include "policies/listing.h"
#include "policies/profile_fit.h"

namespace chancery {
namespace {

/// Members that no row of the table of conditions has.
std::vector<std::string_view> plain_members(RuleKind kind) {
  switch (kind) {
    case RuleKind::grant:
      return {"name", "machines", "operations", "when", "quotas", "approvals", "break_glass"};
    case RuleKind::denial:
      return {"name", "machines", "operations", "when"};
    case RuleKind::approval: {
      std::vector<std::string_view> names = {"name", "machines", "operations", "when"};
      names.insert(names.end(), approval_members().begin(), approval_members().end());
      return names;
    }
  }
  CHECK(!"every kind of rule has members");
  return {};
}

std::array<std::vector<std::string_view>, kRuleKinds> members_by_kind(bool in_when) {
  std::array<std::vector<std::string_view>, kRuleKinds> all;
  for (RuleKind kind : kAllRuleKinds) {
    std::vector<std::string_view>& names = all[static_cast<std::size_t>(kind)];
    if (!in_when) names = plain_members(kind);
    for (const ConditionRow& row : conditions()) {
      if (row.in_when == in_when && row.is_for(kind)) names.push_back(row.name);
    }
  }
  return all;
}

Result<std::string> read_name(const YamlNode& node, const FieldPath& path) {
  ASSIGN_OR_RETURN(std::string name, read_text(node, path));
  if (const auto good = check_policy_name(name); !good) {
    return path.refuse(node.place, good.error().message);
  }
  return name;
}

Result<OperationSet> read_operations(RuleKind kind, const YamlNode& node, const FieldPath& path) {
  const auto parse = [kind](std::string_view text) -> Result<Operation> {
    std::vector<std::string_view> names;
    if (text == name_of(Operation::approval_give) && kind != RuleKind::denial) {
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

/// Reads the conditions that stand in `node`, and refuses those that say nothing about what the
/// rule is for: whoever wrote them expects something that does not happen. A grant may have some
/// about only a part of its operations; a denial would then refuse the others always.
Result<void> read_conditions(RuleKind kind, const YamlNode& node, const FieldPath& path,
                             bool in_when, const PolicyVocabulary& vocabulary, RuleTerms& terms) {
  for (std::size_t i = 0; i < conditions().size(); ++i) {
    const ConditionRow& row = conditions()[i];
    if (row.in_when != in_when || !row.is_for(kind)) continue;
    const YamlNode* member = find_member(node, row.name);
    if (member == nullptr) continue;
    const OperationSet others = terms.operations.without(row.operations);
    const bool fits = kind == RuleKind::grant ? row.operations.meets(terms.operations)
                                              : !others.meets(OperationSet::everything());
    if (!fits) {
      return path.member(row.name).refuse(
          member->name_place, "says nothing about " + others.text() + "; it is a condition of " +
                                  row.operations.text());
    }
    RETURN_IF_ERROR(row.read(*member, path.member(row.name), vocabulary, terms));
    terms.given |= ConditionSet{1} << i;
  }
  return {};
}

bool names_any(const RuleTerms& terms) {
  return !terms.dns_names.empty() || !terms.ip_addresses.empty() || !terms.uris.empty() ||
         !terms.emails.empty() || !terms.common_names.empty();
}

/// A grant must say what it is about; "any" is never what silence means.
Result<void> check_complete(const YamlNode& node, const FieldPath& path, const RuleTerms& terms) {
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
Result<void> check_algorithms(const YamlNode& node, const FieldPath& path, const RuleTerms& terms) {
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

/// Classes of messages that the operations cannot have, or that have none of the fields.
Result<void> check_messages(const YamlNode& node, const FieldPath& path, const RuleTerms& terms) {
  const std::vector<MessageClass>& classes = terms.message_classes;
  if (classes.empty()) return {};
  const auto is_digest = [](MessageClass one) { return one == MessageClass::digest; };
  const bool digests = std::any_of(classes.begin(), classes.end(), is_digest);
  const bool messages = !std::all_of(classes.begin(), classes.end(), is_digest);
  const bool possible = (digests && terms.operations.has(Operation::key_sign_digest)) ||
                        (messages && terms.operations.has(Operation::key_sign));
  if (!possible) {
    return path.refuse(node.place,
                       "none of its message_classes is signed by its operations: key.sign-digest "
                       "signs those of the class digest, and key.sign all others");
  }
  for (const ContentCondition& condition : terms.content) {
    const bool known = std::any_of(classes.begin(), classes.end(), [&](MessageClass one) {
      return has_field(one, condition.field);
    });
    if (known) continue;
    return path.member("content")
        .member(condition.field)
        .refuse(find_member(*find_member(node, "content"), condition.field)->name_place,
                "none of its message_classes has this field");
  }
  return {};
}

Result<void> check_dates(const YamlNode& node, const FieldPath& path, const RuleTerms& terms) {
  if (!terms.valid_from || !terms.valid_until || *terms.valid_from < *terms.valid_until) return {};
  return path.member("valid_until")
      .refuse(find_member(node, "valid_until")->place, "is not after valid_from");
}

/// What else has to happen where the rule applies.
Result<void> read_duties(RuleKind kind, const YamlNode& node, const FieldPath& path,
                         RuleTerms& terms) {
  if (kind == RuleKind::approval) {
    ASSIGN_OR_RETURN(terms.approval, read_approval(node, path));
    return {};
  }
  if (const YamlNode* quotas = find_member(node, "quotas")) {
    ASSIGN_OR_RETURN(terms.quotas, read_quotas(*quotas, path.member("quotas")));
  }
  if (const YamlNode* approvals = find_member(node, "approvals")) {
    const FieldPath approvals_path = path.member("approvals");
    RETURN_IF_ERROR(expect_members(*approvals, approvals_path, approval_members()));
    ASSIGN_OR_RETURN(terms.approval, read_approval(*approvals, approvals_path));
  }
  if (const YamlNode* break_glass = find_member(node, "break_glass")) {
    const FieldPath glass_path = path.member("break_glass");
    ASSIGN_OR_RETURN(const Seconds open, read_break_glass(*break_glass, glass_path));
    if (!terms.approval || terms.approval->needed < 2) {
      return glass_path.refuse(break_glass->name_place,
                               "opens a grant that is sealed by approvals, of which at least 2 "
                               "must be needed");
    }
    terms.approval->opens_for = open;
  }
  return {};
}

/// Members that differ from rule to rule.
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

std::span<const std::string_view> rule_members(RuleKind kind) {
  static const auto names = members_by_kind(false);
  return names[static_cast<std::size_t>(kind)];
}

std::span<const std::string_view> when_members(RuleKind kind) {
  static const auto names = members_by_kind(true);
  return names[static_cast<std::size_t>(kind)];
}

Result<Rule> RuleReader::read(RuleKind kind, const YamlNode& node, const FieldPath& path) {
  Rule rule;
  rule.file = path.file();
  RETURN_IF_ERROR(expect_members(node, path, rule_members(kind)));
  ASSIGN_OR_RETURN(const YamlNode* name, required_member(node, path, "name"));
  ASSIGN_OR_RETURN(rule.name, read_name(*name, path.member("name")));
  rule.place = node.place;
  const YamlNode* machines = find_member(node, "machines");
  if (machines == nullptr && kind == RuleKind::grant) {
    return path.refuse(node.place, "the member machines is missing");
  }
  if (machines != nullptr) {
    rule.place = machines->place;
    ASSIGN_OR_RETURN(rule.machines, read_list(*machines, path.member("machines"),
                                              parse_machine_pattern, limits::policy_nodes));
  }

  std::string content(name_of(kind));
  for (const YamlNode& member : node.children) {
    if (!is_own(member)) append_content(member, content);
  }
  const auto known = known_.find(content);
  if (known != known_.end()) {
    rule.terms = known->second;
    return rule;
  }
  ASSIGN_OR_RETURN(rule.terms, read_terms(kind, node, path));
  known_.emplace(std::move(content), rule.terms);
  return rule;
}

Result<const RuleTerms*> RuleReader::read_terms(RuleKind kind, const YamlNode& node,
                                                const FieldPath& path) {
  RuleTerms terms;
  ASSIGN_OR_RETURN(const YamlNode* operations, required_member(node, path, "operations"));
  ASSIGN_OR_RETURN(terms.operations, read_operations(kind, *operations, path.member("operations")));
  RETURN_IF_ERROR(read_conditions(kind, node, path, false, vocabulary_, terms));
  const FieldPath when_path = path.member("when");
  if (const YamlNode* when = find_member(node, "when")) {
    RETURN_IF_ERROR(expect_members(*when, when_path, when_members(kind)));
    if (when->children.empty()) return when_path.refuse(when->place, "is empty; leave it out");
    RETURN_IF_ERROR(read_conditions(kind, *when, when_path, true, vocabulary_, terms));
    RETURN_IF_ERROR(check_algorithms(*when, when_path, terms));
    RETURN_IF_ERROR(check_messages(*when, when_path, terms));
    RETURN_IF_ERROR(check_dates(*when, when_path, terms));
  }
  RETURN_IF_ERROR(read_duties(kind, node, path, terms));
  if (kind == RuleKind::grant) {
    RETURN_IF_ERROR(check_complete(node, path, terms));
    RETURN_IF_ERROR(check_profile_fit(node, path, vocabulary_, terms));
  }
  terms_.push_back(std::move(terms));
  return &terms_.back();
}

}  // namespace chancery
