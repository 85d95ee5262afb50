#include <algorithm>

#include "naive_policy.h"

namespace chancery {
namespace {

using Texts = std::vector<std::string>;

std::string list(const Texts& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "\"" : ", \"") + value + "\"";
  return "[" + text + "]";
}

std::string member(const std::string& indent, const std::string& name, const Texts& values) {
  return values.empty() ? "" : indent + name + ": " + list(values) + "\n";
}

std::string number(const std::string& name, std::optional<int> value, const char* unit = "") {
  return value ? "      " + name + ": " + std::to_string(*value) + unit + "\n" : "";
}

std::string lists(const std::string& name,
                  const std::vector<std::pair<std::string, Texts>>& members) {
  std::string text;
  for (const auto& [key, values] : members) {
    text += (text.empty() ? "" : ", ") + key + ": " + list(values);
  }
  return text.empty() ? "" : "      " + name + ": {" + text + "}\n";
}

std::string clock(int minutes) {
  const auto two = [](int value) { return (value < 10 ? "0" : "") + std::to_string(value); };
  return "\"" + two(minutes / 60) + ":" + two(minutes % 60) + "\"";
}

std::string hours(const std::string& name, const std::vector<naive_match::Hours>& windows) {
  std::string text;
  for (const naive_match::Hours& window : windows) {
    text += text.empty() ? "{" : ", {";
    if (!window.days.empty()) text += "days: " + list(window.days) + ", ";
    text += "from: " + clock(window.from) + ", to: " + clock(window.to);
    if (!window.zone.empty()) text += ", zone: " + window.zone;
    text += "}";
  }
  return text.empty() ? "" : "      " + name + ": [" + text + "]\n";
}

std::string conditions(const NaiveRule& rule, bool grant) {
  const std::string in = "      ";
  std::string text =
      member(in, "dns_names", rule.dns_names) + member(in, "uris", rule.uris) +
      member(in, "emails", rule.emails) + member(in, "common_names", rule.common_names) +
      member(in, "ip_addresses", rule.ip_addresses) + member(in, "source", rule.sources) +
      member(in, "key_types", rule.key_types) + member(in, "algorithms", rule.algorithms) +
      member(in, "digests", rule.digests) + member(in, "owner", rule.owner_list) +
      member(in, "extended_key_usages", rule.usages) + member(in, "message_classes", rule.classes) +
      lists("attributes", rule.attributes) + lists("content", rule.content) +
      hours("hours", rule.hours) + hours("outside_hours", rule.outside_hours);
  if (!rule.organizations.empty()) {
    text += in + "subject: {organization: " + list(rule.organizations) + "}\n";
  }
  text += number(grant ? "max_names" : "more_names_than", rule.max_names);
  text += number(grant ? "max_validity" : "longer_than", rule.validity_hours, "h");
  text += number(grant ? "certificate_age" : "older_than", rule.age_hours, "h");
  text += number(grant ? "max_lifetime" : "longer_lifetime_than", rule.lifetime_minutes, "m");
  if (rule.valid_from) text += in + "valid_from: " + *rule.valid_from + "\n";
  if (rule.valid_until) text += in + "valid_until: " + *rule.valid_until + "\n";
  if (!rule.owner_word.empty()) text += in + "owner: " + rule.owner_word + "\n";
  return text.empty() ? "" : "    when:\n" + text;
}

std::string duties(const NaiveRule& rule, bool grant) {
  std::string text;
  for (const NaiveQuota& quota : rule.quotas) {
    text += (text.empty() ? "" : ", ") + ("{limit: " + std::to_string(quota.limit)) +
            ", per: " + quota.per + (quota.of_grant ? ", for: grant}" : "}");
  }
  if (!text.empty()) text = "    quotas: [" + text + "]\n";
  if (rule.approval) {
    const std::string members = "needed: " + std::to_string(rule.approval->needed) +
                                ", from: " + list(rule.approval->from) +
                                ", expires: " + std::to_string(rule.approval->expires_hours) + "h";
    if (grant) {
      text += "    approvals: {" + members + "}\n";
    } else {
      text += "    needed: " + std::to_string(rule.approval->needed) + "\n" +
              member("    ", "from", rule.approval->from) +
              "    expires: " + std::to_string(rule.approval->expires_hours) + "h\n";
    }
  }
  if (rule.break_glass_hours) {
    text += "    break_glass: " + std::to_string(*rule.break_glass_hours) + "h\n";
  }
  return text;
}

std::string rules(const std::string& name, const std::vector<NaiveRule>& all) {
  const bool grant = name == "grants";
  std::string text = all.empty() ? "" : name + ":\n";
  for (const NaiveRule& rule : all) {
    Texts names;
    for (Operation operation : rule.operations) names.emplace_back(name_of(operation));
    const std::string indent = "    ";
    text += "  - name: " + rule.name + "\n" + member(indent, "machines", rule.machines) +
            member(indent, "operations", names) + member(indent, "issuers", rule.issuers) +
            member(indent, "profiles", rule.profiles) + member(indent, "keys", rule.keys) +
            conditions(rule, grant) + duties(rule, grant);
  }
  return text;
}

}  // namespace

std::string NaivePolicy::yaml() const {
  std::string text = "version: 1\nroles:\n";
  for (const char* role : {"administrator", "operator", "auditor"}) {
    text += std::string("  ") + role + ":" +
            (std::any_of(roles.begin(), roles.end(), [&](auto& r) { return r.role == role; })
                 ? "\n"
                 : " []\n");
    for (const NaiveRole& held : roles) {
      if (held.role != role) continue;
      text += held.scope.empty() ? "    - \"" + held.identity + "\"\n"
                                 : "    - {identity: \"" + held.identity +
                                       "\", machines: " + list(held.scope) + "}\n";
    }
  }
  // Groups come last: rules name them before they are read.
  text += rules("denials", denials) + rules("approvals", approvals) + rules("grants", grants);
  text += groups.empty() ? "" : "groups:\n";
  for (const NaiveGroup& group : groups) {
    text += "  " + group.name + ":\n" + member("    ", "machines", group.machines);
    if (group.attributes.empty()) continue;
    text += "    attributes:\n";
    for (const auto& [name, values] : group.attributes) text += member("      ", name, values);
  }
  return text;
}

}  // namespace chancery
