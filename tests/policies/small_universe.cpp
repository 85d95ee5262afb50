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
                const std::string& when = "") {
  return "  - {name: " + name + ", machines: [" + machines + "], operations: [key.sign], keys: [" +
         keys + "]" + (when.empty() ? "" : ", when: {" + when + "}") + "}\n";
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
  };
}

std::string SmallUniverse::policy(unsigned chosen) const {
  std::string grants, denials, roles;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if ((chosen >> i & 1) == 0) continue;
    const std::string& rule = rules[i];
    if (rule.starts_with("d:")) {
      denials += rule.substr(2);
    } else if (rule.starts_with("r:")) {
      roles += rule.substr(2);
    } else {
      grants += rule;
    }
  }
  return (roles.empty() ? "" : "roles:\n" + roles) + (grants.empty() ? "" : "grants:\n" + grants) +
         (denials.empty() ? "" : "denials:\n" + denials);
}

}  // namespace chancery
