#include <set>

#include "policies/role.h"
#include "policy_fixture.h"

// The roles, exhaustively; the service itself; and that no way leads from one role to another.

namespace chancery {
namespace {

using enum Operation;

constexpr const char* kRolesText = R"(
version: 1
roles:
  administrator: [admin, "spiffe://example.com/people/root"]
  operator:
    - operator
    - identity: ops-eu
      machines: ["*.eu.example.com", eu-gateway]
    - "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
  auditor: [auditor, "spiffe://example.com/people/audit"]
grants:
  - name: certificates
    machines: ["**"]
    operations: [certificate.issue, certificate.renew]
    issuers: [issuing]
    profiles: [machine]
    when: {dns_names: ["{machine.name}"], uris: ["spiffe://example.com/people/*"]}
  - name: keys
    machines: ["**"]
    operations: [key.sign, key.sign-digest, certificate.revoke, machine.add]
    keys: ["**"]
    when: {owner: any}
)";

using Operations = std::set<Operation>;
struct ExpectedRole {
  const char* holder;
  Operations allowed;  ///< about the machine web-1, without any grant
};

const std::vector<ExpectedRole> kExpected = {
    {"admin",
     {certificate_replace, certificate_read, key_create, key_read, machine_read, ca_create,
      policy_read, policy_change, log_prune, incident_open, incident_read, status_read,
      approval_read, approval_cancel}},
    {"operator",
     {certificate_revoke, certificate_release, certificate_replace, certificate_read, key_read,
      machine_add, machine_read, crl_sign, incident_open, incident_read, status_read,
      approval_read}},
    {"auditor",
     {certificate_read, key_read, machine_read, policy_read, audit_read, incident_read, status_read,
      approval_read}},
};

BOOST_AUTO_TEST_SUITE(roles)

BOOST_AUTO_TEST_CASE(each_role_and_each_operation) {
  const auto policy = load_good(R"(
version: 1
roles: {administrator: [admin], operator: [operator], auditor: [auditor]}
)");
  for (const ExpectedRole& expected : kExpected) {
    const std::string grant =
        std::string("role:") +
        (expected.holder == std::string("admin") ? "administrator" : expected.holder);
    for (Operation operation : operations()) {
      BOOST_TEST_CONTEXT(expected.holder << " " << name_of(operation)) {
        const Decision decision =
            policy->decide(TestMachine(expected.holder), Ask(operation).owner("web-1"));
        const bool allowed = expected.allowed.contains(operation);
        BOOST_TEST(decision.allowed() == allowed);
        BOOST_TEST((decision.grant() == grant) ==
                   (allowed || expected.holder == std::string("auditor") ||
                    (grant == "role:administrator" &&
                     (operation == machine_add || operation == certificate_revoke ||
                      operation == certificate_release))));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(only_administrators_add_approvers) {
  const auto policy = load_good(R"(
version: 1
roles: {administrator: [admin], operator: [operator]}
grants:
  - {name: adds, machines: [m], operations: [machine.add], when: {owner: any}}
  - name: sealed
    machines: [m]
    operations: [key.sign]
    keys: [k]
    approvals: {needed: 1, from: [dave, "ops-*"]}
approvals:
  - {name: keys, operations: [key.create], needed: 1, from: [carol, "role:operator"]}
)");
  for (const char* approver : {"carol", "dave"}) {
    const Ask ask = Ask(machine_add).owner(approver);
    for (const char* other : {"operator", "m", approver}) {
      const Decision refused = policy->decide(TestMachine(other), ask);
      BOOST_TEST(!refused.allowed(), other);
      BOOST_TEST(refused.reason() == "builtin:roles: \"" + std::string(approver) +
                                         "\" approves what others ask for; only an administrator "
                                         "may add it");
    }
    BOOST_TEST(policy->decide(TestMachine("admin"), ask).grant() == "role:administrator");
  }
  BOOST_TEST(policy->decide(TestMachine("operator"), Ask(machine_add).owner("ops-1")).allowed());
}

BOOST_AUTO_TEST_CASE(a_denial_keeps_approvers_from_agreeing) {
  const auto policy = load_good(R"(
version: 1
roles: {administrator: [admin]}
denials:
  - {name: left, machines: [carol], operations: [approval.give]}
  - {name: far, machines: [dave], operations: [approval.give], when: {source: [10.0.0.0/8]}}
approvals:
  - {name: keys, operations: [key.create], needed: 1, from: [bob, carol, dave]}
)");
  BOOST_TEST(policy->may_approve("approval:keys", TestMachine("bob")));
  BOOST_TEST(!policy->may_approve("approval:keys", TestMachine("carol")));
  Machine dave = TestMachine("dave");
  dave.source = "192.0.2.1";
  BOOST_TEST(policy->may_approve("approval:keys", dave));
  dave.source = "10.1.2.3";
  BOOST_TEST(!policy->may_approve("approval:keys", dave));
}

BOOST_AUTO_TEST_CASE(quotas_are_of_who_lasts_longer_than_a_certificate) {
  const auto policy = load_good(R"(
version: 1
roles: {administrator: [admin]}
grants:
  - name: sign
    machines: ["spiffe://other.example/**", "web-1"]
    operations: [key.sign]
    keys: [k]
    quotas: [{limit: 3, per: hour}]
)");
  const auto whose = [&](const Machine& machine) {
    const Decision decision = policy->decide(machine, Ask(key_sign).key("k"));
    BOOST_REQUIRE_MESSAGE(decision.allowed(), decision.reason());
    return decision.duties()->quotas.at(0).machine;
  };
  BOOST_TEST(whose(TestMachine("web-1").spiffe("spiffe://other.example/web")) == "web-1");
  for (char digit : {'1', '2'}) {
    Machine foreign = TestMachine("x").spiffe("spiffe://other.example/build");
    foreign.name = {};
    foreign.fingerprint = std::string(64, digit);
    BOOST_TEST(whose(foreign) == "spiffe://other.example/build");
  }
}

BOOST_AUTO_TEST_CASE(the_table_has_a_row_for_each_operation) {
  BOOST_TEST(role_table().size() == operations().size());
  for (Operation operation : operations()) {
    BOOST_CHECK(role_row(operation).operation == operation);
  }
}

BOOST_AUTO_TEST_CASE(an_auditor_changes_nothing) {
  for (const RoleRow& row : role_table()) {
    const bool reads = row.operation == audit_read || name_of(row.operation).ends_with(".read");
    BOOST_CHECK((row.auditor == Reach::none) == !reads);
  }
}

BOOST_AUTO_TEST_CASE(each_row_with_its_reason) {
  const TestMachine admin("admin"), op("operator"), eu("ops-eu"), auditor("auditor");
  const TestMachine by_spiffe = TestMachine("x").spiffe("spiffe://example.com/people/audit");
  const TestMachine by_print = TestMachine("y").fingerprint(std::string(64, 'c'));
  const std::string scope = R"(["*.eu.example.com", "eu-gateway"])";
  const auto issue = [](const std::string& owner) {
    return Ask(certificate_issue).issuer("issuing").profile("machine").owner(owner).dns(owner);
  };
  const std::string no_change = " is refused to auditors, who change nothing";
  const std::vector<DecisionRow> rows = {
      {"in scope", eu, Ask(certificate_revoke).owner("web.eu.example.com"), true, "role:operator",
       ""},
      {"in scope by name", eu, Ask(machine_read).owner("eu-gateway"), true, "role:operator", ""},
      {"out of scope", eu, Ask(certificate_read).owner("web.us.example.com"), false,
       "role:operator", "role:operator: machines: \"web.us.example.com\" is not in " + scope},
      {"a listing of everything is out of scope", eu, Ask(machine_read), false, "role:operator",
       "role:operator: machines: nothing was given that is in " + scope},
      {"a scope does not narrow what has no owner", eu, Ask(crl_sign).issuer("issuing"), true,
       "role:operator", ""},
      {"adds a machine", op, Ask(machine_add).owner("web-1"), true, "role:operator", ""},
      {"adds a machine in its scope", eu, Ask(machine_add).owner("web.eu.example.com"), true,
       "role:operator", ""},
      {"by fingerprint", by_print, Ask(certificate_revoke).owner("web-1"), true, "role:operator",
       ""},
      {"an auditor by SPIFFE ID", by_spiffe, Ask(audit_read), true, "role:auditor", ""},

      // No way from one role to another.
      {"an operator does not enrol as administrator", op, Ask(machine_add).owner("admin"), false,
       "builtin:roles",
       "builtin:roles: \"admin\" holds the role administrator; only an administrator may add it"},
      {"nor as auditor", op, Ask(machine_add).owner("auditor"), false, "builtin:roles",
       "builtin:roles: \"auditor\" holds the role auditor; only an administrator may add it"},
      {"nor does a machine by a grant", TestMachine("m"), Ask(machine_add).owner("operator"), false,
       "builtin:roles",
       "builtin:roles: \"operator\" holds the role operator; only an administrator may add it"},
      {"an administrator adds who holds a role", admin, Ask(machine_add).owner("ops-eu"), true,
       "role:administrator", ""},
      {"a machine does not get an administrator's SPIFFE ID", TestMachine("m"),
       issue("m").uri("spiffe://example.com/people/root"), false, "builtin:roles",
       "builtin:roles: \"spiffe://example.com/people/root\" holds the role administrator, and "
       "machine \"m\" does not"},
      {"whoever holds the role does", admin, issue("admin").uri("spiffe://example.com/people/root"),
       true, "certificates", ""},
      {"other SPIFFE IDs are granted", TestMachine("m"),
       issue("m").uri("spiffe://example.com/people/m"), true, "certificates", ""},

      // A CA is turned off by an administrator.
      {"an operator revokes no CA", op, Ask(certificate_revoke).issuer("root").owner("self"), false,
       "builtin:roles",
       "builtin:roles: the certificate is a CA's or the service's own; only an administrator may "
       "revoke it"},
      {"nor does a machine by a grant", TestMachine("m"),
       Ask(certificate_revoke).issuer("root").owner("self"), false, "builtin:roles",
       "builtin:roles: the certificate is a CA's or the service's own; only an administrator may "
       "revoke it"},
      {"an administrator does", admin, Ask(certificate_revoke).issuer("root").owner("self"), true,
       "role:administrator", ""},
      {"and nobody else's", TestMachine("admin2").spiffe("spiffe://example.com/people/root"),
       Ask(certificate_revoke).owner("web-1"), true, "keys", ""},

      // Auditors: grants to all machines are not for them.
      {"does not sign", auditor, Ask(key_sign).key("k"), false, "role:auditor",
       "role:auditor: key.sign" + no_change},
      {"nor by another identity", by_spiffe, Ask(key_sign).key("k"), false, "role:auditor",
       "role:auditor: key.sign" + no_change},
      {"does not revoke", auditor, Ask(certificate_revoke).owner("auditor"), false, "role:auditor",
       "role:auditor: certificate.revoke" + no_change},
      {"gets no further certificate", auditor, issue("auditor"), false, "role:auditor",
       "role:auditor: certificate.issue" + no_change},
      {"gets its first certificate", TestMachine(auditor).enrolling(), issue("auditor"), true,
       "certificates", ""},
      {"renews its own", auditor,
       [&] {
         Ask ask = issue("auditor");
         ask.question.operation = certificate_renew;
         return ask;
       }(),
       true, "certificates", ""},
      {"does not renew another's", auditor,
       [&] {
         Ask ask = issue("web-1");
         ask.question.operation = certificate_renew;
         return ask;
       }(),
       false, "role:auditor", "role:auditor: certificate.renew" + no_change},
  };
  const auto policy = load_good(kRolesText);
  for (const DecisionRow& row : rows) check_decision(*policy, row);
}

BOOST_AUTO_TEST_CASE(an_administrator_does_not_add_ordinary_machines) {
  const auto policy = load_good("version: 1\nroles: {administrator: [admin]}\n");
  check_decision(*policy, {"ordinary", TestMachine("admin"), Ask(machine_add).owner("web-1"), false,
                           "role:administrator",
                           "role:administrator: owner: \"web-1\" holds no role; an operator adds "
                           "such machines"});
}

BOOST_AUTO_TEST_CASE(the_service_itself) {
  const Operations own = {certificate_issue, key_create, machine_add,  ca_create,
                          crl_sign,          ocsp_sign,  policy_change};
  for (const char* text : {"version: 1\n", kRolesText}) {
    const auto policy = load_good(text);
    for (Operation operation : operations()) {
      BOOST_TEST_CONTEXT(name_of(operation)) {
        const Decision decision = policy->decide(Machine::self(), Ask(operation).owner("admin"));
        BOOST_TEST(decision.allowed() == own.contains(operation));
        BOOST_TEST(decision.grant() == "builtin:self");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(nobody_else_is_the_service) {
  const auto policy = load_good(kRolesText);
  const std::string reason = "builtin:self: the name \"self\" is the service's own";
  const std::vector<DecisionRow> rows = {
      {"with a certificate", TestMachine("self"), Ask(crl_sign), false, "builtin:self", reason},
      {"while enrolling", TestMachine("self").enrolling(), Ask(crl_sign), false, "builtin:self",
       reason},
      {"nobody adds it", TestMachine("operator"), Ask(machine_add).owner("self"), false,
       "builtin:self", reason},
      {"not even an administrator", TestMachine("admin"), Ask(machine_add).owner("self"), false,
       "builtin:self", reason},
  };
  for (const DecisionRow& row : rows) check_decision(*policy, row);
  check_decision(*policy, {"its own operations only", Machine::self(), Ask(key_sign).key("k"),
                           false, "builtin:self",
                           "builtin:self: key.sign is not one of the service's own operations"});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
