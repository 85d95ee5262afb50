#include "policies/policy_reader.h"

#include <algorithm>

#include "core/field_path.h"
#include "policies/grant_policy.h"
#include "policies/listing.h"
#include "policies/policy_check.h"

namespace chancery {
namespace {

constexpr std::string_view kGroupPrefix = "group:";

std::size_t at_most(RuleKind kind) {
  switch (kind) {
    case RuleKind::grant:
      return limits::policy_grants;
    case RuleKind::denial:
      return limits::policy_denials;
    case RuleKind::approval:
      return limits::policy_approvals;
  }
  CHECK(!"every kind of rule has a bound");
  return 0;
}

Failure too_many(const FieldPath& path, Place place, std::size_t bound, std::string_view what) {
  return path.refuse(place,
                     "a policy has at most " + std::to_string(bound) + " " + std::string(what),
                     ErrorCode::too_large);
}

}  // namespace

std::string PolicyReader::where(const Line& line, const FieldPath& path) {
  const std::string number = std::to_string(line.line);
  return line.file == path.file() ? "in line " + number : std::string(line.file) + ":" + number;
}

std::string_view PolicyReader::keep_file(std::string_view file) {
  auto& files = compiled_.files;
  if (files.empty() || files.back() != file) files.emplace_back(file);
  return files.back();
}

Result<void> PolicyReader::read_roles(const YamlNode& node, const FieldPath& path) {
  ASSIGN_OR_RETURN(compiled_.roles, RoleHolders::read(node, path));
  return {};
}

Result<void> PolicyReader::read_group(const YamlNode& node, const FieldPath& path) {
  if (compiled_.groups.size() == limits::policy_groups) {
    return too_many(path, node.name_place, limits::policy_groups, "groups");
  }
  ASSIGN_OR_RETURN(MachineGroup group, read_machine_group(node, path));
  group.file = keep_file(path.file());
  const auto [first, added] = groups_.try_emplace(group.name, Line{group.file, group.place.line});
  if (!added) {
    return path.refuse(node.name_place, "there is a group " + quoted(group.name) + " already, " +
                                            where(first->second, path));
  }
  compiled_.index.define(group);
  compiled_.groups.push_back(std::move(group));
  return {};
}

Result<void> PolicyReader::read_rule(RuleKind kind, const YamlNode& item, const FieldPath& path) {
  std::vector<Rule>& list = compiled_.of(kind);
  if (list.size() == at_most(kind)) {
    return too_many(path, item.place, at_most(kind), list_of(kind));
  }
  ASSIGN_OR_RETURN(Rule rule, rules_.read(kind, item, path));
  rule.file = keep_file(path.file());
  const auto [first, added] = names_[static_cast<std::size_t>(kind)].try_emplace(
      rule.name, Line{rule.file, item.place.line});
  if (!added) {
    return path.member("name").refuse(find_member(item, "name")->place,
                                      "there is a " + std::string(name_of(kind)) + " " +
                                          quoted(rule.name) + " already, " +
                                          where(first->second, path));
  }
  mention_groups(find_member(item, "machines"), path.member("machines"));
  mention_groups(find_member(item, "from"), path.member("from"));
  if (const YamlNode* approvals = find_member(item, "approvals")) {
    mention_groups(find_member(*approvals, "from"), path.member("approvals").member("from"));
  }

  const auto id = static_cast<RuleId>(list.size());
  MachineIndex& index = compiled_.index;
  for (const MachinePattern& machine : rule.machines) {
    index.add(kind, index.number(machine), id, rule.terms->operations);
  }
  if (rule.machines.empty()) index.add(kind, MachineIndex::kEveryone, id, rule.terms->operations);
  list.push_back(std::move(rule));
  return {};
}

void PolicyReader::mention_groups(const YamlNode* list, const FieldPath& path) {
  if (list == nullptr) return;
  for (std::size_t i = 0; i < list->children.size(); ++i) {
    const YamlNode& child = list->children[i];
    if (!child.text.starts_with(kGroupPrefix)) continue;
    const std::string name = child.text.substr(kGroupPrefix.size());
    if (groups_.contains(name) || !mentioned_.try_emplace(name, true).second) continue;
    mentions_.push_back(
        {name, path.item(i).refuse(child.place, "there is no group " + quoted(name)).value()});
  }
}

Result<void> PolicyReader::expect_groups() const {
  for (const Mention& mention : mentions_) {
    if (groups_.contains(mention.group)) continue;
    std::vector<std::string_view> known;
    for (const MachineGroup& group : compiled_.groups) known.push_back(group.name);
    Error error = mention.missing;
    error.message += did_you_mean(mention.group, known);
    return Failure(std::move(error));
  }
  return {};
}

Result<std::shared_ptr<const GrantPolicy>> PolicyReader::finish(std::string version) {
  RETURN_IF_ERROR(expect_groups());
  for (RuleTerms& terms : compiled_.terms) {
    if (!terms.approval) continue;
    std::vector<MachineNumber>& numbers = terms.approval->numbers;
    for (const MachinePattern& pattern : terms.approval->machines) {
      numbers.push_back(compiled_.index.number(pattern));
    }
    std::sort(numbers.begin(), numbers.end());
  }
  compiled_.index.finish();
  RETURN_IF_ERROR(check_policy(compiled_));
  return std::make_shared<const GrantPolicy>(std::move(version), std::move(compiled_));
}

}  // namespace chancery
