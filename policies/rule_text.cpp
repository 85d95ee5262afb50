#include "policies/rule_text.h"

#include <algorithm>
#include <array>

#include "core/message_class.h"
#include "policies/condition.h"

namespace chancery {
namespace {

using Texts = std::vector<std::string>;

template <class Enum>
Texts enumerator_names(const std::vector<Enum>& values) {
  Texts names;
  for (Enum value : values) names.emplace_back(row(value).name);
  return names;
}
template <class Enum>
Texts plain_names(const std::vector<Enum>& values) {
  Texts names;
  for (Enum value : values) names.emplace_back(name_of(value));
  return names;
}
template <class Value>
Texts sources(const std::vector<Value>& values) {
  Texts texts;
  for (const Value& value : values) texts.push_back(value.source());
  return texts;
}
Texts duration(const std::optional<Seconds>& value) {
  return {format_duration(*value)};
}
Texts windows(const std::vector<TimeWindow>& list) {
  Texts texts;
  for (const TimeWindow& window : list) texts.push_back(window.text());
  return texts;
}

Texts owner(const RuleTerms& terms) {
  switch (terms.owner.kind) {
    case OwnerCondition::Kind::self:
      return {"self"};
    case OwnerCondition::Kind::any:
      return {"any"};
    case OwnerCondition::Kind::patterns:
      return sources(terms.owner.patterns);
  }
  CHECK(!"every owner has a text");
  return {};
}

template <class Conditions, class NameOf>
Texts mapping(const Conditions& conditions, NameOf name) {
  Texts texts;
  for (const auto& condition : conditions) {
    for (const Pattern& pattern : condition.patterns) {
      texts.push_back(name(condition) + "=" + pattern.source());
    }
  }
  return texts;
}

Texts subject(const RuleTerms& terms) {
  Texts texts;
  for (const std::string& one : terms.countries) texts.push_back("country=" + one);
  for (const std::string& one : terms.organizations) texts.push_back("organization=" + one);
  for (const std::string& one : terms.organizational_units) {
    texts.push_back("organizational_unit=" + one);
  }
  return texts;
}

struct ValueRow {
  std::string_view condition;
  Texts (*values)(const RuleTerms&);
};

/// Each condition of the table in policies/condition.h has a row here; a test compares them.
constexpr std::array kValues = {
    ValueRow{"issuers", [](const RuleTerms& terms) { return terms.issuers; }},
    ValueRow{"profiles", [](const RuleTerms& terms) { return terms.profiles; }},
    ValueRow{"keys", [](const RuleTerms& terms) { return sources(terms.keys); }},
    ValueRow{"owner", owner},
    ValueRow{"source", [](const RuleTerms& terms) { return sources(terms.sources); }},
    ValueRow{"attributes",
             [](const RuleTerms& terms) {
               return mapping(terms.attributes, [](const auto& one) { return one.name; });
             }},
    ValueRow{"certificate_age",
             [](const RuleTerms& terms) { return duration(terms.certificate_age); }},
    ValueRow{"older_than", [](const RuleTerms& terms) { return duration(terms.older_than); }},
    ValueRow{"hours", [](const RuleTerms& terms) { return windows(terms.hours); }},
    ValueRow{"outside_hours", [](const RuleTerms& terms) { return windows(terms.outside_hours); }},
    ValueRow{"valid_from",
             [](const RuleTerms& terms) { return Texts{to_rfc3339(*terms.valid_from)}; }},
    ValueRow{"valid_until",
             [](const RuleTerms& terms) { return Texts{to_rfc3339(*terms.valid_until)}; }},
    ValueRow{"dns_names", [](const RuleTerms& terms) { return sources(terms.dns_names); }},
    ValueRow{"ip_addresses", [](const RuleTerms& terms) { return sources(terms.ip_addresses); }},
    ValueRow{"uris", [](const RuleTerms& terms) { return sources(terms.uris); }},
    ValueRow{"emails", [](const RuleTerms& terms) { return sources(terms.emails); }},
    ValueRow{"max_names",
             [](const RuleTerms& terms) { return Texts{std::to_string(*terms.max_names)}; }},
    ValueRow{"more_names_than",
             [](const RuleTerms& terms) { return Texts{std::to_string(*terms.more_names_than)}; }},
    ValueRow{"common_names", [](const RuleTerms& terms) { return sources(terms.common_names); }},
    ValueRow{"subject", subject},
    ValueRow{"key_types", [](const RuleTerms& terms) { return enumerator_names(terms.key_types); }},
    ValueRow{"key_attested", [](const RuleTerms&) { return Texts{"true"}; }},
    ValueRow{"extended_key_usages",
             [](const RuleTerms& terms) { return plain_names(terms.extended_key_usages); }},
    ValueRow{"max_validity", [](const RuleTerms& terms) { return duration(terms.max_validity); }},
    ValueRow{"longer_than", [](const RuleTerms& terms) { return duration(terms.longer_than); }},
    ValueRow{"algorithms",
             [](const RuleTerms& terms) { return enumerator_names(terms.algorithms); }},
    ValueRow{"digests", [](const RuleTerms& terms) { return enumerator_names(terms.digests); }},
    ValueRow{"message_classes",
             [](const RuleTerms& terms) { return plain_names(terms.message_classes); }},
    ValueRow{"content",
             [](const RuleTerms& terms) {
               return mapping(terms.content, [](const auto& one) { return one.field; });
             }},
    ValueRow{"max_lifetime", [](const RuleTerms& terms) { return duration(terms.max_lifetime); }},
    ValueRow{"longer_lifetime_than",
             [](const RuleTerms& terms) { return duration(terms.longer_lifetime_than); }},
};

Texts quota_texts(const std::vector<Quota>& quotas) {
  Texts texts;
  for (const Quota& quota : quotas) {
    texts.push_back(std::to_string(quota.limit) + " per " +
                    (quota.window.count() == 0 ? "ever" : format_duration(quota.window)) +
                    (quota.per_machine ? " and machine" : " of all"));
  }
  return texts;
}

Texts approval_texts(const ApprovalTerms& terms) {
  Texts texts = {"needed=" + std::to_string(terms.needed),
                 "expires=" + format_duration(terms.life)};
  for (const MachinePattern& machine : terms.machines) {
    texts.push_back("from=" + source_of(machine));
  }
  for (Role role : kRoles) {
    if (terms.has(role)) texts.push_back("from=" + std::string(grant_of(role)));
  }
  if (terms.opens_for.count() != 0) {
    texts.push_back("break_glass=" + format_duration(terms.opens_for));
  }
  return texts;
}

/// Texts with their lengths, so that no two lists run together to the same.
void append(std::string& content, const std::string& text) {
  content += std::to_string(text.size());
  content += ':';
  content += text;
}

void append_member(std::string& content, const RuleMember& member) {
  append(content, member.name);
  Texts values = member.values;
  std::sort(values.begin(), values.end());
  for (const std::string& value : values) append(content, value);
  content += ';';
}

/// What the groups among `machines` mean, and those within them.
void append_groups(std::string& content, const std::vector<MachinePattern>& machines,
                   std::span<const MachineGroup> groups) {
  for (const MachinePattern& machine : machines) {
    if (machine.kind != IdentityKind::group) continue;
    for (const MachineGroup& group : groups) {
      if (group.name != machine.text) continue;
      RuleMember members{"group:" + group.name, {}};
      for (const MachinePattern& one : group.machines) members.values.push_back(source_of(one));
      append_member(content, members);
      for (const MachineGroup::Attribute& attribute : group.attributes) {
        append_member(content, {attribute.name, attribute.values});
      }
      append_groups(content, group.machines, groups);
    }
  }
}

}  // namespace

std::vector<RuleMember> members_of(RuleKind kind, const RuleTerms& terms) {
  std::vector<RuleMember> members;
  RuleMember operations_member{"operations", {}};
  for (Operation operation : operations()) {
    if (terms.operations.has(operation)) operations_member.values.emplace_back(name_of(operation));
  }
  members.push_back(std::move(operations_member));
  for_each_condition(terms.given, [&](const ConditionRow& row) {
    for (const ValueRow& value : kValues) {
      if (value.condition != row.name) continue;
      members.push_back(
          {(row.in_when ? "when." : "") + std::string(row.name), value.values(terms)});
    }
  });
  if (!terms.quotas.empty()) members.push_back({"quotas", quota_texts(terms.quotas)});
  if (terms.approval) {
    members.push_back(
        {kind == RuleKind::grant ? "approvals" : "needed", approval_texts(*terms.approval)});
  }
  return members;
}

std::vector<RuleMember> members_of(RuleKind kind, const Rule& rule) {
  RuleMember machines{"machines", {}};
  for (const MachinePattern& machine : rule.machines) {
    machines.values.push_back(source_of(machine));
  }
  std::vector<RuleMember> members = members_of(kind, *rule.terms);
  members.insert(members.begin(), std::move(machines));
  return members;
}

std::string content_of(RuleKind kind, const Rule& rule, std::span<const MachineGroup> groups) {
  std::string content;
  for (const RuleMember& member : members_of(kind, rule)) append_member(content, member);
  append_groups(content, rule.machines, groups);
  return content;
}

std::string content_of(const ApprovalTerms& terms, std::span<const MachineGroup> groups,
                       const RoleHolders& roles) {
  std::string content;
  append_member(content, {"approval", approval_texts(terms)});
  append_groups(content, terms.machines, groups);
  for (Role role : kRoles) {
    if (!terms.has(role)) continue;
    RuleMember holders{std::string(grant_of(role)), {}};
    for (const RoleEntry* entry : roles.holders(role)) {
      holders.values.push_back(source_of(entry->identity));
    }
    append_member(content, holders);
  }
  return content;
}

std::string content_of(const RoleHolders& roles) {
  Texts lines;
  for (Role role : kRoles) {
    for (const RoleEntry* entry : roles.holders(role)) {
      std::string line;
      append(line, std::string(name_of(role)));
      append(line, source_of(entry->identity));
      for (const std::string& source : sources(entry->scope)) append(line, source);
      lines.push_back(std::move(line));
    }
  }
  std::sort(lines.begin(), lines.end());
  std::string content;
  for (const std::string& line : lines) append(content, line);
  return content;
}

std::string line_text(std::string_view file, const Place& place) {
  const std::string line = std::to_string(place.line);
  return file.empty() || file == "policy.yaml" ? "line " + line : std::string(file) + ":" + line;
}

}  // namespace chancery
