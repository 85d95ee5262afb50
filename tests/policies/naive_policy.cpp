#include "naive_policy.h"

#include <algorithm>

namespace chancery {
namespace {

using namespace naive_match;
using enum Operation;

bool is(Operation operation, std::initializer_list<Operation> list) {
  return std::find(list.begin(), list.end(), operation) != list.end();
}

bool is_own(const Machine& machine, const PolicyQuestion& question) {
  if (question.operation == certificate_issue && question.owner.empty()) return true;
  return !machine.name.empty() && question.owner == machine.name.text();
}

const std::string* attribute_of(const Machine& machine, const std::string& name) {
  for (const MachineAttribute& attribute : machine.attributes) {
    if (attribute.name == name) return &attribute.value;
  }
  return nullptr;
}

const Texts* field_of(const PolicyQuestion& question, const std::string& name) {
  if (!question.message) return nullptr;
  for (const MessageField& field : question.message->fields) {
    if (field.name == name) return &field.values;
  }
  return nullptr;
}

std::string class_of(const PolicyQuestion& question) {
  if (question.operation == key_sign_digest) return "digest";
  return question.message ? std::string(name_of(question.message->message_class)) : "";
}

Texts usages_of(const PolicyQuestion& question) {
  Texts names;
  for (ExtendedKeyUsage usage : question.extended_key_usages) names.emplace_back(name_of(usage));
  return names;
}

std::string digest_of(const PolicyQuestion& question) {
  if (!question.algorithm || !row(*question.algorithm).digest) return "";
  return std::string(row(*row(*question.algorithm).digest).name);
}

Syntax syntax_of(const std::string& field) {
  if (field == "dns_name") return {'.', true};
  if (field == "common_name") return {' '};
  return {field == "uri" ? '/' : 't'};
}

bool field_matches(const std::string& field, const Texts& patterns, const std::string& value,
                   const Machine& machine) {
  return field == "email" ? any_email(patterns, value, machine)
                          : any(patterns, value, machine, syntax_of(field));
}

/// Whether a list speaks of all of `values` (grants) or of any (denials and approvals).
template <class Values, class Covers>
bool covered(bool grant, const Values& values, Covers covers) {
  return grant ? std::all_of(values.begin(), values.end(), covers)
               : std::any_of(values.begin(), values.end(), covers);
}

bool some_hours(const std::vector<Hours>& windows, Time at) {
  return std::any_of(windows.begin(), windows.end(),
                     [&](const Hours& window) { return in_hours(window, at); });
}

/// A condition, and whether it is asked and holds.
struct Judged {
  std::string_view condition;
  bool holds;
};

}  // namespace

struct NaivePolicy::Judge {
  Time at;
  std::set<NaiveCondition>* judged;
  const NaiveDefect* defect;

  [[nodiscard]] bool hold(const NaiveCondition& condition, bool holds) const {
    if (judged != nullptr) judged->insert(condition);
    if (defect == nullptr || defect->condition != condition) return holds;
    if (defect->kind == NaiveDefectKind::turned) return !holds;
    return defect->kind == NaiveDefectKind::always;
  }

  void names(std::vector<Judged>& all, bool grant, const NaiveRule& rule, const Machine& machine,
             const PolicyQuestion& question) const {
    const auto& asked = question.names;
    if (grant || !rule.dns_names.empty()) {
      all.push_back({"dns_names", covered(grant, asked.dns, [&](const std::string& name) {
                       return any(rule.dns_names, name, machine, {'.', true});
                     })});
    }
    if (grant || !rule.uris.empty()) {
      all.push_back({"uris", covered(grant, asked.uri, [&](const std::string& name) {
                       return any(rule.uris, name, machine, {'/'});
                     })});
    }
    if (grant || !rule.emails.empty()) {
      all.push_back({"emails", covered(grant, asked.email, [&](const std::string& name) {
                       return any_email(rule.emails, name, machine);
                     })});
    }
    if (grant || !rule.ip_addresses.empty()) {
      all.push_back({"ip_addresses", covered(grant, asked.ip, [&](const std::string& name) {
                       return in_ranges(rule.ip_addresses, name);
                     })});
    }
    if (rule.max_names) {
      const auto count = static_cast<int>(asked.dns.size() + asked.uri.size() + asked.email.size() +
                                          asked.ip.size());
      all.push_back({grant ? "max_names" : "more_names_than", (count <= *rule.max_names) == grant});
    }
    const std::string& common_name = question.subject.common_name;
    if (grant && rule.common_names.empty()) {
      all.push_back({"common_names", common_name.empty() || in(asked.dns, common_name) ||
                                         common_name == machine.name.text()});
    } else if (!rule.common_names.empty()) {
      all.push_back({"common_names", common_name.empty()
                                         ? grant
                                         : any(rule.common_names, common_name, machine, {' '})});
    }
    const std::string& organization = question.subject.organization;
    if (grant || !rule.organizations.empty()) {
      all.push_back(
          {"subject", organization.empty() ? grant : in(rule.organizations, organization)});
    }
  }

  void uses(std::vector<Judged>& all, bool grant, const NaiveRule& rule,
            const PolicyQuestion& question) const {
    const bool issues = is(question.operation, {certificate_issue, certificate_renew});
    if ((issues || question.operation == key_create) && !rule.key_types.empty()) {
      all.push_back(
          {"key_types", question.key_type && in(rule.key_types, row(*question.key_type).name)});
    }
    if (!issues) return;
    if (!rule.usages.empty()) {
      const Texts usages = usages_of(question);
      all.push_back(
          {"extended_key_usages",
           usages.empty() ? !grant : covered(grant, usages, [&](const std::string& usage) {
             return in(rule.usages, usage);
           })});
    }
    if (rule.validity_hours) {
      const bool within =
          question.validity && *question.validity <= std::chrono::hours(*rule.validity_hours);
      all.push_back({grant ? "max_validity" : "longer_than", within == grant});
    }
  }

  void messages(std::vector<Judged>& all, bool grant, const NaiveRule& rule, const Machine& machine,
                const PolicyQuestion& question) const {
    const auto& algorithm = question.algorithm;
    if (!rule.algorithms.empty()) {
      all.push_back({"algorithms", algorithm && in(rule.algorithms, row(*algorithm).name)});
    }
    if (!rule.digests.empty()) all.push_back({"digests", in(rule.digests, digest_of(question))});
    if (!rule.classes.empty()) {
      all.push_back({"message_classes", in(rule.classes, class_of(question))});
    }
    if (question.operation != key_sign) return;
    if (!rule.content.empty()) {
      all.push_back(
          {"content", std::all_of(rule.content.begin(), rule.content.end(), [&](const auto& one) {
             const Texts* values = field_of(question, one.first);
             return values != nullptr && covered(grant, *values, [&](const std::string& value) {
                      return field_matches(one.first, one.second, value, machine);
                    });
           })});
    }
    if (rule.lifetime_minutes) {
      const auto& message = question.message;
      const bool within = message && message->lifetime &&
                          *message->lifetime <= std::chrono::minutes(*rule.lifetime_minutes);
      all.push_back(
          {grant ? "max_lifetime" : "longer_lifetime_than", message ? within == grant : false});
    }
  }

  void circumstances(std::vector<Judged>& all, bool grant, const NaiveRule& rule,
                     const Machine& machine) const {
    if (!rule.sources.empty()) all.push_back({"source", in_ranges(rule.sources, machine.source)});
    if (!rule.attributes.empty()) {
      all.push_back(
          {"attributes",
           std::all_of(rule.attributes.begin(), rule.attributes.end(), [&](const auto& one) {
             const std::string* value = attribute_of(machine, one.first);
             return value != nullptr && any(one.second, *value, machine, {'t'});
           })});
    }
    if (rule.age_hours) {
      const auto& since = machine.certificate_since;
      const bool within = since && at - *since <= std::chrono::hours(*rule.age_hours);
      all.push_back({grant ? "certificate_age" : "older_than",
                     grant ? within : !within && !machine.fingerprint.empty()});
    }
    if (!rule.hours.empty()) all.push_back({"hours", some_hours(rule.hours, at)});
    if (!rule.outside_hours.empty()) {
      all.push_back({"outside_hours", !some_hours(rule.outside_hours, at)});
    }
    if (rule.valid_from) all.push_back({"valid_from", at >= *from_rfc3339(*rule.valid_from)});
    if (rule.valid_until) all.push_back({"valid_until", at < *from_rfc3339(*rule.valid_until)});
  }

  /// How many conditions of a rule do not hold.
  [[nodiscard]] long failed(bool grant, const NaiveRule& rule, const Machine& machine,
                            const PolicyQuestion& question) const {
    const Operation operation = question.operation;
    const bool issues = is(operation, {certificate_issue, certificate_renew});
    const bool certificate = issues || is(operation, {certificate_revoke, certificate_release,
                                                      certificate_replace, certificate_read});
    std::vector<Judged> all;
    if ((certificate || is(operation, {crl_sign, ocsp_sign})) && !rule.issuers.empty()) {
      all.push_back({"issuers", in(rule.issuers, question.issuer)});
    }
    if ((certificate || operation == machine_add) && !rule.profiles.empty()) {
      all.push_back({"profiles", in(rule.profiles, question.profile)});
    }
    if (is(operation, {key_create, key_read, key_sign, key_sign_digest}) && !rule.keys.empty()) {
      all.push_back({"keys", any(rule.keys, question.key, machine, {'.'})});
    }
    if (certificate || is(operation, {machine_add, machine_read})) {
      if (!rule.owner_list.empty()) {
        all.push_back({"owner", any(rule.owner_list, question.owner, machine, {'.'})});
      } else if (grant || !rule.owner_word.empty()) {
        all.push_back({"owner", rule.owner_word == "any" || is_own(machine, question)});
      }
    }
    circumstances(all, grant, rule, machine);
    if (issues) names(all, grant, rule, machine, question);
    uses(all, grant, rule, question);
    if (is(operation, {key_sign, key_sign_digest})) {
      messages(all, grant, rule, machine, question);
    }
    return std::count_if(all.begin(), all.end(), [&](const Judged& one) {
      return !hold({grant, one.condition}, one.holds);
    });
  }
};

bool NaivePolicy::names(const std::string& pattern, const Machine& machine) const {
  if (pattern.starts_with("spiffe://")) return matches(pattern, machine.spiffe_id, {}, {'/'});
  if (pattern.starts_with("sha256:")) return pattern.substr(7) == machine.fingerprint;
  if (pattern.starts_with("dns:")) {
    return std::any_of(machine.dns_names.begin(), machine.dns_names.end(),
                       [&](const std::string& name) {
                         return matches(pattern.substr(4), name, {}, {'.', true});
                       });
  }
  if (pattern.starts_with("attribute:")) {
    return std::any_of(machine.attributes.begin(), machine.attributes.end(),
                       [&](const MachineAttribute& one) {
                         return pattern == "attribute:" + one.name + "=" + one.value;
                       });
  }
  if (pattern.starts_with("group:")) {
    for (const NaiveGroup& group : groups) {
      if (pattern != "group:" + group.name) continue;
      const bool named = group.machines.empty() ||
                         std::any_of(group.machines.begin(), group.machines.end(),
                                     [&](const std::string& one) { return names(one, machine); });
      return named &&
             std::all_of(group.attributes.begin(), group.attributes.end(), [&](const auto& one) {
               const std::string* value = attribute_of(machine, one.first);
               return value != nullptr && in(one.second, *value);
             });
    }
    return false;
  }
  return matches(pattern, machine.name.text(), {}, {'.'});
}

bool NaivePolicy::is_for(const NaiveRule& rule, const Machine& machine, Operation operation) const {
  if (std::find(rule.operations.begin(), rule.operations.end(), operation) ==
      rule.operations.end()) {
    return false;
  }
  return rule.machines.empty() ||
         std::any_of(rule.machines.begin(), rule.machines.end(),
                     [&](const std::string& pattern) { return names(pattern, machine); });
}

bool NaivePolicy::has_role(std::string_view role, const Machine& machine) const {
  const auto has = [&](std::string_view wanted) {
    return std::any_of(roles.begin(), roles.end(), [&](const NaiveRole& held) {
      return held.role == wanted &&
             (held.identity == machine.name.text() || held.identity == machine.spiffe_id ||
              held.identity == "sha256:" + machine.fingerprint);
    });
  };
  if (role == "torn") return has("administrator") && has("operator");
  return has(role) && (role == "auditor" || !has_role("torn", machine));
}

bool NaivePolicy::may_approve(const std::string& rule, const Machine& approver) const {
  if (has_role("auditor", approver)) return false;
  const auto approves = [&](const NaiveRule& one) {
    return one.approval && std::any_of(one.approval->from.begin(), one.approval->from.end(),
                                       [&](const std::string& from) {
                                         return from.starts_with("role:")
                                                    ? has_role(from.substr(5), approver)
                                                    : names(from, approver);
                                       });
  };
  for (const NaiveRule& one : grants) {
    if ("grant:" + one.name == rule) return approves(one);
  }
  for (const NaiveRule& one : approvals) {
    if ("approval:" + one.name == rule) return approves(one);
  }
  return false;
}

NaivePolicy::Answer NaivePolicy::decide(const Machine& machine, const PolicyQuestion& question,
                                        Time at, std::set<NaiveCondition>* judged,
                                        const NaiveDefect* defect) const {
  const Judge judge{at, judged, defect};
  Answer answer = decide_by_roles_and_grants(machine, question, judge);
  const bool fixed = answer.grant == "builtin:self" || answer.grant == "fixed:roles" ||
                     (answer.grant == "role:auditor" && !answer.allowed);
  if (answer.grant == "fixed:roles") answer.grant = "builtin:roles";
  if (fixed) return answer;
  for (const NaiveRule& denial : denials) {
    if (!is_for(denial, machine, question.operation)) continue;
    if (judge.failed(false, denial, machine, question) == 0) {
      return {false, "denial:" + denial.name};
    }
  }
  if (answer.allowed) add_approval(answer, machine, question, judge);
  return answer;
}

void NaivePolicy::add_approval(Answer& answer, const Machine& machine,
                               const PolicyQuestion& question, const Judge& judge) const {
  const NaiveRule* most = nullptr;
  std::string rule;
  std::string counted = machine.name.text();
  if (counted.empty()) counted = machine.spiffe_id;
  if (counted.empty() && !machine.fingerprint.empty()) counted = "sha256:" + machine.fingerprint;
  for (const NaiveRule& grant : grants) {
    if (grant.name != answer.grant) continue;
    for (const NaiveQuota& quota : grant.quotas) {
      const int seconds = quota.per == "minute" ? 60
                          : quota.per == "hour" ? 3600
                          : quota.per == "day"  ? 86400
                                                : 0;
      answer.quotas.push_back(grant.name + "/" + std::to_string(answer.quotas.size() + 1) + " of " +
                              (quota.of_grant ? "" : counted) + ": " + std::to_string(quota.limit) +
                              " in " + std::to_string(seconds) + " s");
    }
    if (grant.approval) most = &grant, rule = "grant:" + grant.name;
  }
  for (const NaiveRule& approval : approvals) {
    if (!is_for(approval, machine, question.operation)) continue;
    if (judge.failed(false, approval, machine, question) != 0) continue;
    if (most != nullptr && approval.approval->needed <= most->approval->needed) continue;
    most = &approval, rule = "approval:" + approval.name;
  }
  if (most == nullptr) return;
  answer.approval = rule + ": " + std::to_string(most->approval->needed) + " in " +
                    std::to_string(most->approval->expires_hours * 3600) + " s, opens for " +
                    std::to_string(most->break_glass_hours.value_or(0) * 3600) + " s";
}

NaivePolicy::Answer NaivePolicy::decide_by_roles_and_grants(const Machine& machine,
                                                            const PolicyQuestion& question,
                                                            const Judge& judge) const {
  const Operation operation = question.operation;
  const auto holds = [&](std::string_view role) { return has_role(role, machine); };
  const bool torn = holds("torn");
  const auto role_holder = [&](const std::string& identity) {
    return std::any_of(roles.begin(), roles.end(),
                       [&](const NaiveRole& held) { return held.identity == identity; });
  };
  const auto asked = [&](const NaiveRule& rule) {
    return rule.approval && std::find(rule.approval->from.begin(), rule.approval->from.end(),
                                      question.owner) != rule.approval->from.end();
  };
  const bool guarded = role_holder(question.owner) ||
                       std::any_of(grants.begin(), grants.end(), asked) ||
                       std::any_of(approvals.begin(), approvals.end(), asked);
  if (machine.name.text() == "self") return {false, "builtin:self"};
  const bool reads = operation == audit_read || name_of(operation).ends_with(".read");
  if (holds("auditor") && !reads) {
    const bool own = !machine.name.empty() && question.owner == machine.name.text() &&
                     (operation == certificate_renew ||
                      (operation == certificate_issue && machine.fingerprint.empty()));
    if (!own) return {false, "role:auditor"};
  }
  const bool revokes = is(operation, {certificate_revoke, certificate_release});
  if (revokes && question.owner == "self" && !holds("administrator")) {
    return {false, "fixed:roles"};
  }
  if (operation == machine_add) {
    if (question.owner == "self") return {false, "builtin:self"};
    if (guarded && !holds("administrator")) return {false, "fixed:roles"};
  }
  if (is(operation, {certificate_issue, certificate_renew})) {
    for (const std::string& uri : question.names.uri) {
      for (const NaiveRole& held : roles) {
        if (held.identity == uri && !holds(held.role)) return {false, "fixed:roles"};
      }
    }
  }

  Answer nearest;
  bool near_role = false;
  if (torn &&
      is(operation, {certificate_revoke, certificate_release, certificate_replace, certificate_read,
                     key_create, key_read, machine_add, machine_read, ca_create, crl_sign,
                     policy_read, policy_change, log_prune, incident_open, incident_read,
                     status_read, approval_read, approval_cancel})) {
    nearest = {false, "builtin:roles"}, near_role = true;
  }
  if (holds("administrator")) {
    if (is(operation, {certificate_replace, certificate_read, key_create, key_read, machine_read,
                       ca_create, policy_read, policy_change, log_prune, incident_open,
                       incident_read, status_read, approval_read, approval_cancel})) {
      return {true, "role:administrator"};
    }
    if (operation == machine_add) {
      if (guarded) return {true, "role:administrator"};
      nearest = {false, "role:administrator"}, near_role = true;
    }
    if (revokes) {
      if (question.owner == "self") return {true, "role:administrator"};
      nearest = {false, "role:administrator"}, near_role = true;
    }
  }
  if (holds("operator")) {
    if (is(operation,
           {key_read, crl_sign, incident_open, incident_read, status_read, approval_read}))
      return {true, "role:operator"};
    if (revokes ||
        is(operation, {certificate_replace, certificate_read, machine_add, machine_read})) {
      const auto is_held = [&](const NaiveRole& held) {
        return held.identity == machine.name.text() || held.identity == machine.spiffe_id ||
               held.identity == "sha256:" + machine.fingerprint;
      };
      for (const NaiveRole& held : roles) {
        if (held.role != "operator" || !is_held(held)) continue;
        if (held.scope.empty() || any(held.scope, question.owner, {}, {'.'})) {
          return {true, "role:operator"};
        }
      }
      nearest = {false, "role:operator"}, near_role = true;
    }
  }
  if (holds("auditor") && reads) return {true, "role:auditor"};

  long fewest = 1000;
  for (const NaiveRule& grant : grants) {
    if (!is_for(grant, machine, operation)) continue;
    const long failed = judge.failed(true, grant, machine, question);
    if (failed == 0) return {true, grant.name};
    if (!near_role && failed < fewest) fewest = failed, nearest = {false, grant.name};
  }
  return nearest;
}

NaivePolicy::Answer answer_of(const Decision& decision) {
  NaivePolicy::Answer answer{decision.allowed(), decision.grant()};
  if (decision.duties() == nullptr) return answer;
  for (const QuotaUse& use : decision.duties()->quotas) {
    answer.quotas.push_back(use.quota + " of " + use.machine + ": " + std::to_string(use.limit) +
                            " in " + std::to_string(use.window.count()) + " s");
  }
  if (const auto& need = decision.duties()->approval) {
    answer.approval = need->rule + ": " + std::to_string(need->needed) + " in " +
                      std::to_string(need->life.count()) + " s, opens for " +
                      std::to_string(need->opens_for.count()) + " s";
  }
  return answer;
}

}  // namespace chancery
