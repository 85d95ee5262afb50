#include "policy_page_examples.h"

namespace chancery {
namespace {

const std::string kIssue = "certificate.issue", kSign = "key.sign", kDigest = "key.sign-digest";

/// One item of `cases`: who asks what, the answer and, of a refusal, a part of the reason.
std::string one(const std::string& machine, const std::string& ask, const std::string& answer,
                const std::string& more = "") {
  return "  - {name: x, machine: {" + machine + "}, ask: {operation: " + ask +
         "}, expect: " + answer + (more.empty() ? "" : ", " + more) + "}\n";
}

std::string status(const std::string& machines) {
  return "grants: [{name: g, machines: [" + machines + "], operations: [status.read]}]\n";
}
std::string asks_status(const std::string& machine, const std::string& answer) {
  return one(machine, "status.read", answer);
}

void add_machines(std::vector<PageExample>& rows) {
  const std::string digits(64, '3'), others(64, '4');
  const auto add = [&](const char* row, const std::string& written, const std::string& good,
                       const std::vector<std::string>& bad, const std::string& before = "") {
    std::string cases = asks_status(good, "allowed");
    for (const std::string& machine : bad) cases += asks_status(machine, "refused");
    rows.push_back({"written", row, before + status(written), cases, ""});
  };
  add("web-1", "web-1, \"web-*.example.com\"", "name: web-7.example.com",
      {"name: web-2", "name: x, dns: web-1", "name: db-1.example.com"});
  add("spiffe://example.com/ns/shop/*", "\"spiffe://example.com/ns/shop/*\"",
      "spiffe: \"spiffe://example.com/ns/shop/cart\"",
      {"spiffe: \"spiffe://example.com/ns/pay/cart\"", "spiffe: \"spiffe://e.org/ns/shop/cart\""});
  add("dns:*.example.com", "\"dns:*.example.com\"", "name: x, dns: [b.org, a.example.com]",
      {"name: a.example.com", "name: x, dns: [b.org]"});
  add("sha256:3f1c…", "\"sha256:" + digits + "\"", "name: x, fingerprint: \"" + digits + "\"",
      {"name: x, fingerprint: \"" + others + "\""});
  add("attribute:team=shop", "\"attribute:team=shop\"", "name: x, attributes: {team: shop}",
      {"name: x, attributes: {team: shops}", "name: x, attributes: {site: shop}"});
  add("group:web", "\"group:web\"", "name: x-1, attributes: {team: b}",
      {"name: x-1, attributes: {team: c}", "name: y-1, attributes: {team: a}"},
      "groups: {web: {machines: [\"x-*\"], attributes: {team: [a, b]}}}\n");
}

void add_file_members(std::vector<PageExample>& rows) {
  const auto add = [&](const char* row, const std::string& policy, const std::string& cases,
                       const std::string& refusal = "") {
    rows.push_back({"member of the file", row, policy, cases, refusal});
  };
  add("version", "version: 2\n", "", "version");
  add("imports", "imports: [teams/shop.yaml]\n", "", "a policy with imports is a directory");
  add("roles", "roles: {auditor: [carol]}\n",
      one("name: carol", "audit.read", "allowed") + one("name: dave", "audit.read", "refused"));
  add("groups", "groups: {g: {machines: [a]}}\n" + status("\"group:g\""),
      asks_status("name: a", "allowed") + asks_status("name: b", "refused"));
  add("denials",
      "roles: {operator: [bob]}\ndenials: [{name: d, machines: [a, bob], operations: "
      "[status.read]}]\n" +
          status("\"**\""),
      asks_status("name: b", "allowed") +
          one("name: a", "status.read", "refused", "grant: \"denial:d\"") +
          one("name: bob", "status.read", "refused", "grant: \"denial:d\""));
  // The one that needs the most is asked, of equal ones the first; a grant's own before these.
  add("approvals",
      "roles: {administrator: [alice, dora]}\napprovals:\n"
      "  - {name: a, operations: [ca.create, policy.change], needed: 1, from: [erik, fay]}\n"
      "  - {name: b, operations: [ca.create], needed: 2, from: [erik, fay]}\n"
      "  - {name: c, operations: [ca.create], needed: 2, from: [erik, fay]}\n"
      "  - {name: d, operations: [status.read], needed: 1, from: [erik]}\n"
      "grants:\n  - {name: g, machines: [m], operations: [status.read], approvals: {needed: 1, "
      "from: [fay]}}\n",
      one("name: alice", "ca.create", "allowed", "approval: \"approval:b\"") +
          one("name: alice", "policy.change", "allowed", "approval: \"approval:a\"") +
          one("name: m", "status.read", "allowed", "approval: \"grant:g\"") +
          one("name: bob", "ca.create", "refused"));
  add("grants", status("a") + "  \n",
      asks_status("name: a", "allowed") + asks_status("name: b", "refused"));
  const std::string with_template =
      "templates: [{name: t, parameters: [m], grants: [{name: g, machines: [\"${m}\"], operations: "
      "[status.read]}]}]\nuse: [{template: t, name: u, with: {m: a}}]\n";
  const std::string its_cases =
      one("name: a", "status.read", "allowed", "grant: u.g") + asks_status("name: b", "refused");
  add("templates", with_template, its_cases);
  add("use", with_template, its_cases);
}

void add_rule_members(std::vector<PageExample>& rows) {
  const auto add = [&](const char* row, const std::string& policy, const std::string& cases,
                       const std::string& refusal = "") {
    rows.push_back({"member of a rule", row, policy, cases, refusal});
  };
  const auto must = [&](const char* row, const std::string& policy) {
    add(row, policy, "", std::string("member ") + row + " is missing");
  };
  const std::string agreed = ", needed: 1, from: [b]}]\n";
  for (const std::string list : {"grants", "denials", "approvals"}) {
    const std::string begin = list + ": [{", end = list == "approvals" ? agreed : "}]\n";
    must("name", begin + "machines: [a], operations: [status.read]" + end);
    must("operations", begin + "name: a, machines: [a]" + end);
  }
  must("machines", "grants: [{name: a, operations: [status.read]}]\n");
  add("machines",
      "denials: [{name: d, operations: [status.read]}]\napprovals: [{name: a, operations: "
      "[key.read], needed: 1, from: [b]}]\ngrants: [{name: g, machines: [a], operations: "
      "[status.read, key.read], keys: [k]}]\n",
      one("name: a", "status.read", "refused", "grant: \"denial:d\"") +
          one("name: a", "key.read, key: k", "allowed", "approval: \"approval:a\""));
  const std::string issue =
      "grants: [{name: g, machines: [a], operations: [certificate.issue], "
      "when: {dns_names: [a]}, ";
  must("issuers", issue + "profiles: [machine]}]\n");
  must("profiles", issue + "issuers: [issuing]}]\n");
  must("keys", "grants: [{name: g, machines: [a], operations: [key.sign]}]\n");
  const auto denied_only = [&](const char* row, const char* denied, const char* member,
                               const std::string& good, const std::string& bad) {
    const std::string wide =
        "grants: [{name: g, machines: [a], operations: [certificate.issue], issuers: [issuing, "
        "root], profiles: [machine, tls-server], when: {dns_names: [a]}}, {name: k, machines: [a], "
        "operations: [key.sign], keys: [\"**\"]}]\n";
    add(row, wide + "denials: [{name: d, operations: [" + denied + "], " + member + "}]\n",
        one("name: a", good, "allowed") + one("name: a", bad, "refused", "grant: \"denial:d\""));
    add(row, wide + "denials: [{name: d, operations: [" + denied + "]}]\n",
        one("name: a", good, "refused") + one("name: a", bad, "refused"));
  };
  const std::string ask = "certificate.issue, dns_names: [a], issuer: ";
  denied_only("issuers", "certificate.issue", "issuers: [root]", ask + "issuing, profile: machine",
              ask + "root, profile: machine");
  denied_only("profiles", "certificate.issue", "profiles: [machine]",
              ask + "issuing, profile: tls-server", ask + "issuing, profile: machine");
  denied_only("keys", "key.sign", "keys: [\"k.*\"]", "key.sign, key: j.a", "key.sign, key: k.a");
  add("when", "grants: [{name: g, machines: [a], operations: [certificate.read, status.read]}]\n",
      one("name: a", "certificate.read, owner: a", "allowed") +
          one("name: a", "certificate.read, owner: b", "refused", "reason: owner") +
          asks_status("name: a", "allowed"));
  for (const char* list : {"denials", "approvals"}) {
    for (const char* member : {"quotas: [{limit: 1, per: day}]", "break_glass: 1h"}) {
      add("quotas",
          std::string(list) + ": [{name: d, operations: [status.read], " + member + "}]\n", "",
          "unknown field");
    }
  }
  add("quotas",
      "grants: [{name: g, machines: [a], operations: [status.read], quotas: [{limit: 1, per: "
      "day}], approvals: {needed: 2, from: [b, c]}, break_glass: 1h}]\n",
      one("name: a", "status.read", "allowed", "quotas: [g/1], approval: \"grant:g\"") +
          asks_status("name: b", "refused"));
  add("needed", "approvals: [{name: a, operations: [status.read], from: [b]}]\n", "",
      "member needed is missing");
  add("needed", "grants: [{name: a, machines: [m], operations: [status.read], needed: 1}]\n", "",
      "unknown field");
  add("needed", "denials: [{name: a, operations: [status.read], needed: 1}]\n", "",
      "unknown field");
}

void add_parts(std::vector<PageExample>& rows) {
  const auto in_window = [&](const char* row, const std::string& window, const char* good,
                             const char* bad) {
    const auto at = [&](const char* time, const char* answer) {
      return one("name: a", "status.read", answer, std::string("at: ") + time);
    };
    rows.push_back({"member of a window", row,
                    "grants: [{name: g, machines: [a], operations: [status.read], when: {hours: "
                    "[{" +
                        window + "}]}}]\n",
                    at(good, "allowed") + at(bad, "refused"), ""});
  };
  const char *friday = "2026-11-27T12:00:00Z", *tuesday = "2026-11-24T12:00:00Z";
  in_window("days", "days: [mon, wed-fri]", friday, tuesday);
  in_window("days", "from: \"08:00\"", tuesday, "2026-11-24T07:59:59Z");
  in_window("from", "to: \"08:00\"", "2026-11-24T00:00:00Z", "2026-11-24T08:00:00Z");
  in_window("to", "to: \"18:00\"", "2026-11-24T17:59:59Z", "2026-11-24T18:00:00Z");
  in_window("to", "days: [mon], from: \"22:00\", to: \"02:00\"", "2026-11-24T01:00:00Z",
            "2026-11-24T23:00:00Z");
  in_window("to", "from: \"18:00\"", "2026-11-24T23:59:59Z", "2026-11-24T00:00:00Z");
  in_window("zone", "to: \"08:00\", zone: Europe/Zurich", "2026-11-24T23:30:00Z",
            "2026-11-24T07:30:00Z");
  in_window("zone", "to: \"08:00\"", "2026-11-24T07:30:00Z", "2026-11-24T23:30:00Z");

  const auto grant = [](const std::string& member) {
    return "grants: [{name: g, machines: [a], operations: [status.read], " + member + "}]\n";
  };
  const auto part = [&](const char* table, const char* row, const std::string& member,
                        const std::string& refusal, const std::string& expected = "") {
    const std::string cases =
        one("name: a", "status.read", "allowed", expected) + asks_status("name: b", "refused");
    rows.push_back({table, row, grant(member), refusal.empty() ? cases : "", refusal});
  };
  const char* quota = "member of a quota";
  part(quota, "limit", "quotas: [{per: day}]", "limit is missing");
  part(quota, "limit", "quotas: [{limit: 0, per: day}]", "limit");
  part(quota, "limit", "quotas: [{limit: 3, per: day}]", "", "quotas: [g/1]");
  part(quota, "per", "quotas: [{limit: 1}]", "per is missing");
  part(quota, "per", "quotas: [{limit: 1, per: week}]", "minute, hour, day or ever");
  part(quota, "per",
       "quotas: [{limit: 1, per: minute}, {limit: 1, per: hour}, {limit: 1, per: day}, {limit: 1, "
       "per: ever}]",
       "", "quotas: [g/1, g/2, g/3, g/4]");
  part(quota, "for", "quotas: [{limit: 1, per: day, for: all}]", "machine or grant");
  part(quota, "for", "quotas: [{limit: 1, per: day, for: grant}]", "", "quotas: [g/1]");

  const char* approval = "member of an approval";
  const std::string asked = "approval: \"grant:g\"";
  part(approval, "needed", "approvals: {from: [b]}", "needed is missing");
  part(approval, "needed", "approvals: {needed: 17, from: [\"**\"]}", "needed");
  part(approval, "needed", "approvals: {needed: 16, from: [\"**\"]}", "", asked);
  part(approval, "from", "approvals: {needed: 1}", "from is missing");
  part(approval, "from", "approvals: {needed: 1, from: [\"role:auditor\"]}", "auditor");
  part(approval, "from", "approvals: {needed: 1, from: [\"attribute:team=a\", \"*.example.com\"]}",
       "", asked);
  part(approval, "expires", "approvals: {needed: 1, from: [b], expires: 59s}", "expires");
  part(approval, "expires", "approvals: {needed: 1, from: [b], expires: 31d}", "expires");
  part(approval, "expires", "approvals: {needed: 1, from: [b], expires: 30d}", "", asked);
  part(approval, "break_glass", "approvals: {needed: 1, from: [b]}, break_glass: 1h", "at least 2");
  part(approval, "break_glass", "break_glass: 1h", "at least 2");
  part(approval, "break_glass", "approvals: {needed: 2, from: [b, c]}, break_glass: 25h",
       "break_glass");
  part(approval, "break_glass", "approvals: {needed: 2, from: [b, c]}, break_glass: 5m", "", asked);
}

void add_refused(std::vector<PageExample>& rows) {
  const auto add = [&](const char* row, const std::string& policy, const char* said) {
    rows.push_back({"refused", row, policy, "", said});
  };
  add("a group in a group", "groups: {a: {machines: [m]}, b: {machines: [\"group:a\"]}}\n",
      "groups do not nest");
  const std::string denial = "denials: [{name: d, operations: [certificate.issue";
  add("a denial with `max_validity`", denial + "], when: {max_validity: 1h}}]\n", "unknown field");
  add("quotas of a denial", denial + "], quotas: [{limit: 1, per: day}]}]\n", "unknown field");
  add("a condition of a denial about a part of its operations",
      denial + ", status.read], issuers: [root]}]\n", "says nothing about status.read");
  for (const char* holder : {"\"a-*\"", "\"group:a\"", "\"attribute:a=b\""}) {
    add("a role for a pattern, a group or an attribute",
        "groups: {a: {machines: [m]}}\nroles: {operator: [" + std::string(holder) + "]}\n",
        "a role is held by");
  }
  const std::string approval = "approvals: [{name: a, operations: [status.read], needed: ";
  add("approvals from an auditor", "roles: {auditor: [c]}\n" + approval + "1, from: [c]}]\n",
      "approves nothing");
  add("more approvers needed than are named", approval + "2, from: [c]}]\n",
      "2 different ones are needed");
  add("a denial by which no administrator could change the policy",
      "roles: {administrator: [a]}\ndenials: [{name: d, operations: [policy.change]}]\n",
      "no administrator could change the policy again");
  add("approval.give", "grants: [{name: g, machines: [m], operations: [approval.give]}]\n",
      "is not granted");
}

}  // namespace

std::vector<PageExample> page_examples() {
  std::vector<PageExample> rows;
  add_machines(rows);
  add_file_members(rows);
  add_rule_members(rows);
  add_parts(rows);
  add_refused(rows);
  return rows;
}

std::vector<ConditionExample> condition_examples() {
  const std::string any = "status.read";
  const std::string thursday = "2026-11-26T10:00:00Z", sunday = "2026-11-29T10:00:00Z";
  const std::string office = "[{days: [mon-fri]}]";
  const auto message = [](const std::string& text) { return "key: k, message: {" + text + "}"; };
  return {
      {"source",
       any,
       "[10.0.0.0/8]",
       {{"source: 10.1.2.3", "", true, true}, {"source: 192.0.2.1", "", false, false}}},
      {"attributes",
       any,
       "{team: [\"shop-*\"], env: [prod]}",
       {{"attributes: {team: shop-1, env: prod}", "", true, true},
        {"attributes: {team: shop-1, env: test}", "", false, false},
        {"attributes: {env: prod}", "", false, false}}},
      {"certificate_age",
       any,
       "10d",
       {{"certificate_age: 10d", "", true, false},
        {"certificate_age: 11d", "", false, false},
        {"", "", false, false}}},
      {"older_than",
       any,
       "10d",
       {{"certificate_age: 10d", "", true, false},
        {"certificate_age: 11d", "", true, true},
        {"", "", true, true},
        {"enrolling: true", "", true, false}}},
      {"hours", any, office, {{"", "", true, true, thursday}, {"", "", false, false, sunday}}},
      {"outside_hours",
       any,
       office,
       {{"", "", true, false, thursday}, {"", "", true, true, sunday}}},
      {"valid_from",
       any,
       "2026-11-26T10:00:00Z",
       {{"", "", true, true, thursday}, {"", "", false, false, "2026-11-26T09:59:59Z"}}},
      {"valid_until",
       any,
       "2026-11-26T10:00:00Z",
       {{"", "", false, false, thursday}, {"", "", true, true, "2026-11-26T09:59:59Z"}}},
      {"owner",
       "certificate.read",
       "[\"b-*\"]",
       {{"", "owner: b-1", true, true}, {"", "owner: m", false, false}}},
      {"owner",
       "certificate.read",
       "self",
       {{"", "owner: m", true, true}, {"", "owner: b", false, false}}},
      {"owner", "certificate.read", "any", {{"", "owner: b", true, true}}},
      {"owner",
       "certificate.read",
       "",
       {{"", "owner: m", true, true}, {"", "owner: b", false, true}}},
      {"dns_names",
       kIssue,
       "[\"*.a\"]",
       {{"", "dns_names: [x.a, y.a]", true, true},
        {"", "dns_names: [x.a, y.b]", false, true},
        {"", "dns_names: [y.b]", false, false},
        {"", "", true, false}}},
      {"dns_names", kIssue, "", {{"", "dns_names: [x.a]", false, true}, {"", "", true, true}}},
      {"ip_addresses",
       kIssue,
       "[10.0.0.0/8]",
       {{"", "ip_addresses: [10.0.0.1]", true, true},
        {"", "ip_addresses: [10.0.0.1, 192.0.2.1]", false, true},
        {"", "ip_addresses: [192.0.2.1]", false, false}}},
      {"ip_addresses", kIssue, "", {{"", "ip_addresses: [10.0.0.1]", false, true}}},
      {"uris",
       kIssue,
       "[\"https://a/*\"]",
       {{"", "uris: [\"https://a/b\"]", true, true},
        {"", "uris: [\"https://a/b\", \"https://b/b\"]", false, true},
        {"", "uris: [\"https://b/b\"]", false, false}}},
      {"uris", kIssue, "", {{"", "uris: [\"https://a/b\"]", false, true}}},
      {"emails",
       kIssue,
       "[\"*@a.org\"]",
       {{"", "emails: [x@a.org]", true, true},
        {"", "emails: [x@a.org, x@b.org]", false, true},
        {"", "emails: [x@b.org]", false, false}}},
      {"emails", kIssue, "", {{"", "emails: [x@a.org]", false, true}}},
      {"max_names",
       kIssue,
       "2",
       {{"", "dns_names: [a], ip_addresses: [10.0.0.1]", true, false},
        {"", "dns_names: [a, b], emails: [x@a.org]", false, false}}},
      {"more_names_than",
       kIssue,
       "2",
       {{"", "dns_names: [a, b]", true, false},
        {"", "dns_names: [a, b], uris: [\"https://a/b\"]", true, true}}},
      {"common_names",
       kIssue,
       "[\"* Corp\"]",
       {{"", "common_name: A Corp", true, true},
        {"", "common_name: A Inc", false, false},
        {"", "", true, false}}},
      {"common_names",
       kIssue,
       "",
       {{"", "common_name: m", true, true},
        {"", "common_name: x.a, dns_names: [x.a]", true, true},
        {"", "common_name: y.a, dns_names: [x.a]", false, true}}},
      {"subject",
       kIssue,
       "{organization: [A], country: [CH]}",
       {{"", "organization: A, country: CH", true, true},
        {"", "organization: A", true, false},
        {"", "organization: A, country: DE", false, false},
        {"", "organization: A, country: CH, organizational_unit: X", false, true},
        {"", "", true, false}}},
      {"subject", kIssue, "", {{"", "organization: A", false, true}, {"", "", true, true}}},
      {"extended_key_usages",
       kIssue,
       "[server_auth, client_auth]",
       {{"", "extended_key_usages: [server_auth]", true, true},
        {"", "extended_key_usages: [server_auth, code_signing]", false, true},
        {"", "extended_key_usages: [code_signing]", false, false},
        {"", "profile: intermediate-ca", false, true}}},
      {"max_validity",
       kIssue,
       "24h",
       {{"", "validity: 24h", true, false}, {"", "validity: 25h", false, false}}},
      {"longer_than",
       kIssue,
       "24h",
       {{"", "validity: 24h", true, false}, {"", "validity: 25h", true, true}}},
      {"key_types",
       "key.create",
       "[ec-p256]",
       {{"", "key: k, key_type: ec-p256", true, true},
        {"", "key: k, key_type: ed25519", false, false}}},
      {"algorithms",
       kSign,
       "[ed25519]",
       {{"", "key: k, algorithm: ed25519", true, true},
        {"", "key: k, algorithm: ecdsa-p256-sha256", false, false}}},
      {"digests",
       kSign,
       "[sha256]",
       {{"", "key: k, algorithm: ecdsa-p256-sha256", true, true},
        {"", "key: k, algorithm: ecdsa-p384-sha384", false, false},
        {"", "key: k, algorithm: ed25519", false, false}}},
      {"message_classes",
       kSign,
       "[jwt]",
       {{"", message("class: jwt"), true, true}, {"", message("class: data"), false, false}}},
      {"message_classes", kDigest, "[digest]", {{"", "key: k", true, true}}},
      {"content",
       kSign,
       "{audience: [\"a-*\"], issuer: [i]}",
       {{"", message("class: jwt, fields: {issuer: i, audience: [a-1, a-2]}"), true, true},
        {"", message("class: jwt, fields: {issuer: i, audience: [a-1, b]}"), false, true},
        {"", message("class: jwt, fields: {issuer: i, audience: [b]}"), false, false},
        {"", message("class: jwt, fields: {audience: [a-1]}"), false, false}}},
      {"max_lifetime",
       kSign,
       "1h",
       {{"", message("class: jwt, lifetime: 1h"), true, false},
        {"", message("class: jwt, lifetime: 2h"), false, false},
        {"", message("class: jwt"), false, false}}},
      {"longer_lifetime_than",
       kSign,
       "1h",
       {{"", message("class: jwt, lifetime: 1h"), true, false},
        {"", message("class: jwt, lifetime: 2h"), true, true},
        {"", message("class: jwt"), true, true}}},
      {"key_attested", "key.create", "true", {}, "no attestation of keys is known yet"},
  };
}

}  // namespace chancery
