#include "small_universe.h"

#include "analysis_fixture.h"

namespace chancery {
namespace {

using Texts = std::vector<std::string>;

std::string tls(const std::string& name, const std::string& machines, const std::string& when) {
  return "  - {name: " + name + ", machines: [" + machines +
         "], operations: [certificate.issue], issuers: [ca], profiles: [tls], when: {" + when +
         "}}\n";
}
std::string key(const std::string& name, const std::string& machines, const std::string& keys,
                const std::string& when = "", const std::string& duties = "") {
  return "  - {name: " + name + ", machines: [" + machines + "], operations: [key.sign], keys: [" +
         keys + "]" + (when.empty() ? "" : ", when: {" + when + "}") +
         (duties.empty() ? "" : ", " + duties) + "}\n";
}

std::vector<ExampleRequest> key_requests() {
  std::vector<ExampleRequest> requests;
  for (const char* name : {"", "a", "b", "a.b", "b.a"}) {
    for (const char* team : {"", "a", "b"}) {
      for (const char* source : {"10.0.0.1", "192.0.2.1"}) {
        for (const char* key : {"a", "b", "c", "a.a", "a.b", "b.a", "a.b.a", "a.a.b", "b.b.a.a"}) {
          ExampleRequest request{{}, {.operation = Operation::key_sign}, analysis_time()};
          if (*name != 0) request.machine.name = MachineName::literal(name);
          request.machine.fingerprint = std::string(64, 'f');
          request.machine.source = source;
          if (*team != 0) request.machine.attributes = {{"team", team}};
          request.question.key = key;
          requests.push_back(request);
        }
      }
    }
  }
  return requests;
}

std::vector<ExampleRequest> name_requests() {
  std::vector<ExampleRequest> requests;
  const std::vector<Texts> lists = {{},       {"a"},        {"b"},          {"a", "b"},
                                    {"a.b"},  {"a", "a.b"}, {"c.b", "a.b"}, {"a", "b", "c"},
                                    {"x.a.b"}};
  for (const char* name : {"a", "b", "a.b"}) {
    for (const Texts& list : lists) {
      for (const char* common : {"", "a", "b", "a.b", "Z"}) {
        for (int hours : {1, 2, 3}) {
          ExampleRequest request{{}, {.operation = Operation::certificate_issue}, analysis_time()};
          request.machine.name = MachineName::literal(name);
          request.machine.fingerprint = std::string(64, 'f');
          request.machine.source = "10.0.0.1";
          request.question.issuer = "ca";
          request.question.profile = "tls";
          request.question.owner = name;
          request.question.names.dns = list;
          request.question.subject.common_name = common;
          request.question.validity = std::chrono::hours(hours);
          requests.push_back(request);
        }
      }
    }
  }
  return requests;
}

std::vector<ExampleRequest> role_requests() {
  std::vector<ExampleRequest> requests;
  using enum Operation;
  for (const char* name : {"", "a", "b", "c", "d", "self"}) {
    for (const char* spiffe : {"", "spiffe://o/b", "spiffe://o/c"}) {
      for (const char* owner : {"", "a", "b", "c", "d", "x.d", "self"}) {
        for (Operation operation : {certificate_revoke, machine_add, key_read, certificate_renew}) {
          for (const char* uri : {"", "spiffe://o/b"}) {
            if (*uri != 0 && operation != certificate_renew) continue;
            ExampleRequest request{{}, {.operation = operation}, analysis_time()};
            if (*name != 0) request.machine.name = MachineName::literal(name);
            request.machine.spiffe_id = spiffe;
            request.machine.fingerprint = std::string(64, 'f');
            request.machine.source = "10.0.0.1";
            request.question.owner = owner;
            request.question.issuer = "ca";
            request.question.profile = "tls";
            request.question.key = "k";
            if (*uri != 0) request.question.names.uri = {uri};
            requests.push_back(request);
          }
        }
      }
    }
  }
  return requests;
}

/// Signatures of messages: what they say, and with which algorithm.
std::vector<ExampleRequest> message_requests() {
  using Fields = std::vector<MessageField>;
  struct Message {
    std::optional<MessageClass> message_class;
    Fields fields;
  };
  const std::vector<Message> messages = {
      {{}, {}},
      {MessageClass::data, {}},
      {MessageClass::data, {{"context", {"c"}}}},
      {MessageClass::jwt, {}},
      {MessageClass::jwt, {{"issuer", {"i"}}}},
      {MessageClass::jwt, {{"issuer", {"i"}}, {"audience", {"x"}}}},
      {MessageClass::jwt, {{"issuer", {"i"}}, {"audience", {"x", "y"}}}},
      {MessageClass::jwt, {{"issuer", {"j"}}, {"audience", {"y"}}}},
      {MessageClass::jwt, {{"issuer", {"j/k"}}, {"subject", {"a"}}}},
      {MessageClass::ssh_certificate, {{"principal", {"a", "root"}}}},
      {MessageClass::ssh_certificate, {{"principal", {"a"}}}},
      {MessageClass::ssh_certificate, {{"principal", {"b"}}}},
      {MessageClass::crl, {{"issuer", {"i"}}}},
  };
  std::vector<ExampleRequest> requests;
  for (const char* name : {"a", "b"}) {
    for (const Message& message : messages) {
      for (const auto lifetime : {std::optional<Seconds>(), std::optional(Seconds(60)),
                                  std::optional(Seconds(61)), std::optional(Seconds(3601))}) {
        for (auto algorithm :
             {SignatureAlgorithm::ed25519, SignatureAlgorithm::ecdsa_p256_sha256}) {
          ExampleRequest request{{}, {.operation = Operation::key_sign}, analysis_time()};
          request.machine.name = MachineName::literal(name);
          request.machine.fingerprint = std::string(64, 'f');
          request.machine.source = "10.0.0.1";
          request.question.key = "k";
          request.question.algorithm = algorithm;
          if (message.message_class) {
            request.question.message.emplace();
            request.question.message->message_class = *message.message_class;
            request.question.message->fields = message.fields;
            request.question.message->lifetime = lifetime;
          } else if (lifetime) {
            continue;
          }
          requests.push_back(request);
        }
      }
    }
  }
  return requests;
}

/// When, from where, by which machine of which group, with how old a certificate.
std::vector<ExampleRequest> circumstance_requests() {
  std::vector<ExampleRequest> requests;
  // A Thursday and a Saturday around the edges of the windows, in Zurich and in UTC, winter and
  // summer; the end of the year.
  for (const char* at : {"2026-11-26T06:59:59Z", "2026-11-26T07:00:00Z", "2026-11-26T12:00:00Z",
                         "2026-11-26T16:59:59Z", "2026-11-26T17:00:00Z", "2026-11-28T12:00:00Z",
                         "2026-11-28T20:00:00Z", "2026-07-02T06:00:00Z", "2026-07-02T16:00:00Z",
                         "2027-07-01T06:00:00Z", "2027-07-01T16:30:00Z", "2027-01-04T12:00:00Z",
                         "2027-01-02T12:00:00Z", "2027-01-04T22:00:00Z"}) {
    for (const char* source : {"10.0.0.1", "10.0.1.0", "192.0.2.1", "2001:db8::1"}) {
      for (const char* name : {"a", "b", "c"}) {
        for (const char* team : {"", "x", "y"}) {
          for (int age : {-1, 3600, 86400, 86401}) {
            ExampleRequest request{{}, {.operation = Operation::key_sign}, *from_rfc3339(at)};
            request.machine.name = MachineName::literal(name);
            request.machine.fingerprint = std::string(64, 'f');
            request.machine.source = source;
            if (*team != 0) request.machine.attributes = {{"team", team}};
            if (age >= 0) request.machine.certificate_since = request.at - Seconds(age);
            request.question.key = "k";
            requests.push_back(request);
          }
        }
      }
    }
  }
  return requests;
}

}  // namespace

std::vector<SmallUniverse> small_universes() {
  const auto denial = [](const std::string& text) { return "d:  - {" + text + "}\n"; };
  return {
      {"keys",
       {key("g1", "'a'", "'a.*'"), key("g2", "'**'", "'{machine.name}.*'"),
        key("g3", "'a.*', 'b'", "'*.a', 'b'"), key("g4", "'attribute:team=a'", "'**'"),
        key("g5", "'**'", "'{machine.attribute.team}.**'", "source: [10.0.0.0/8]"),
        denial("name: d1, machines: ['*'], operations: [key.sign], keys: ['**.a']"),
        denial("name: d2, operations: [key.sign], when: {source: [192.0.2.0/24]}")},
       key_requests()},
      {"covered",
       {key("g1", "'*'", "'a.*'"),
        key("g2", "'**'", "'a.*'", "", "quotas: [{limit: 5, per: hour}]"), key("g3", "a", "a.a"),
        key("g4", "'*.**'", "a.b"),
        key("g5", "a", "a.a, a.b", "", "quotas: [{limit: 5, per: hour}]"),
        key("g6", "'**'", "'**'"),
        denial("name: d1, machines: ['*'], operations: [key.sign], keys: ['a.*']"),
        denial("name: d2, machines: [a], operations: [key.sign], keys: ['*.a']")},
       key_requests()},
      {"names",
       {tls("g1", "'**'", "dns_names: ['{machine.name}']"),
        tls("g2", "'a'", "dns_names: [a, b], max_validity: 1h"),
        tls("g3", "'**'", "dns_names: ['*.b', '*'], max_names: 2"),
        tls("g4", "'*'", "dns_names: ['**'], common_names: ['*'], max_validity: 2h"),
        denial("name: d1, operations: [certificate.issue], when: {dns_names: ['*.b']}"),
        denial("name: d2, machines: [a], operations: [certificate.issue], when: {more_names_than: "
               "1}")},
       name_requests()},
      {"roles",
       {"r:  administrator: [a]\n",
        "r:  operator: [{identity: b, machines: ['*.d', c]}, "
        "'spiffe://o/b']\n",
        "r:  auditor: ['spiffe://o/c', c]\n",
        "  - {name: g1, machines: ['**'], operations: [machine.add, certificate.revoke, key.read], "
        "keys: [k], when: {owner: any}}\n",
        "  - {name: g2, machines: ['*'], operations: [certificate.renew], issuers: [ca], profiles: "
        "[tls], when: {uris: ['spiffe://o/**'], dns_names: [d]}}\n",
        denial("name: d1, machines: [b], operations: [machine.add, certificate.revoke], when: "
               "{owner: [c, '*.d']}")},
       role_requests()},
      {"messages",
       {key("g1", "a", "k", "message_classes: [jwt], content: {issuer: ['*']}, max_lifetime: 1m"),
        key("g2", "'**'", "'*'",
            "message_classes: [jwt], content: {issuer: [i, j], audience: [x]}"),
        key("g3", "'**'", "k", "message_classes: [data, ssh-certificate], algorithms: [ed25519]"),
        key("g4", "b", "k",
            "message_classes: [jwt, crl], content: {issuer: ['**']}, digests: "
            "[sha256]"),
        key("g5", "'*'", "k",
            "message_classes: [ssh-certificate], content: {principal: "
            "['{machine.name}', root]}, max_lifetime: 1h"),
        denial("name: d1, operations: [key.sign], when: {content: {principal: [root]}}"),
        denial(
            "name: d2, machines: [a], operations: [key.sign], when: {longer_lifetime_than: 1m}")},
       message_requests()},
      {"circumstances",
       {key("g1", "'group:one'", "k",
            "hours: [{days: [mon-fri], from: '08:00', to: '18:00', zone: "
            "Europe/Zurich}]"),
        key("g2", "'**'", "k", "source: [10.0.0.0/24, '2001:db8::/32'], certificate_age: 1d"),
        key("g3", "'group:both'", "k", "valid_until: '2027-01-01T00:00:00Z'",
            "quotas: [{limit: 5, per: hour}]"),
        key("g4", "'*'", "k", "attributes: {team: [x]}, source: [10.0.0.0/8]",
            "approvals: {needed: 1, from: [z]}"),
        denial("name: d1, operations: [key.sign], when: {outside_hours: [{from: '07:00', to: "
               "'17:00'}]}"),
        denial("name: d2, machines: ['group:both'], operations: [key.sign], when: {source: "
               "[10.0.0.0/25, 192.0.2.0/24], older_than: 1d}"),
        "a:  - {name: p1, machines: [a, b], operations: [key.sign], needed: 2, from: [y, z], when: "
        "{source: [10.0.0.0/23]}}\n"},
       circumstance_requests(),
       "groups: {one: {machines: [a, b]}, both: {machines: [a, c], attributes: {team: "
       "[x, "
       "y]}}}\n"},
  };
}

unsigned SmallUniverse::denials() const {
  unsigned bits = 0;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].starts_with("d:")) bits |= 1u << i;
  }
  return bits;
}

std::string SmallUniverse::policy(unsigned chosen) const {
  std::string grants, denials, roles, approvals;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if ((chosen >> i & 1) == 0) continue;
    const std::string& rule = rules[i];
    if (rule.starts_with("d:")) {
      denials += rule.substr(2);
    } else if (rule.starts_with("r:")) {
      roles += rule.substr(2);
    } else if (rule.starts_with("a:")) {
      approvals += rule.substr(2);
    } else {
      grants += rule;
    }
  }
  return always + (roles.empty() ? "" : "roles:\n" + roles) +
         (grants.empty() ? "" : "grants:\n" + grants) +
         (denials.empty() ? "" : "denials:\n" + denials) +
         (approvals.empty() ? "" : "approvals:\n" + approvals);
}

std::size_t SmallUniverse::position(const std::string& rule) const {
  const std::size_t colon = rule.find(':');
  const std::string kind = rule.substr(0, colon), name = "name: " + rule.substr(colon + 1) + ",";
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const std::string here = rules[i].starts_with("d:")   ? "denial"
                             : rules[i].starts_with("a:") ? "approval"
                                                          : "grant";
    if (here == kind && rules[i].find(name) != std::string::npos) return i;
  }
  return rules.size();
}

}  // namespace chancery
