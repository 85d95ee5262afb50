#include "policies/machine_index.h"

#include <algorithm>

namespace chancery {

MachineIndex::MachineIndex()
    : indices_{PatternIndex(PatternKind::machine_name), PatternIndex(PatternKind::dns_name),
               PatternIndex(PatternKind::uri), PatternIndex(PatternKind::machine_name),
               PatternIndex(PatternKind::text)} {}

MachineNumber MachineIndex::number(const MachinePattern& pattern) {
  std::uint32_t& number = pattern.kind == IdentityKind::group
                              ? group_names_.insert(pattern.text)
                              : index(pattern.kind).value(pattern.text, pattern.wildcards);
  if (number == 0) number = ++last_;
  return number;
}

void MachineIndex::define(const MachineGroup& definition) {
  Group group;
  group.number = number({IdentityKind::group, definition.name, false});
  const auto add_clause = [&](const std::vector<MachinePattern>& alternatives) {
    std::vector<MachineNumber> clause;
    for (const MachinePattern& pattern : alternatives) clause.push_back(number(pattern));
    std::sort(clause.begin(), clause.end());
    group.clauses.push_back(std::move(clause));
  };
  if (!definition.machines.empty()) add_clause(definition.machines);
  for (const MachineGroup::Attribute& attribute : definition.attributes) {
    std::vector<MachinePattern> alternatives;
    for (const std::string& value : attribute.values) {
      alternatives.push_back(attribute_pattern(attribute.name, value));
    }
    add_clause(alternatives);
  }
  groups_.push_back(std::move(group));
}

void MachineIndex::add(RuleKind kind, MachineNumber number, RuleId rule, OperationSet operations) {
  rules_[static_cast<std::size_t>(kind)].add(number, {rule, operations});
}

void MachineIndex::finish() {
  post_groups();
  for (auto& rules : rules_) rules.finish(last_);
}

/// A group is found by one of its clauses, the one whose numbers the fewest groups have: of ten
/// thousand groups of {environment: [production], team: […]}, by the team.
void MachineIndex::post_groups() {
  std::vector<std::uint32_t> uses(std::size_t{last_} + 1);
  for (const Group& group : groups_) {
    for (const auto& clause : group.clauses) {
      for (MachineNumber number : clause) ++uses[number];
    }
  }
  const auto uses_of = [&](const std::vector<MachineNumber>& clause) {
    std::uint32_t most = 0;
    for (MachineNumber number : clause) most = std::max(most, uses[number]);
    return most;
  };
  for (std::uint32_t i = 0; i < groups_.size(); ++i) {
    Group& group = groups_[i];
    const auto fewest =
        std::min_element(group.clauses.begin(), group.clauses.end(),
                         [&](const auto& a, const auto& b) { return uses_of(a) < uses_of(b); });
    group.posted = static_cast<std::size_t>(fewest - group.clauses.begin());
    for (MachineNumber number : *fewest) memberships_.add(number, i);
    for (const auto& clause : group.clauses) {
      for (MachineNumber number : clause) mentions_.add(number, i);
    }
  }
  memberships_.finish(last_);
  mentions_.finish(last_);
}

bool MachineIndex::holds(const Group& group, const Numbers& numbers) const {
  for (std::size_t i = 0; i < group.clauses.size(); ++i) {
    if (i == group.posted) continue;
    const auto& clause = group.clauses[i];
    const bool met = std::any_of(numbers.begin(), numbers.end(), [&](MachineNumber number) {
      return std::binary_search(clause.begin(), clause.end(), number);
    });
    if (!met) return false;
  }
  return true;
}

/// Two patterns of one group may both cover the machine.
void MachineIndex::add_groups(Numbers& numbers) const {
  const std::size_t patterns = numbers.size();
  for (std::size_t i = 0; i < patterns; ++i) {
    for (std::uint32_t position : memberships_.of(numbers[i])) {
      if (holds(groups_[position], numbers)) numbers.push_back(groups_[position].number);
    }
  }
  const auto first_group = numbers.begin() + static_cast<std::ptrdiff_t>(patterns);
  std::sort(first_group, numbers.end());
  numbers.erase(std::unique(first_group, numbers.end()), numbers.end());
}

MachineIndex::Numbers MachineIndex::identify(const Machine& machine,
                                             std::pmr::memory_resource* memory) const {
  Numbers numbers(memory);
  numbers.reserve(24);
  numbers.push_back(kEveryone);
  index(IdentityKind::name).find(machine.name.text(), numbers);
  index(IdentityKind::spiffe).find(machine.spiffe_id, numbers);
  index(IdentityKind::fingerprint).find(machine.fingerprint, numbers);
  for (const std::string& name : machine.dns_names) index(IdentityKind::dns).find(name, numbers);
  for (const MachineAttribute& attribute : machine.attributes) {
    const std::uint32_t number =
        index(IdentityKind::attribute).exact(AttributeText(attribute).text());
    if (number != 0) numbers.push_back(number);
  }
  if (!groups_.empty()) add_groups(numbers);
  return numbers;
}

std::pmr::vector<RuleId> MachineIndex::find(RuleKind kind, const Numbers& numbers,
                                            Operation operation) const {
  std::pmr::vector<RuleId> found(numbers.get_allocator());
  found.reserve(16);
  for (MachineNumber number : numbers) {
    for (const Posting& posting : rules(kind).of(number)) {
      if (posting.operations.has(operation)) found.push_back(posting.rule);
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

std::optional<RuleId> MachineIndex::first(const Numbers& numbers) const {
  std::optional<RuleId> first;
  for (MachineNumber number : numbers) {
    const auto grants = rules(RuleKind::grant).of(number);
    if (!grants.empty() && (!first || grants.front().rule < *first)) first = grants.front().rule;
  }
  return first;
}

std::optional<RuleId> MachineIndex::first_exact(const MachinePattern& identity,
                                                OperationSet operations) const {
  const MachineNumber pattern = index(identity.kind).exact(identity.text);
  if (pattern == 0) return std::nullopt;
  std::optional<RuleId> first;
  const auto look = [&](MachineNumber number) {
    for (const Posting& posting : rules(RuleKind::grant).of(number)) {
      if (!posting.operations.meets(operations)) continue;
      if (!first || posting.rule < *first) first = posting.rule;
      return;
    }
  };
  look(pattern);
  for (std::uint32_t position : mentions_.of(pattern)) look(groups_[position].number);
  return first;
}

}  // namespace chancery
