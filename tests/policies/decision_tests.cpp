#include "policy_fixture.h"

// Each row is one decision: by which grant, or the exact reason why not.

namespace chancery {
namespace {

using enum Operation;
using namespace std::chrono_literals;

constexpr const char* kPolicy = R"(
version: 1
grants:
  - name: web-tls
    machines: ["web-*.example.com"]
    operations: [certificate.issue, certificate.renew]
    issuers: [issuing]
    profiles: [tls-server]
    when:
      dns_names: ["{machine.name}", "*.{machine.name}", "www.example.com"]
      ip_addresses: [192.0.2.0/24, "2001:db8::/32"]
      uris: ["https://*.example.com/**"]
      emails: ["*@example.com", "{machine.name}@**.example.org"]
      subject: {organization: [Example], country: [CH, DE]}
      key_types: [ec-p256, ed25519]
      max_validity: 24h
      source: [10.0.0.0/8]
  - name: workload
    machines: ["spiffe://example.com/ns/*/sa/web"]
    operations: [certificate.issue]
    issuers: [issuing]
    profiles: [tls-client]
    when:
      uris: ["{machine.spiffe_id}", "spiffe://{machine.spiffe_domain}/sub/{machine.spiffe_path}/**"]
      common_names: ["* service"]
  - name: own
    machines: ["**"]
    operations: [certificate.read, certificate.revoke]
    when: {owner: self}
  - name: by-dns
    machines: ["dns:*.svc.example.com"]
    operations: [key.sign]
    keys: ["shared", "{machine.name}.*"]
    when: {algorithms: [ecdsa-p256-sha256, rsa-pss-sha384], digests: [sha256]}
  - name: pinned
    machines: ["sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
    operations: [key.sign-digest, key.create]
    keys: ["release.**"]
    when: {key_types: [ec-p384]}
  - name: provisioner
    machines: [provisioner, dual]
    operations: [machine.add]
    when: {owner: ["*.nodes.example.com"]}
  - name: anyone-reads
    machines: [reader]
    operations: [certificate.read, machine.read]
    when: {owner: any}
  - name: dual-strict
    machines: [dual]
    operations: [key.read]
    keys: [alpha]
    when: {source: [192.0.2.1]}
  - name: dual-near
    machines: [dual]
    operations: [key.read]
    keys: [beta]
)";

const TestMachine web("web-1.example.com");
const TestMachine db("db-1.example.com");
TestMachine workload() {
  return TestMachine("").spiffe("spiffe://example.com/ns/shop/sa/web").dns("x.example.com");
}
TestMachine service() {
  return TestMachine("signer").dns("sign.svc.example.com");
}
TestMachine pinned() {
  return TestMachine("release").fingerprint(std::string(64, 'a'));
}

/// What web-tls allows, to be spoilt in one attribute.
Ask issue() {
  return Ask(certificate_issue)
      .issuer("issuing")
      .profile("tls-server")
      .owner("web-1.example.com")
      .dns("web-1.example.com")
      .key_type(KeyType::ec_p256)
      .validity(24h);
}
Ask workload_issue() {
  return Ask(certificate_issue)
      .issuer("issuing")
      .profile("tls-client")
      .uri("spiffe://example.com/ns/shop/sa/web");
}
Ask sign() {
  return Ask(key_sign).key("signer.releases").algorithm(SignatureAlgorithm::ecdsa_p256_sha256);
}

const std::string kDnsList =
    R"(["{machine.name}", "*.{machine.name}", "www.example.com"] )"
    R"((= ["web-1.example.com", "*.web-1.example.com", "www.example.com"]))";
const std::string kWeb = "grant \"web-tls\": ";

std::vector<DecisionRow> allowed_rows() {
  return {
      {"own name", web, issue(), true, "web-tls", ""},
      {"a name below it", web, issue().dns("a.web-1.example.com"), true, "web-tls", ""},
      {"a wildcard below it", web, issue().dns("*.web-1.example.com"), true, "web-tls", ""},
      {"a fixed name", web, issue().dns("www.example.com"), true, "web-tls", ""},
      {"renewal by the same conditions", web,
       [] {
         Ask ask = issue();
         ask.question.operation = certificate_renew;
         return ask;
       }(),
       true, "web-tls", ""},
      {"an address in the range", web, issue().ip("192.0.2.7"), true, "web-tls", ""},
      {"an IPv6 address in the range", web, issue().ip("2001:db8::7"), true, "web-tls", ""},
      {"a URI", web, issue().uri("https://a.example.com/b/c"), true, "web-tls", ""},
      {"an email", web, issue().email("ops@example.com"), true, "web-tls", ""},
      {"an email with a variable", web, issue().email("web-1.example.com@a.b.example.org"), true,
       "web-tls", ""},
      {"a subject", web, issue().subject({"CH", "Example", "", "web-1.example.com"}), true,
       "web-tls", ""},
      {"common name is a DNS name asked for", web,
       issue().dns("www.example.com").common_name("www.example.com"), true, "web-tls", ""},
      {"an IPv4 peer of a dual-stack listener", TestMachine(web).source("::ffff:10.1.2.3"), issue(),
       true, "web-tls", ""},
      {"by SPIFFE ID, without a name", workload(), workload_issue(), true, "workload", ""},
      {"variables of the SPIFFE ID", workload(),
       workload_issue().uri("spiffe://example.com/sub/ns/shop/sa/web/x/y"), true, "workload", ""},
      {"common name by pattern", workload(), workload_issue().common_name("shop service"), true,
       "workload", ""},
      {"by a DNS name in the certificate", service(), sign(), true, "by-dns", ""},
      {"by the second DNS name", TestMachine("s").dns("other.org").dns("b.svc.example.com"),
       Ask(key_sign).key("shared").algorithm(SignatureAlgorithm::ecdsa_p256_sha256), true, "by-dns",
       ""},
      {"by fingerprint", pinned(), Ask(key_sign_digest).key("release.a.b"), true, "pinned", ""},
      {"key type of a new key", pinned(),
       Ask(key_create).key("release.x").key_type(KeyType::ec_p384), true, "pinned", ""},
      {"revocation of its own", web, Ask(certificate_revoke).owner("web-1.example.com"), true,
       "own", ""},
      {"a machine of the owner pattern", TestMachine("provisioner"),
       Ask(machine_add).owner("n1.nodes.example.com"), true, "provisioner", ""},
      {"any owner", TestMachine("reader"), Ask(certificate_read).owner("web-1.example.com"), true,
       "anyone-reads", ""},
      {"the first of two grants that allow it", TestMachine("reader"),
       Ask(certificate_read).owner("reader"), true, "own", ""},
      {"a source that is one address", TestMachine("dual").source("192.0.2.1"),
       Ask(key_read).key("alpha"), true, "dual-strict", ""},
  };
}

std::vector<DecisionRow> name_rows() {
  return {
      {"another machine's name", web, issue().dns("evil.example.com"), false, "web-tls",
       kWeb + "dns_names: \"evil.example.com\" is not in " + kDnsList},
      {"two labels below", web, issue().dns("a.b.web-1.example.com"), false, "web-tls",
       kWeb + "dns_names: \"a.b.web-1.example.com\" is not in " + kDnsList},
      {"a wildcard beside its name", web, issue().dns("*.example.com"), false, "web-tls",
       kWeb + "dns_names: \"*.example.com\" is not in " + kDnsList},
      {"its name as a suffix only", web, issue().dns("evilweb-1.example.com"), false, "web-tls",
       kWeb + "dns_names: \"evilweb-1.example.com\" is not in " + kDnsList},
      {"an address outside", web, issue().ip("198.51.100.1"), false, "web-tls",
       kWeb + R"(ip_addresses: "198.51.100.1" is not in ["192.0.2.0/24", "2001:db8::/32"])"},
      {"a URI whose host only ends like it", web, issue().uri("https://evil.org?.example.com/a"),
       false, "web-tls",
       kWeb + "uris: \"https://evil.org?.example.com/a\" is not in "
              "[\"https://*.example.com/**\"]"},
      {"a URI that climbs", web, issue().uri("https://a.example.com/b/../c"), false, "web-tls",
       kWeb + "uris: \"https://a.example.com/b/../c\" is not in [\"https://*.example.com/**\"]"},
      {"a URI of another scheme", web, issue().uri("http://a.example.com/b"), false, "web-tls",
       kWeb + "uris: \"http://a.example.com/b\" is not in [\"https://*.example.com/**\"]"},
      {"an email below the domain", web, issue().email("a@b.example.com"), false, "web-tls",
       kWeb + "emails: e-mail address 1 matches no pattern of the grant"},
      {"a common name of its own invention", web, issue().common_name("evil.example.com"), false,
       "web-tls",
       kWeb + "common_names: \"evil.example.com\" is neither the machine's name nor one of the DNS "
              "names asked for"},
      {"a common name beside the patterns", workload(),
       workload_issue().common_name("x.example.com"), false, "workload",
       "grant \"workload\": common_names: \"x.example.com\" is not in [\"* service\"]"},
      {"another organization", web, issue().subject({"CH", "Evil", "", ""}), false, "web-tls",
       kWeb + "subject: organization \"Evil\" is not in [\"Example\"]"},
      {"another country", web, issue().subject({"US", "", "", ""}), false, "web-tls",
       kWeb + R"(subject: country "US" is not in ["CH", "DE"])"},
      {"a part of the subject that is not granted", web, issue().subject({"", "", "Web", ""}),
       false, "web-tls",
       kWeb + "subject: organizational_unit \"Web\" is asked for, and the grant allows none"},
      {"names where the grant has none of the kind", workload(),
       workload_issue().dns("x.example.com"), false, "workload",
       "grant \"workload\": dns_names: \"x.example.com\" is asked for, and the grant allows none"},
      {"another's SPIFFE ID", workload(),
       workload_issue().uri("spiffe://example.com/ns/shop/sa/db"), false, "workload",
       "grant \"workload\": uris: \"spiffe://example.com/ns/shop/sa/db\" is not in "
       "[\"{machine.spiffe_id}\", "
       "\"spiffe://{machine.spiffe_domain}/sub/{machine.spiffe_path}/**\"]"
       " (= [\"spiffe://example.com/ns/shop/sa/web\", "
       "\"spiffe://example.com/sub/ns/shop/sa/web/**\"])"},
  };
}

std::vector<DecisionRow> attribute_rows() {
  Ask no_validity = issue();
  no_validity.question.validity.reset();
  Ask no_key_type = issue();
  no_key_type.question.key_type.reset();
  const std::string dns_list = R"(["shared", "{machine.name}.*"] (= ["shared", "signer.*"]))";
  return {
      {"too long", web, issue().validity(25h), false, "web-tls",
       kWeb + "max_validity: 25h is longer than 1d"},
      {"no validity", web, no_validity, false, "web-tls",
       kWeb + "max_validity: no validity was asked for, at most 1d is allowed"},
      {"key type", web, issue().key_type(KeyType::rsa_2048), false, "web-tls",
       kWeb + R"(key_types: "rsa-2048" is not in ["ec-p256", "ed25519"])"},
      {"no key type", web, no_key_type, false, "web-tls",
       kWeb + R"(key_types: nothing was given that is in ["ec-p256", "ed25519"])"},
      {"issuer", web, issue().issuer("root"), false, "web-tls",
       kWeb + "issuers: \"root\" is not in [\"issuing\"]"},
      {"profile", web, issue().profile("intermediate-ca"), false, "web-tls",
       kWeb + "profiles: \"intermediate-ca\" is not in [\"tls-server\"]"},
      {"source", TestMachine(web).source("192.168.0.1"), issue(), false, "web-tls",
       kWeb + "source: \"192.168.0.1\" is not in [\"10.0.0.0/8\"]"},
      {"no source", TestMachine(web).source(""), issue(), false, "web-tls",
       kWeb + "source: nothing was given that is in [\"10.0.0.0/8\"]"},
      {"a certificate for another machine", web, issue().owner("web-2.example.com"), false,
       "web-tls",
       kWeb + "owner: \"web-2.example.com\" is not the machine itself, \"web-1.example.com\""},
      {"algorithm", service(), sign().algorithm(SignatureAlgorithm::rsa_pss_sha256), false,
       "by-dns",
       "grant \"by-dns\": algorithms: \"rsa-pss-sha256\" is not in "
       "[\"ecdsa-p256-sha256\", \"rsa-pss-sha384\"]"},
      {"digest", service(), sign().algorithm(SignatureAlgorithm::rsa_pss_sha384), false, "by-dns",
       "grant \"by-dns\": digests: \"sha384\" is not in [\"sha256\"]"},
      {"another machine's key", service(), sign().key("signer2.releases"), false, "by-dns",
       "grant \"by-dns\": keys: \"signer2.releases\" is not in " + dns_list},
      {"a key below another machine's name", service(), sign().key("signer.x.releases"), false,
       "by-dns", "grant \"by-dns\": keys: \"signer.x.releases\" is not in " + dns_list},
      {"revocation of another's", web, Ask(certificate_revoke).owner("web-2.example.com"), false,
       "own",
       "grant \"own\": owner: \"web-2.example.com\" is not the machine itself, "
       "\"web-1.example.com\""},
      {"a machine outside the owner pattern", TestMachine("provisioner"),
       Ask(machine_add).owner("x.example.com"), false, "provisioner",
       "grant \"provisioner\": owner: \"x.example.com\" is not in [\"*.nodes.example.com\"]"},
      {"what has no owner is nobody's own", TestMachine("").spiffe("spiffe://other.org/x"),
       Ask(certificate_revoke), false, "",
       "no grant names machine \"spiffe://other.org/x\" for certificate.revoke"},
  };
}

std::vector<DecisionRow> nearest_rows() {
  return {
      {"no grant for it at all", TestMachine("").fingerprint("b"), Ask(key_sign).key("k"), false,
       "", "no grant names machine \"sha256:b\" for key.sign"},
      {"a grant for other operations", db, issue(), false, "",
       "no grant names machine \"db-1.example.com\" for certificate.issue; grant \"own\" names it "
       "for certificate.revoke, certificate.read"},
      {"key.sign does not imply key.sign-digest", service(),
       Ask(key_sign_digest).key("shared").algorithm(SignatureAlgorithm::ecdsa_p256_sha256), false,
       "",
       "no grant names machine \"signer\" for key.sign-digest; grant \"own\" names it for "
       "certificate.revoke, certificate.read"},
      {"the grant with fewer failures", TestMachine("dual"), Ask(key_read).key("gamma"), false,
       "dual-near", "grant \"dual-near\": keys: \"gamma\" is not in [\"beta\"]"},
      {"of equally near ones the first", TestMachine("dual"), Ask(key_read).key("alpha"), false,
       "dual-strict", "grant \"dual-strict\": source: \"10.0.0.1\" is not in [\"192.0.2.1\"]"},
  };
}

BOOST_AUTO_TEST_SUITE(decision)

BOOST_AUTO_TEST_CASE(each_row_with_its_reason) {
  const auto policy = load_good(kPolicy, permissive_vocabulary());
  for (const auto& rows : {allowed_rows(), name_rows(), attribute_rows(), nearest_rows()}) {
    for (const DecisionRow& row : rows) check_decision(*policy, row);
  }
}

BOOST_AUTO_TEST_CASE(everything_is_denied_by_an_empty_policy) {
  const auto policy = load_good("version: 1\n");
  for (Operation operation : operations()) {
    check_decision(*policy, {std::string(name_of(operation)), web, Ask(operation), false, "",
                             "no grant names machine \"web-1.example.com\" for " +
                                 std::string(name_of(operation))});
  }
}

BOOST_AUTO_TEST_CASE(a_long_list_and_a_long_name_are_shortened) {
  std::string keys;
  for (int i = 0; i < 20; ++i) keys += (i == 0 ? "k" : ", k") + std::to_string(i);
  const auto policy = load_good(
      "version: 1\ngrants:\n  - {name: g, machines: [m], operations: [key.sign], keys: [" + keys +
      "]}\n");
  check_decision(
      *policy, {"shortened", TestMachine("m"), Ask(key_sign).key(std::string(300, 'x')), false, "g",
                "grant \"g\": keys: \"" + std::string(200, 'x') +
                    "…\" is not in [\"k0\", \"k1\", \"k2\", \"k3\", \"k4\", \"k5\", "
                    "\"k6\", \"k7\", and 12 more]"});
}

// Equal terms are kept once; these differ in one member each, or only look alike when run together.
BOOST_AUTO_TEST_CASE(grants_that_hardly_differ_are_not_taken_for_one) {
  const std::string body = ", operations: [certificate.issue], ";
  const auto policy = load_good(
      "version: 1\ngrants:\n"
      "  - {name: a, machines: [a]" +
      body +
      "issuers: [root], profiles: [machine], when: {dns_names: [x]}}\n"
      "  - {name: b, machines: [b]" +
      body +
      "issuers: [issuing], profiles: [machine], when: {dns_names: [x]}}\n"
      "  - {name: c, machines: [c]" +
      body +
      "issuers: [root], profiles: [tls-server], when: {dns_names: [x]}}\n"
      "  - {name: d, machines: [d]" +
      body +
      "issuers: [root], profiles: [machine], when: {common_names: [x, y]}}\n"
      "  - {name: e, machines: [e]" +
      body + "issuers: [root], profiles: [machine], when: {common_names: [\"x0()::y\"]}}\n");
  const auto ask = [](const std::string& machine) {
    return Ask(certificate_issue).issuer("root").profile("machine").owner(machine);
  };
  const std::vector<DecisionRow> rows = {
      {"issuer", TestMachine("a"), ask("a"), true, "a", ""},
      {"another issuer", TestMachine("b"), ask("b"), false, "b",
       "grant \"b\": issuers: \"root\" is not in [\"issuing\"]"},
      {"another profile", TestMachine("c"), ask("c"), false, "c",
       "grant \"c\": profiles: \"machine\" is not in [\"tls-server\"]"},
      {"two names", TestMachine("d"), ask("d").common_name("x"), true, "d", ""},
      {"one name that looks like two", TestMachine("e"), ask("e").common_name("x"), false, "e",
       "grant \"e\": common_names: \"x\" is not in [\"x0()::y\"]"},
  };
  for (const DecisionRow& row : rows) check_decision(*policy, row);
}

BOOST_AUTO_TEST_CASE(the_version_is_the_digest_of_the_text) {
  const std::string text = "version: 1\n# x\n";
  BOOST_TEST(load_good(text)->version() == to_hex(sha256(bytes_of(text))));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
