#include "naive_policy.h"

#include <algorithm>
#include <cstdio>

namespace chancery {
namespace {

using Texts = std::vector<std::string>;
using enum Operation;

// --- As YAML -------------------------------------------------------------------------------

std::string list(const Texts& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "\"" : ", \"") + value + "\"";
  return "[" + text + "]";
}

std::string member(const std::string& indent, const std::string& name, const Texts& values) {
  return values.empty() ? "" : indent + name + ": " + list(values) + "\n";
}

std::string conditions(const NaiveGrant& grant) {
  const std::string in = "      ";
  std::string text =
      member(in, "dns_names", grant.dns_names) + member(in, "uris", grant.uris) +
      member(in, "emails", grant.emails) + member(in, "common_names", grant.common_names) +
      member(in, "ip_addresses", grant.ip_addresses) + member(in, "source", grant.sources) +
      member(in, "key_types", grant.key_types) + member(in, "algorithms", grant.algorithms) +
      member(in, "digests", grant.digests) + member(in, "owner", grant.owner_list);
  if (!grant.organizations.empty()) {
    text += in + "subject: {organization: " + list(grant.organizations) + "}\n";
  }
  if (grant.max_hours) text += in + "max_validity: " + std::to_string(*grant.max_hours) + "h\n";
  if (!grant.owner_word.empty()) text += in + "owner: " + grant.owner_word + "\n";
  return text.empty() ? "" : "    when:\n" + text;
}

// --- Patterns ------------------------------------------------------------------------------

Texts split(const std::string& text, char separator) {
  Texts parts(1);
  for (char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

bool covers_character(char c, char separator, bool dns) {
  const bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  if (separator == '/') return word || (c >= 'A' && c <= 'Z') || c == '.' || c == '~';
  if (separator == '@') return c != '@';
  if (separator == ' ') return true;
  return word || (dns && c == '*');
}

struct Syntax {
  char separator;  ///< '@' and ' ' stand for the rules of email's local part and of common names
  bool dns = false;
  [[nodiscard]] char split_at() const { return separator == '/' ? '/' : '.'; }
};

/// Tries each length for the *.
bool segment(const std::string& pattern, const std::string& value, Syntax syntax) {
  const std::size_t star = pattern.find('\1');
  if (star == pattern.npos) return pattern == value;
  if (syntax.separator == '/' && (value == "." || value == "..")) return false;
  for (std::size_t length = 1; length <= value.size(); ++length) {
    if (star + length > value.size()) break;
    const std::string covered = value.substr(star, length);
    const bool good = std::all_of(covered.begin(), covered.end(), [&](char c) {
      return covers_character(c, syntax.separator, syntax.dns);
    });
    if (good && pattern.substr(0, star) + covered + pattern.substr(star + 1) == value) return true;
  }
  return false;
}

/// Tries each number of segments for the **.
bool segments(const Texts& pattern, std::size_t p, const Texts& value, std::size_t v,
              Syntax syntax) {
  if (p == pattern.size()) return v == value.size();
  if (v == value.size()) return false;
  if (pattern[p] != "\2") {
    return segment(pattern[p], value[v], syntax) && segments(pattern, p + 1, value, v + 1, syntax);
  }
  for (std::size_t end = v; end < value.size(); ++end) {
    if (!segment("\1", value[end], syntax)) return false;
    if (segments(pattern, p + 1, value, end + 1, syntax)) return true;
  }
  return false;
}

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

bool matches(std::string pattern, const std::string& value, const Machine& machine, Syntax syntax) {
  pattern = replace_all(replace_all(pattern, "**", "\2"), "*", "\1");
  const std::string& name = machine.name.text();
  if (pattern.find("{machine.name}") != pattern.npos && name.empty()) return false;
  pattern = replace_all(pattern, "{machine.name}", name);
  if (pattern.find("{machine.spiffe_id}") != pattern.npos && machine.spiffe_id.empty())
    return false;
  pattern = replace_all(pattern, "{machine.spiffe_id}", machine.spiffe_id);
  return segments(split(pattern, syntax.split_at()), 0, split(value, syntax.split_at()), 0, syntax);
}

bool email_matches(const std::string& pattern, const std::string& value, const Machine& machine) {
  const Texts pattern_parts = split(pattern, '@'), value_parts = split(value, '@');
  if (value_parts.size() != 2) return false;
  const std::string local = replace_all(pattern_parts[0], "*", "\1");
  return segment(local, value_parts[0], {'@'}) &&
         matches(pattern_parts[1], value_parts[1], machine, {'.', true});
}

bool any(const Texts& patterns, const std::string& value, const Machine& machine, Syntax syntax) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return matches(pattern, value, machine, syntax);
  });
}

bool in(const Texts& values, std::string_view value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

// --- IPv4 ------------------------------------------------------------------------------------

bool in_range(const std::string& range, const std::string& address) {
  unsigned a[4], b[4], bits = 32;
  if (std::sscanf(range.c_str(), "%u.%u.%u.%u/%u", &a[0], &a[1], &a[2], &a[3], &bits) < 4)
    return false;
  if (std::sscanf(address.c_str(), "%u.%u.%u.%u", &b[0], &b[1], &b[2], &b[3]) != 4) return false;
  for (unsigned bit = 0; bit < bits; ++bit) {
    const unsigned shift = 7 - bit % 8;
    if (((a[bit / 8] >> shift) & 1) != ((b[bit / 8] >> shift) & 1)) return false;
  }
  return true;
}
bool in_ranges(const Texts& ranges, const std::string& address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const std::string& range) { return in_range(range, address); });
}

// --- Decisions ---------------------------------------------------------------------------------

bool names(const std::string& pattern, const Machine& machine) {
  if (pattern.starts_with("spiffe://")) return matches(pattern, machine.spiffe_id, {}, {'/'});
  if (pattern.starts_with("sha256:")) return pattern.substr(7) == machine.fingerprint;
  if (pattern.starts_with("dns:")) {
    return std::any_of(machine.dns_names.begin(), machine.dns_names.end(),
                       [&](const std::string& name) {
                         return matches(pattern.substr(4), name, {}, {'.', true});
                       });
  }
  return matches(pattern, machine.name.text(), {}, {'.'});
}

bool is(Operation operation, std::initializer_list<Operation> list) {
  return std::find(list.begin(), list.end(), operation) != list.end();
}

bool all_names(const Texts& patterns, const Texts& asked, const Machine& machine, Syntax syntax) {
  return std::all_of(asked.begin(), asked.end(),
                     [&](const std::string& name) { return any(patterns, name, machine, syntax); });
}

bool owner_holds(const NaiveGrant& grant, const Machine& machine, const PolicyQuestion& question) {
  if (grant.owner_word == "any") return true;
  if (!grant.owner_list.empty()) return any(grant.owner_list, question.owner, machine, {'.'});
  if (question.operation == certificate_issue && question.owner.empty()) return true;
  return !machine.name.empty() && question.owner == machine.name.text();
}

int failed_names(const NaiveGrant& grant, const Machine& machine, const PolicyQuestion& question) {
  int failed = 0;
  failed += !all_names(grant.dns_names, question.names.dns, machine, {'.', true});
  failed += !all_names(grant.uris, question.names.uri, machine, {'/'});
  failed += !std::all_of(
      question.names.email.begin(), question.names.email.end(), [&](const std::string& email) {
        return std::any_of(
            grant.emails.begin(), grant.emails.end(),
            [&](const std::string& pattern) { return email_matches(pattern, email, machine); });
      });
  failed += !std::all_of(question.names.ip.begin(), question.names.ip.end(),
                         [&](const std::string& ip) { return in_ranges(grant.ip_addresses, ip); });
  const std::string& common_name = question.subject.common_name;
  if (!common_name.empty()) {
    failed += grant.common_names.empty()
                  ? !in(question.names.dns, common_name) && common_name != machine.name.text()
                  : !any(grant.common_names, common_name, machine, {' '});
  }
  const std::string& organization = question.subject.organization;
  failed += !organization.empty() && !in(grant.organizations, organization);
  return failed;
}

int failed_conditions(const NaiveGrant& grant, const Machine& machine,
                      const PolicyQuestion& question) {
  const Operation operation = question.operation;
  const bool issues = is(operation, {certificate_issue, certificate_renew});
  const bool certificate = issues || is(operation, {certificate_revoke, certificate_release,
                                                    certificate_replace, certificate_read});
  int failed = 0;
  if (certificate || is(operation, {crl_sign, ocsp_sign})) {
    failed += !grant.issuers.empty() && !in(grant.issuers, question.issuer);
  }
  if (certificate || operation == machine_add) {
    failed += !grant.profiles.empty() && !in(grant.profiles, question.profile);
  }
  if (is(operation, {key_create, key_read, key_sign, key_sign_digest})) {
    failed += !any(grant.keys, question.key, machine, {'.'});
  }
  if (certificate || is(operation, {machine_add, machine_read})) {
    failed += !owner_holds(grant, machine, question);
  }
  failed += !grant.sources.empty() && !in_ranges(grant.sources, machine.source);
  if (issues) failed += failed_names(grant, machine, question);
  if ((issues || operation == key_create) && !grant.key_types.empty()) {
    failed += !question.key_type || !in(grant.key_types, row(*question.key_type).name);
  }
  if (issues && grant.max_hours) {
    failed += !question.validity || *question.validity > std::chrono::hours(*grant.max_hours);
  }
  if (is(operation, {key_sign, key_sign_digest})) {
    const auto& algorithm = question.algorithm;
    if (!grant.algorithms.empty()) {
      failed += !algorithm || !in(grant.algorithms, row(*algorithm).name);
    }
    if (!grant.digests.empty()) {
      failed += !algorithm || !row(*algorithm).digest ||
                !in(grant.digests, row(*row(*algorithm).digest).name);
    }
  }
  return failed;
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
  text += grants.empty() ? "" : "grants:\n";
  for (const NaiveGrant& grant : grants) {
    Texts names;
    for (Operation operation : grant.operations) names.emplace_back(name_of(operation));
    const std::string indent = "    ";
    text += "  - name: " + grant.name + "\n" + member(indent, "machines", grant.machines) +
            member(indent, "operations", names) + member(indent, "issuers", grant.issuers) +
            member(indent, "profiles", grant.profiles) + member(indent, "keys", grant.keys) +
            conditions(grant);
  }
  return text;
}

NaivePolicy::Answer NaivePolicy::decide(const Machine& machine,
                                        const PolicyQuestion& question) const {
  const Operation operation = question.operation;
  const auto identity_is = [&](const NaiveRole& held) {
    return held.identity == machine.name.text() || held.identity == machine.spiffe_id ||
           held.identity == "sha256:" + machine.fingerprint;
  };
  const auto has = [&](std::string_view role) {
    return std::any_of(roles.begin(), roles.end(), [&](const NaiveRole& held) {
      return held.role == role && identity_is(held);
    });
  };
  const bool torn = has("administrator") && has("operator");
  const auto holds = [&](std::string_view role) {
    return has(role) && (role == "auditor" || !torn);
  };
  const auto role_holder = [&](const std::string& identity) {
    return std::any_of(roles.begin(), roles.end(),
                       [&](const NaiveRole& held) { return held.identity == identity; });
  };

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
    return {false, "builtin:roles"};
  }
  if (operation == machine_add) {
    if (question.owner == "self") return {false, "builtin:self"};
    if (role_holder(question.owner) && !holds("administrator")) return {false, "builtin:roles"};
  }
  if (is(operation, {certificate_issue, certificate_renew})) {
    for (const std::string& uri : question.names.uri) {
      for (const NaiveRole& held : roles) {
        if (held.identity == uri && !holds(held.role)) return {false, "builtin:roles"};
      }
    }
  }

  Answer nearest;
  bool near_role = false;
  if (torn && is(operation,
                 {certificate_revoke, certificate_release, certificate_replace, certificate_read,
                  key_create, key_read, machine_add, machine_read, ca_create, crl_sign, policy_read,
                  policy_change, log_prune, incident_open, incident_read, status_read})) {
    nearest = {false, "builtin:roles"}, near_role = true;
  }
  if (holds("administrator")) {
    if (is(operation, {certificate_replace, certificate_read, key_create, key_read, machine_read,
                       ca_create, policy_read, policy_change, log_prune, incident_open,
                       incident_read, status_read, approval_read, approval_cancel})) {
      return {true, "role:administrator"};
    }
    if (operation == machine_add) {
      if (role_holder(question.owner)) return {true, "role:administrator"};
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
      for (const NaiveRole& held : roles) {
        if (held.role != "operator" || !identity_is(held)) continue;
        if (held.scope.empty() || any(held.scope, question.owner, {}, {'.'})) {
          return {true, "role:operator"};
        }
      }
      nearest = {false, "role:operator"}, near_role = true;
    }
  }
  if (holds("auditor") && reads) return {true, "role:auditor"};

  int fewest = 1000;
  for (const NaiveGrant& grant : grants) {
    if (std::find(grant.operations.begin(), grant.operations.end(), operation) ==
        grant.operations.end()) {
      continue;
    }
    if (std::none_of(grant.machines.begin(), grant.machines.end(),
                     [&](const std::string& pattern) { return names(pattern, machine); })) {
      continue;
    }
    const int failed = failed_conditions(grant, machine, question);
    if (failed == 0) return {true, grant.name};
    if (!near_role && failed < fewest) fewest = failed, nearest = {false, grant.name};
  }
  return nearest;
}

}  // namespace chancery
