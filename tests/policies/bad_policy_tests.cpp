#include "core/limits.h"
#include "policy_fixture.h"

// Each row is one bad policy with the whole message: line, column, path and what is wrong.

namespace chancery {
namespace {

struct BadRow {
  std::string name;
  std::string text;
  std::string message;  ///< after "policy.yaml:"
  ErrorCode code = ErrorCode::invalid_request;
};

void check_bad(const BadRow& row) {
  BOOST_TEST_CONTEXT(row.name) {
    const auto policy = load_policy(row.text, test_vocabulary());
    BOOST_REQUIRE(!policy);
    BOOST_TEST(policy.error().message == "policy.yaml:" + row.message);
    BOOST_CHECK(policy.error().code == row.code);
    const std::string& field = policy.error().field;
    if (!field.empty()) {
      BOOST_TEST(policy.error().message.find(": " + field + ": ") != std::string::npos);
    }
  }
}

/// A policy with one grant: its first line is line 3, its members begin in column 5.
std::string grant(const std::string& members) {
  return "version: 1\ngrants:\n  - " + members;
}
/// The same, complete, to be spoilt by `line` in line 8.
std::string issue(const std::string& line) {
  return grant(
             "name: g\n"
             "    machines: [\"**\"]\n"
             "    operations: [certificate.issue]\n"
             "    issuers: [issuing]\n"
             "    profiles: [machine]\n"
             "    ") +
         line + "\n";
}
/// A grant with these conditions for issuing; they begin in line 9, column 7.
std::string when(const std::string& conditions) {
  return issue("when:\n      " + conditions);
}
std::string machines(const std::string& list) {
  return grant("{name: g, operations: [status.read], machines: " + list + "}\n");
}
std::string keys(const std::string& list) {
  return grant("{name: g, machines: [m], operations: [key.sign], keys: " + list + "}\n");
}
std::string roles(const std::string& text) {
  return "version: 1\nroles:\n" + text;
}

const std::vector<BadRow> kDocument = {
    {"empty", "",
     "1:1: must be a mapping with the members version, imports, roles, groups, templates, use, "
     "denials, approvals, grants"},
    {"a comment only", "# nothing\n",
     "1:1: must be a mapping with the members version, imports, roles, groups, templates, use, "
     "denials, approvals, grants"},
    {"a list", "- a\n",
     "1:1: must be a mapping with the members version, imports, roles, groups, templates, use, "
     "denials, approvals, grants"},
    {"no version", "grants: []\n", "1:1: the member version is missing; write version: 1"},
    {"another version", "version: 2\n", "1:10: version: must be 1, the only version there is"},
    {"version of the wrong type", "version: [1]\n",
     "1:10: version: must be 1, the only version there is"},
    {"unknown field", "version: 1\ngrant: []\n",
     "2:1: grant: unknown field; did you mean \"grants\"?"},
    {"unknown field like nothing", "version: 1\nxyzzy: []\n", "2:1: xyzzy: unknown field"},
    {"repeated member", "version: 1\ngrants: []\ngrants: []\n",
     "3:1: grants: is given twice, first in line 2"},
    {"repeated member below", grant("name: a\n    name: b\n"),
     "4:5: grants[0].name: is given twice, first in line 3"},
    {"grants of the wrong type", "version: 1\ngrants: {a: b}\n", "2:9: grants: must be a list"},
    {"grants with nothing", "version: 1\ngrants:\n", "2:1: grants: must be a list"},
    {"a grant that is text", "version: 1\ngrants: [a]\n",
     "2:10: grants[0]: must be a mapping with the members name, machines, operations, when, "
     "quotas, "
     "approvals, break_glass, issuers, profiles, keys"},
    {"anchor", "version: 1\ngrants: &a []\n", "2:9: grants: anchors (&name) are not accepted here"},
    {"alias", "version: 1\nroles: {auditor: *a}\n",
     "2:18: this is not YAML: the referenced anchor is not defined"},
    {"merge key", "version: 1\n<<: {grants: []}\n", "2:1: <<: unknown field"},
    {"tag", "version: !!int 1\n",
     "1:10: version: tags (tag:yaml.org,2002:int) are not accepted here"},
    {"tagged list", "version: 1\ngrants: !x []\n", "2:9: grants: tags (!x) are not accepted here"},
    {"two documents", "version: 1\n---\nversion: 1\n",
     "2:1: a second document begins here; there may be only one"},
    {"a list as a name", "version: 1\n? [a]\n: b\n", "2:3: the name of a member must be text"},
    {"nothing as a name", "version: 1\n~: b\n", "2:1: the name of a member must be text"},
    {"not YAML", "version: 1\ngrants: [\n",
     "3:1: this is not YAML: end of sequence flow not found"},
    {"a tab as indentation", "version: 1\nroles:\n\tauditor: [a]\n",
     "3:1: a tab stands in the indentation; write spaces"},
    {"not UTF-8", "version: 1\n# \xff\n", "2:3: this is not UTF-8"},
    {"an overlong NUL", "# \xc0\x80\nversion: 1\n", "1:3: this is not UTF-8"},
    {"half a surrogate", "# \xed\xa0\x80\nversion: 1\n", "1:3: this is not UTF-8"},
    {"UTF-16", std::string("v\0e\0", 4), "1:2: a control character stands here"},
    {"byte order mark", "\xef\xbb\xbfversion: 1\n", "1:1: a byte order mark stands here"},
    {"an escaped NUL", "version: \"1\\0\"\n",
     "1:10: version: a text must not contain control characters or line ends"},
    {"a block of text", "version: |\n  1\n",
     "1:10: version: a text must not contain control characters or line ends"},
};

const std::vector<BadRow> kGrants = {
    {"no name", grant("machines: [m]\n    operations: [status.read]\n"),
     "3:5: grants[0]: the member name is missing"},
    {"no machines", grant("name: g\n    operations: [status.read]\n"),
     "3:5: grants[0]: the member machines is missing"},
    {"no operations", grant("name: g\n    machines: [m]\n"),
     "3:5: grants[0]: the member operations is missing"},
    {"unknown member", issue("whem: {}"),
     "8:5: grants[0].whem: unknown field; did you mean \"when\"?"},
    {"a condition beside when", issue("max_validity: 1h"),
     "8:5: grants[0].max_validity: unknown field"},
    {"unknown condition", when("dns_name: [a]"),
     "9:7: grants[0].when.dns_name: unknown field; did you mean \"dns_names\"?"},
    {"name with a space", grant("name: a b\n    machines: [m]\n    operations: [status.read]\n"),
     "3:11: grants[0].name: must be 1 to 64 of a-z 0-9 . _ -"},
    {"name like a role",
     grant("name: \"role:x\"\n    machines: [m]\n    operations: [status.read]\n"),
     "3:11: grants[0].name: must be 1 to 64 of a-z 0-9 . _ -"},
    {"empty name", grant("name: \"\"\n    machines: [m]\n    operations: [status.read]\n"),
     "3:11: grants[0].name: must not be empty"},
    {"name of the wrong type",
     grant("name: [g]\n    machines: [m]\n    operations: [status.read]\n"),
     "3:11: grants[0].name: must be text"},
    {"the same name twice",
     "version: 1\ngrants:\n"
     "  - {name: a, machines: [m], operations: [status.read]}\n"
     "  - {name: b, machines: [m], operations: [status.read]}\n"
     "  - {name: a, machines: [m], operations: [status.read]}\n",
     "5:12: grants[2].name: there is a grant \"a\" already, in line 3"},
    {"a time that ends before it begins",
     grant("{name: g, machines: [m], operations: [key.sign], keys: [k], when: {valid_from: "
           "2027-01-01T00:00:00Z, valid_until: 2026-01-01T00:00:00Z}}\n"),
     "3:119: grants[0].when.valid_until: is not after valid_from"},
    {"a field that no class has",
     grant("{name: g, machines: [m], operations: [key.sign], keys: [k], when: {message_classes: "
           "[data], content: {issuer: [i]}}}\n"),
     "3:107: grants[0].when.content.issuer: none of its message_classes has this field"},
    {"an operation that is not granted",
     grant("{name: g, machines: [m], operations: [approval.give]}\n"),
     "3:43: grants[0].operations[0]: \"approval.give\" is not granted: the rule of an approval "
     "says "
     "who gives it"},
    {"unknown operation", grant("{name: g, machines: [m], operations: [key.sign_digest]}\n"),
     "3:43: grants[0].operations[0]: there is no operation \"key.sign_digest\"; did you mean "
     "\"key.sign-digest\"?"},
    {"operation like nothing", grant("{name: g, machines: [m], operations: [\"*\"]}\n"),
     "3:43: grants[0].operations[0]: there is no operation \"*\""},
    {"operation twice", grant("{name: g, machines: [m], operations: [status.read, status.read]}\n"),
     "3:56: grants[0].operations[1]: \"status.read\" is given twice"},
    {"no operation", grant("{name: g, machines: [m], operations: []}\n"),
     "3:42: grants[0].operations: is empty, so that nothing could match it"},
    {"operations as text", grant("{name: g, machines: [m], operations: status.read}\n"),
     "3:42: grants[0].operations: must be a list"},
    {"unknown issuer",
     grant("{name: g, machines: [m], operations: [crl.sign], issuers: [isuing]}\n"),
     "3:64: grants[0].issuers[0]: there is no issuer \"isuing\"; did you mean \"issuing\"?"},
    {"unknown profile",
     grant("{name: g, machines: [m], operations: [certificate.read], profiles: [tls]}\n"),
     "3:73: grants[0].profiles[0]: there is no profile \"tls\""},
    {"keys without an operation on keys", issue("keys: [k]"),
     "8:5: grants[0].keys: says nothing about certificate.issue; it is a condition of key.create, "
     "key.read, key.sign, key.sign-digest"},
    {"profiles without certificates",
     grant("{name: g, machines: [m], operations: [key.sign], keys: [k], profiles: [machine]}\n"),
     "3:65: grants[0].profiles: says nothing about key.sign; it is a condition of "
     "certificate.issue, certificate.renew, certificate.revoke, certificate.release, "
     "certificate.replace, certificate.read, machine.add"},
    {"algorithms without signing", when("{dns_names: [a], algorithms: [ed25519]}"),
     "9:24: grants[0].when.algorithms: says nothing about certificate.issue; it is a condition of "
     "key.sign, key.sign-digest"},
    {"issuing without issuers",
     grant("{name: g, machines: [m], operations: [certificate.issue, key.sign], keys: [k], "
           "profiles: [machine], when: {dns_names: [a]}}\n"),
     "3:5: grants[0]: grants certificate.issue and must say for which issuers: the member issuers "
     "is missing"},
    {"renewing without profiles",
     grant("{name: g, machines: [m], operations: [certificate.renew], issuers: [issuing], "
           "when: {dns_names: [a]}}\n"),
     "3:5: grants[0]: grants certificate.renew and must say for which profiles: the member "
     "profiles is missing"},
    {"issuing without names", issue("when: {max_validity: 1h}"),
     "3:5: grants[0]: grants certificate.issue but no names, so that nothing could be issued; add "
     "when.dns_names, ip_addresses, uris, emails or common_names"},
    {"signing without keys", grant("{name: g, machines: [m], operations: [key.sign]}\n"),
     "3:5: grants[0]: grants key.sign and must say for which keys: the member keys is missing"},
    {"adding any machine by silence",
     grant("{name: g, machines: [m], operations: [machine.add]}\n"),
     "3:5: grants[0]: grants machine.add and must say which machines: when.owner is any or a list "
     "of names"},
    {"adding itself",
     grant("{name: g, machines: [m], operations: [machine.add], when: {owner: self}}\n"),
     "3:5: grants[0]: grants machine.add and must say which machines: when.owner is any or a list "
     "of names"},
    {"empty when", issue("when: {}"), "8:11: grants[0].when: is empty; leave it out"},
    {"when of the wrong type", issue("when: now"),
     "8:11: grants[0].when: must be a mapping with the members owner, source, attributes, "
     "certificate_age, hours, valid_from, valid_until, dns_names, ip_addresses, uris, emails, "
     "max_names, common_names, subject, key_types, key_attested, extended_key_usages, "
     "max_validity, algorithms, digests, message_classes, content, max_lifetime"},
};

const std::vector<BadRow> kMachines = {
    {"nobody", machines("[]"),
     "3:52: grants[0].machines: is empty, so that nothing could match it"},
    {"nothing", machines("[~]"), "3:53: grants[0].machines[0]: must be text"},
    {"empty", machines("[\"\"]"), "3:53: grants[0].machines[0]: must not be empty"},
    {"twice", machines("[a, b, a]"), "3:59: grants[0].machines[2]: \"a\" is given twice"},
    {"the service itself", machines("[self]"),
     "3:53: grants[0].machines[0]: \"self\" is the service itself, whose rights are fixed"},
    {"unknown scheme", machines("[\"https://a\"]"),
     "3:53: grants[0].machines[0]: \"https://a\" is not a machine: write a name, or begin with "
     "spiffe://, dns:, sha256:, attribute: or group:"},
    {"short fingerprint", machines("[\"sha256:abcd\"]"),
     "3:53: grants[0].machines[0]: a fingerprint is sha256: and 64 hexadecimal digits in lower "
     "case"},
    {"trust domain with a wildcard", machines("[\"spiffe://*/web\"]"),
     "3:53: grants[0].machines[0]: pattern \"spiffe://*/web\" must spell the trust domain out"},
    {"everything of all trust domains", machines("[\"spiffe://**\"]"),
     "3:53: grants[0].machines[0]: pattern \"spiffe://**\" has ** before its path"},
    {"no trust domain", machines("[\"spiffe:///web\"]"),
     "3:53: grants[0].machines[0]: pattern \"spiffe:///web\" names no host or trust domain"},
    {"capital letter", machines("[Web]"),
     "3:53: grants[0].machines[0]: pattern \"Web\" has a capital letter; a machine name is lower "
     "case"},
    {"a character no name has", machines("[\"web/*\"]"),
     "3:53: grants[0].machines[0]: pattern \"web/*\" has a character that no machine name has: "
     "\"/\""},
    {"an empty label", machines("[\"web..example\"]"),
     "3:53: grants[0].machines[0]: pattern \"web..example\" has an empty label"},
    {"two * in a segment", machines("[\"*web*\"]"),
     "3:53: grants[0].machines[0]: pattern \"*web*\" has * more than once in a segment"},
    {"** beside text", machines("[\"web**\"]"),
     "3:53: grants[0].machines[0]: pattern \"web**\" has ** beside other text in a segment"},
    {"***", machines("[\"***\"]"),
     "3:53: grants[0].machines[0]: pattern \"***\" has ** beside other text in a segment"},
    {"** twice", machines("[\"**.a.**\"]"),
     "3:53: grants[0].machines[0]: pattern \"**.a.**\" has ** more than once"},
    {"a variable", machines("[\"{machine.name}\"]"),
     "3:53: grants[0].machines[0]: pattern \"{machine.name}\" has a variable, which would be "
     "replaced by the machine's own name"},
    {"too long", machines("[\"" + std::string(limits::pattern_bytes + 1, 'a') + "\"]"),
     "3:53: grants[0].machines[0]: a pattern has at most 512 bytes"},
    {"longer than a name", machines("[" + std::string(254, 'a') + "]"),
     "3:53: grants[0].machines[0]: pattern \"" + std::string(254, 'a') +
         "\" is not a valid machine name"},
    {"too many segments",
     machines("[\"spiffe://a" +
              [] {
                std::string path;
                for (std::size_t i = 0; i < limits::policy_segments; ++i) path += "/a";
                return path;
              }() +
              "/*\"]"),
     "3:53: grants[0].machines[0]: pattern \"spiffe://a" +
         [] {
           std::string path;
           for (std::size_t i = 0; i < limits::policy_segments; ++i) path += "/a";
           return path;
         }() +
         "/*\" has too many segments"},
    {"a DNS name that is none", machines("[\"dns:-a\"]"),
     "3:53: grants[0].machines[0]: pattern \"-a\" is not a valid DNS name"},
};

const std::vector<BadRow> kConditions = {
    {"unknown variable", when("dns_names: [\"{machine.nam}\"]"),
     "9:19: grants[0].when.dns_names[0]: pattern \"{machine.nam}\" has the unknown variable "
     "{machine.nam}; did you mean \"machine.name\"?"},
    {"open brace", when("dns_names: [\"{machine.name\"]"),
     "9:19: grants[0].when.dns_names[0]: pattern \"{machine.name\" has a { without a }"},
    {"closing brace", when("common_names: [\"a}\"]"),
     "9:22: grants[0].when.common_names[0]: pattern \"a}\" has a character that no common name "
     "has: \"}\""},
    {"dns_names as text", when("dns_names: a"), "9:18: grants[0].when.dns_names: must be a list"},
    {"not a network", when("ip_addresses: [10.0.0.0/33]"),
     "9:22: grants[0].when.ip_addresses[0]: \"10.0.0.0/33\" has no valid length of the prefix "
     "after the /"},
    {"not an address", when("ip_addresses: [10.0.0]"),
     "9:22: grants[0].when.ip_addresses[0]: \"10.0.0\" is not an address or range such as "
     "10.0.0.0/8"},
    {"bits beyond the prefix", when("ip_addresses: [\"2001:db8::1/32\"]"),
     "9:22: grants[0].when.ip_addresses[0]: \"2001:db8::1/32\" has bits beyond its prefix; did you "
     "mean \"2001:db8::/32\"?"},
    {"URI without scheme", when("uris: [\"*.example.com/a\"]"),
     "9:14: grants[0].when.uris[0]: pattern \"*.example.com/a\" must begin with scheme://"},
    {"URI with a wildcard scheme", when("uris: [\"*://example.com/a\"]"),
     "9:14: grants[0].when.uris[0]: pattern \"*://example.com/a\" must spell its scheme out, in "
     "lower case"},
    {"email without @", when("emails: [\"**.example.com\"]"),
     "9:16: grants[0].when.emails[0]: pattern \"**.example.com\" must have one @"},
    {"email with ** before the @", when("emails: [\"**@example.com\"]"),
     "9:16: grants[0].when.emails[0]: pattern \"**@example.com\" has ** before the @"},
    {"email of nobody", when("emails: [\"@example.com\"]"),
     "9:16: grants[0].when.emails[0]: pattern \"@example.com\" has nothing before the @"},
    {"zero validity", when("{dns_names: [a], max_validity: 0h}"),
     "9:38: grants[0].when.max_validity: must be longer than zero"},
    {"validity without unit", when("{dns_names: [a], max_validity: 24}"),
     "9:38: grants[0].when.max_validity: must be a duration such as 90s, 15m, 24h, 30d or 1y"},
    {"unknown key type", when("{dns_names: [a], key_types: [ec-256]}"),
     "9:36: grants[0].when.key_types[0]: \"ec-256\" is unknown; did you mean \"ec-p256\"?"},
    {"key type like nothing", when("{dns_names: [a], key_types: [dsa]}"),
     "9:36: grants[0].when.key_types[0]: \"dsa\" is unknown; it must be one of rsa-2048, rsa-3072, "
     "rsa-4096, ec-p256, ec-p384, ec-p521, ed25519"},
    {"unknown algorithm",
     grant("{name: g, machines: [m], operations: [key.sign], keys: [k], when: {algorithms: "
           "[ES256]}}\n"),
     "3:85: grants[0].when.algorithms[0]: \"ES256\" is unknown; it must be one of "
     "rsa-pkcs1-sha256, rsa-pkcs1-sha384, rsa-pkcs1-sha512, rsa-pss-sha256, rsa-pss-sha384, "
     "rsa-pss-sha512, ecdsa-p256-sha256, ecdsa-p384-sha384, ecdsa-p521-sha512, ed25519"},
    {"algorithms and digests that exclude each other",
     grant("{name: g, machines: [m], operations: [key.sign], keys: [k], "
           "when: {algorithms: [ed25519, ecdsa-p384-sha384], digests: [sha256]}}\n"),
     "3:71: grants[0].when: none of its algorithms has one of its digests"},
    {"owner of another kind", when("{dns_names: [a], owner: me}"),
     "9:31: grants[0].when.owner: must be self, any, or a list of machine names"},
    {"empty subject", when("{dns_names: [a], subject: {}}"),
     "9:33: grants[0].when.subject: is empty; leave it out"},
    {"unknown part of the subject", when("{dns_names: [a], subject: {organisation: [X]}}"),
     "9:34: grants[0].when.subject.organisation: unknown field; did you mean \"organization\"?"},
    {"country that is none", when("{dns_names: [a], subject: {country: [ch]}}"),
     "9:44: grants[0].when.subject.country[0]: a country is two capital letters (ISO 3166)"},
    {"key name that is none", keys("[A]"),
     "3:61: grants[0].keys[0]: pattern \"A\" has a capital letter; a key name is lower case"},
    {"too many values", keys([] {
       std::string list = "[";
       for (int i = 0; i <= 1000; ++i) list += "k" + std::to_string(i) + ",\n      ";
       return list + "]";
     }()),
     "3:60: grants[0].keys: has 1001 values; at most 1000 are allowed", ErrorCode::too_large},
};

/// A grant of certificates of `profile` under these conditions, on line 3.
std::string issue_of(const std::string& profile, const std::string& conditions) {
  return grant("{name: g, machines: [m], operations: [certificate.issue], issuers: [issuing],\n" +
               std::string("    profiles: [") + profile + "],\n    when: {" + conditions + "}}\n");
}

const std::vector<BadRow> kProfileRows = {
    {"e-mail addresses", when("emails: [\"*@example.com\"]"),
     "9:7: grants[0].when.emails: none of the profiles [\"machine\"] allows e-mail addresses"},
    {"DNS names", issue_of("code-signing", "common_names: [a], dns_names: [a]"),
     "5:31: grants[0].when.dns_names: none of the profiles [\"code-signing\"] allows DNS names"},
    {"addresses", issue_of("tls-client, identity", "dns_names: [a], ip_addresses: [10.0.0.1]"),
     "5:28: grants[0].when.ip_addresses: none of the profiles [\"tls-client\", \"identity\"] "
     "allows "
     "IP addresses"},
    {"URIs", issue_of("ocsp-signing", "common_names: [a], uris: [\"spiffe://a/b\"]"),
     "5:31: grants[0].when.uris: none of the profiles [\"ocsp-signing\"] allows URIs"},
    {"an organization", issue_of("machine", "dns_names: [a], subject: {organization: [A]}"),
     "5:38: grants[0].when.subject.organization: none of the profiles [\"machine\"] allows an "
     "organization"},
    {"a key type", issue_of("machine", "dns_names: [a], key_types: [ec-p256, ec-p521]"),
     "5:49: grants[0].when.key_types[1]: none of the profiles [\"machine\"] allows keys of type "
     "ec-p521"},
};

const std::vector<BadRow> kRoleRows = {
    {"unknown role", roles("  admin: [a]\n"), "3:3: roles.admin: unknown field"},
    {"role near to one", roles("  auditors: [a]\n"),
     "3:3: roles.auditors: unknown field; did you mean \"auditor\"?"},
    {"roles of the wrong type", roles("  - a\n"),
     "3:3: roles: must be a mapping with the members administrator, operator, auditor"},
    {"role of the wrong type", roles("  auditor: a\n"), "3:12: roles.auditor: must be a list"},
    {"twice", roles("  auditor: [a, b, a]\n"), "3:19: roles.auditor[2]: \"a\" is given twice"},
    {"auditor and operator", roles("  operator: [x, a]\n  auditor: [a]\n"),
     "4:13: roles.auditor[0]: \"a\" also holds the role operator (line 3); whoever holds a role "
     "holds no other"},
    {"auditor and administrator, the other way round",
     roles("  auditor: [\"spiffe://e.org/a\"]\n  administrator: [\"spiffe://e.org/a\"]\n"),
     "3:13: roles.auditor[0]: \"spiffe://e.org/a\" also holds the role administrator (line 4); "
     "whoever holds a role holds no other"},
    {"administrator and operator", roles("  administrator: [a]\n  operator: [x, a]\n"),
     "4:17: roles.operator[1]: \"a\" also holds the role administrator (line 3); whoever holds a "
     "role holds no other"},
    {"auditor and scoped operator",
     roles("  operator: [{identity: a, machines: [m]}]\n  auditor: [a]\n"),
     "4:13: roles.auditor[0]: \"a\" also holds the role operator (line 3); whoever holds a role "
     "holds no other"},
    {"wildcard", roles("  auditor: [\"audit-*\"]\n"),
     "3:13: roles.auditor[0]: \"audit-*\" has a wildcard; a role is held by name"},
    {"DNS name", roles("  auditor: [\"dns:a.example.com\"]\n"),
     "3:13: roles.auditor[0]: a role is held by a machine name, a SPIFFE ID or a fingerprint, not "
     "a DNS name"},
    {"the service", roles("  operator: [self]\n"),
     "3:14: roles.operator[0]: \"self\" is the service itself, whose rights are fixed"},
    {"a scope for an auditor", roles("  auditor: [{identity: a, machines: [m]}]\n"),
     "3:13: roles.auditor[0]: only an operator can be narrowed to some machines"},
    {"a scope without machines", roles("  operator: [{identity: a}]\n"),
     "3:14: roles.operator[0]: the member machines is missing"},
    {"a scope without identity", roles("  operator: [{machines: [m]}]\n"),
     "3:14: roles.operator[0]: the member identity is missing"},
    {"an empty scope", roles("  operator: [{identity: a, machines: []}]\n"),
     "3:38: roles.operator[0].machines: is empty, so that nothing could match it"},
    {"a grant of change to an auditor",
     "version: 1\nroles: {auditor: [carol]}\ngrants:\n"
     "  - {name: r, machines: [carol], operations: [certificate.read], when: {owner: any}}\n"
     "  - {name: g, operations: [status.read, key.sign], keys: [k], machines: [x, carol]}\n",
     "5:73: grants: grant \"g\": \"carol\" holds the role auditor (line 2), which changes nothing; "
     "it gives it key.sign"},
};

BOOST_AUTO_TEST_SUITE(bad_policy)

BOOST_AUTO_TEST_CASE(the_document) {
  for (const BadRow& row : kDocument) check_bad(row);
}
BOOST_AUTO_TEST_CASE(its_grants) {
  for (const BadRow& row : kGrants) check_bad(row);
}
BOOST_AUTO_TEST_CASE(its_machines) {
  for (const BadRow& row : kMachines) check_bad(row);
}
BOOST_AUTO_TEST_CASE(its_conditions) {
  for (const BadRow& row : kConditions) check_bad(row);
}
BOOST_AUTO_TEST_CASE(its_profiles) {
  for (const BadRow& row : kProfileRows) check_bad(row);
}
BOOST_AUTO_TEST_CASE(one_profile_that_allows_it_is_enough) {
  load_good(issue_of("machine, tls-client", "dns_names: [a], emails: [\"*@example.com\"]"));
  load_good(issue_of("machine, tls-server", "dns_names: [a], key_types: [ec-p521]"));
}
BOOST_AUTO_TEST_CASE(key_types_of_keys_in_the_token_are_no_matter_of_profiles) {
  load_good(
      grant("{name: g, machines: [m], operations: [certificate.issue, key.create], keys: [k],\n"
            "    issuers: [issuing], profiles: [machine],\n"
            "    when: {dns_names: [a], key_types: [ec-p521]}}\n"));
}
BOOST_AUTO_TEST_CASE(its_roles) {
  for (const BadRow& row : kRoleRows) check_bad(row);
}

// What is written to exhaust memory or time is refused before it can.
BOOST_AUTO_TEST_CASE(bombs) {
  const auto repeat = [](std::size_t times, const std::string& text) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) all += text;
    return all;
  };
  const std::string kib = std::to_string(limits::policy_lookahead >> 10);
  const std::string stalled = "what follows holds more than " + kib +
                              " KiB in one value, comment or {...} or [...]; write it line by line";
  const std::vector<BadRow> rows = {
      {"too long", "version: 1\n" + std::string(limits::policy_bytes, '#'),
       "1:1: is longer than 67108864 bytes", ErrorCode::too_large},
      {"nested", "version: 1\ngrants: " + repeat(400, "[") + repeat(400, "]"),
       "2:18: grants[0][0][0][0][0][0][0][0][0]: is nested deeper than 10", ErrorCode::too_large},
      {"nested mappings", "version: 1\ngrants: " + repeat(1000, "{a: "),
       "2:45: grants.a.a.a.a.a.a.a.a.a: is nested deeper than 10", ErrorCode::too_large},
      {"a million entries in one list",
       "version: 1\nroles:\n  auditor:\n" + repeat(limits::policy_nodes, "  - a\n"),
       "999997:5: roles.auditor[999993]: has more than 1000000 values", ErrorCode::too_large},
      {"a flow list that YAML keeps back", "version: 1\n" + repeat(1'000'000, "[,"),
       "1:10: " + stalled, ErrorCode::too_large},
      {"a long text", "version: 1\ngrants: \"" + std::string(1 << 20, 'a') + "\"\n",
       "2:1: " + stalled, ErrorCode::too_large},
      {"many members",
       "version: 1\nroles: {" +
           [] {
             std::string members;
             for (int i = 0; i < 70; ++i) members += "a" + std::to_string(i) + ": b, ";
             return members;
           }() +
           "}\n",
       "2:511: roles.a64: has more than 64 members beside it", ErrorCode::too_large},
  };
  for (const BadRow& row : rows) check_bad(row);
}

BOOST_AUTO_TEST_CASE(the_file_is_called_as_the_caller_calls_it) {
  const auto policy = load_policy("version: 3\n", test_vocabulary(), "/etc/chancery/policy.yaml");
  BOOST_REQUIRE(!policy);
  BOOST_TEST(policy.error().message ==
             "/etc/chancery/policy.yaml:1:10: version: must be 1, the only version there is");
  BOOST_TEST(policy.error().field == "version");
}

BOOST_AUTO_TEST_CASE(issuers_are_not_checked_while_there_are_none) {
  const std::string text =
      "version: 1\ngrants: [{name: g, machines: [m], operations: [crl.sign], issuers: [later]}]\n";
  PolicyVocabulary vocabulary = test_vocabulary();
  BOOST_TEST(!load_policy(text, vocabulary).has_value());
  vocabulary.issuers.reset();
  BOOST_TEST(load_policy(text, vocabulary).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
