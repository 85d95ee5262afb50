// The policy judges what a message says: grants as an operator would write them, and what they
// refuse, by the field's name.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "core/der.h"
#include "core/durable_file.h"
#include "core/extension.h"
#include "core/oid.h"
#include "core/signature_identifier.h"
#include "core/ssh_key.h"
#include "tests/flow/flow_fixture.h"

namespace chancery {
namespace {

constexpr auto kAlgorithm = SignatureAlgorithm::ecdsa_p256_sha256;

std::string in(int seconds) {
  return std::to_string(to_unix_seconds(now()) + seconds);
}

std::string jwt(const std::string& payload, const std::string& type = "at+jwt") {
  return to_base64url(bytes_of(R"({"alg":"ES256","typ":")" + type + "\"}")) + "." +
         to_base64url(bytes_of(payload));
}

std::string ssh_string(std::string_view content) {
  std::string text;
  for (unsigned shift : {24U, 16U, 8U, 0U}) text += static_cast<char>(content.size() >> shift);
  return text + std::string(content);
}
std::string ssh_number(std::uint64_t value, unsigned bytes) {
  std::string text;
  while (bytes-- > 0) text += static_cast<char>(value >> (8 * bytes));
  return text;
}

struct SshCertificate {
  std::uint32_t kind = 1;  // user
  std::string key_id = "build-1";
  std::vector<std::string> principals = {"deploy"};
  std::string option = "force-command";
  std::vector<std::string> extensions = {"permit-pty"};
  int lifetime = 3000;

  [[nodiscard]] std::string body(const Key& key) const {
    std::string names, flags;
    for (const std::string& one : principals) names += ssh_string(one);
    for (const std::string& one : extensions) flags += ssh_string(one) + ssh_string("");
    const auto at = static_cast<std::uint64_t>(to_unix_seconds(now()));
    return ssh_string("ssh-ed25519-cert-v01@openssh.com") + ssh_string(std::string(32, 'n')) +
           ssh_string(std::string(32, 'k')) + ssh_number(1, 8) + ssh_number(kind, 4) +
           ssh_string(key_id) + ssh_string(names) + ssh_number(at, 8) +
           ssh_number(at + static_cast<std::uint64_t>(lifetime), 8) +
           ssh_string(option.empty() ? "" : ssh_string(option) + ssh_string(ssh_string("/bin/x"))) +
           ssh_string(flags) + ssh_string("") + ssh_string(text_of(ssh_public_key(key.public_key)));
  }
};

struct Certificate {
  std::string common_name = "Releases";
  std::vector<std::string> purposes = {std::string(oid_of(ExtendedKeyUsage::code_signing))};
  bool ca = false;
  int days = 20;

  static void write_name(DerWriter& out, const std::string& common_name) {
    out.sequence([&] {
      out.nested(der::set, [&] {
        out.sequence([&] {
          out.oid(oid::common_name);
          out.element(der::utf8_string, common_name);
        });
      });
    });
  }
  [[nodiscard]] std::string body(const Key& key) const {
    DerWriter out;
    out.sequence([&] {
      out.nested(der::constructed(0), [&] { out.integer(2); });
      out.integer(7);
      out.raw(signature_identifier(kAlgorithm));
      write_name(out, "Code CA");
      out.sequence([&] {
        out.time(now());
        out.time(now() + Seconds(86'400 * days));
      });
      write_name(out, common_name);
      out.raw(key.public_key.spki());
      out.nested(der::constructed(3), [&] { out.sequence([&] { write_extensions(out); }); });
    });
    return std::string(text_of(out.bytes()));
  }
  void write_extensions(DerWriter& out) const {
    write_extension(out, oid::basic_constraints, true, [&] {
      out.sequence([&] {
        if (ca) out.boolean_true();
      });
    });
    if (purposes.empty()) return;
    write_extension(out, oid::extended_key_usage, false, [&] {
      out.sequence([&] {
        for (const std::string& one : purposes) out.oid(one);
      });
    });
  }
};

struct Case {
  const char* name;
  std::function<std::string(const Key&)> message;
  const char* reason;  ///< what the refusal says; empty: it is signed
};
std::ostream& operator<<(std::ostream& out, const Case& one) {
  return out << one.name;
}

struct ContentFlow : FlowFixture {
  /// Under a grant with these conditions, machine "signer" has the message signed by a key of the
  /// class.
  void check(MessageClass message_class, const std::string& conditions, const Case& one,
             const std::string& context = "") {
    const Key& key = *service()
                          .create_key(as("admin"), {KeyName::literal("judged"),
                                                    KeyType::ec_p256,
                                                    KeyPurpose::data,
                                                    {},
                                                    message_class,
                                                    context})
                          .value();
    // Nothing else allows the machine to sign: the refusal speaks of this grant.
    const std::string policy =
        "version: 1\nroles: {administrator: [admin]}\ngrants:\n  - name: judged-content\n"
        "    machines: [signer]\n    operations: [key.sign]\n    keys: [judged]\n    when:\n" +
        conditions + "\n";
    BOOST_REQUIRE(replace_durable_file(home() / "policy.yaml", policy, 0600));
    const auto loaded = instance().reload_policy(as("admin"));
    BOOST_REQUIRE_MESSAGE(loaded, (loaded ? "" : loaded.error().message));
    const auto signatures = token().status().signatures;
    const auto outcome =
        service().sign(as("signer"), SignData{KeyName::literal("judged"), kAlgorithm,
                                              copy_of(bytes_of(one.message(key))), false});
    const std::string reason = outcome ? "" : outcome.error().message;
    BOOST_TEST(outcome.has_value() == std::string(one.reason).empty(), reason);
    if (outcome) return;
    BOOST_CHECK(outcome.error().code == ErrorCode::forbidden);
    BOOST_TEST(reason.find(one.reason) != reason.npos, reason);
    BOOST_TEST(reason.find("judged-content") != reason.npos, reason);
    BOOST_TEST(entries(EntryKind::denial).size() == 1U);
    BOOST_TEST(token().status().signatures == signatures);
  }
};

BOOST_FIXTURE_TEST_SUITE(message_policy_flow, ContentFlow)

const std::string kTokens = R"(      message_classes: [jwt]
      content:
        issuer: ["https://issuer.example"]
        audience: [api, "https://*.example/in"]
        type: [at+jwt]
      max_lifetime: 5m)";

/// A token that the grant allows, if the members in `payload` are as they should be.
std::function<std::string(const Key&)> token_of(const std::string& payload, int lifetime = 290,
                                                const std::string& type = "at+jwt") {
  return [=](const Key&) { return jwt("{" + payload + R"(,"exp":)" + in(lifetime) + "}", type); };
}
const std::string kIssuer = R"("iss":"https://issuer.example")";

const Case kTokenCases[] = {
    {"as it should be", token_of(kIssuer + R"(,"aud":"api","sub":"anybody")"), ""},
    {"several audiences, each of which may be",
     token_of(kIssuer + R"(,"aud":["api","https://a.example/in"])"), ""},
    {"another issuer", token_of(R"("iss":"https://issuer.example/x","aud":"api")"),
     R"(issuer "https://issuer.example/x" is not in)"},
    {"an issuer in capitals", token_of(R"("iss":"HTTPS://issuer.example","aud":"api")"), "issuer "},
    {"a long issuer", token_of(R"("aud":"api","iss":")" + std::string(2048, 'x') + "\""),
     "issuer "},
    {"no issuer", token_of(R"("aud":"api")"), "the message has no issuer"},
    {"another audience", token_of(kIssuer + R"(,"aud":"admin")"), R"(audience "admin" is not in)"},
    {"one audience of two that may not be", token_of(kIssuer + R"(,"aud":["api","admin"])"),
     R"(audience "admin" is not in)"},
    {"no audience", token_of(kIssuer + R"(,"sub":"x")"), "the message has no audience"},
    {"a wildcard for two parts", token_of(kIssuer + R"(,"aud":"https://a.example/b/in")"),
     "audience "},
    {"another type", token_of(kIssuer + R"(,"aud":"api")", 290, "JWT"), R"(type "JWT" is not in)"},
    {"too long", token_of(kIssuer + R"(,"aud":"api")", 600), "max_lifetime: "},
    {"too long from now, short from its beginning",
     [](const Key&) {
       return jwt("{" + kIssuer + R"(,"aud":"api","nbf":)" + in(500) + R"(,"exp":)" + in(600) +
                  "}");
     },
     "max_lifetime: "},
    {"without end", [](const Key&) { return jwt("{" + kIssuer + R"(,"aud":"api"})"); },
     "max_lifetime: the message says no end"},
};
BOOST_DATA_TEST_CASE(tokens, boost::unit_test::data::make(kTokenCases), one) {
  check(MessageClass::jwt, kTokens, one);
}

const std::string kSsh = R"(      message_classes: [ssh-certificate]
      content:
        type: [user]
        key_id: ["build-*"]
        principal: [deploy, backup]
        critical_option: [force-command]
        extension: [permit-pty]
      max_lifetime: 1h)";

std::function<std::string(const Key&)> ssh(const std::function<void(SshCertificate&)>& change) {
  return [=](const Key& key) {
    SshCertificate certificate;
    change(certificate);
    return certificate.body(key);
  };
}
const Case kSshCases[] = {
    {"as it should be", ssh([](SshCertificate&) {}), ""},
    {"both principals", ssh([](SshCertificate& c) {
       c.principals = {"deploy", "backup"};
     }),
     ""},
    {"root among the principals", ssh([](SshCertificate& c) {
       c.principals = {"deploy", "root"};
     }),
     R"(principal "root" is not in)"},
    {"a host", ssh([](SshCertificate& c) { c.kind = 2; }), R"(type "host" is not in)"},
    {"another key id", ssh([](SshCertificate& c) { c.key_id = "alice"; }),
     R"(key_id "alice" is not in)"},
    {"a key id without a name", ssh([](SshCertificate& c) { c.key_id = ""; }), "key_id "},
    {"without the option that must be there", ssh([](SshCertificate& c) { c.option = ""; }),
     "the message has no critical_option"},
    {"another extension", ssh([](SshCertificate& c) {
       c.extensions = {"permit-port-forwarding", "permit-pty"};
     }),
     R"(extension "permit-port-forwarding" is not in)"},
    {"too long", ssh([](SshCertificate& c) { c.lifetime = 7200; }), "max_lifetime: "},
};
BOOST_DATA_TEST_CASE(ssh_certificates, boost::unit_test::data::make(kSshCases), one) {
  check(MessageClass::ssh_certificate, kSsh, one);
}

const std::string kCodeSigning = R"(      message_classes: [certificate]
      content:
        issuer: ["CN=Code CA"]
        common_name: [Releases]
        ca: ["false"]
        extended_key_usage: [code_signing]
      max_lifetime: 30d)";

std::function<std::string(const Key&)> certificate(
    const std::function<void(Certificate&)>& change) {
  return [=](const Key& key) {
    Certificate made;
    change(made);
    return made.body(key);
  };
}
const Case kCertificateCases[] = {
    {"as it should be", certificate([](Certificate&) {}), ""},
    {"another name", certificate([](Certificate& c) { c.common_name = "Releases 2"; }),
     R"(common_name "Releases 2" is not in)"},
    {"a CA", certificate([](Certificate& c) { c.ca = true; }), R"(ca "true" is not in)"},
    {"one purpose more", certificate([](Certificate& c) {
       c.purposes.emplace_back(oid_of(ExtendedKeyUsage::server_auth));
     }),
     R"(extended_key_usage "server_auth" is not in)"},
    {"any purpose", certificate([](Certificate& c) { c.purposes = {}; }),
     "the message has no extended_key_usage"},
    {"too long", certificate([](Certificate& c) { c.days = 60; }), "max_lifetime: "},
};
BOOST_DATA_TEST_CASE(code_signing_certificates, boost::unit_test::data::make(kCertificateCases),
                     one) {
  check(MessageClass::certificate, kCodeSigning, one);
}

std::function<std::string(const Key&)> text(const std::string& message) {
  return [=](const Key&) { return message; };
}
const Case kDataCases[] = {
    {"the context that is granted", text(std::string("release\0app", 11)), ""},
};
BOOST_DATA_TEST_CASE(data_with_the_context, boost::unit_test::data::make(kDataCases), one) {
  check(MessageClass::data, "      content: {context: [release]}", one, "release");
}
BOOST_AUTO_TEST_CASE(data_with_another_context) {
  check(MessageClass::data, "      content: {context: [release]}",
        {"", text(std::string("release2\0app", 12)), R"(context "release2" is not in)"},
        "release2");
}
BOOST_AUTO_TEST_CASE(data_without_context) {
  check(MessageClass::data, "      content: {context: [release]}",
        {"", text(std::string("release\0app", 11)), "the message has no context"});
}
BOOST_AUTO_TEST_CASE(another_class) {
  check(MessageClass::data, "      message_classes: [jwt]",
        {"", text("hello"), R"(message_classes: "data" is not in)"});
}
// No condition on the content: a token that says no end has none to be compared.
BOOST_AUTO_TEST_CASE(data_has_no_lifetime) {
  check(MessageClass::data, "      max_lifetime: 10y",
        {"", text("hello"), "max_lifetime: the message says no end"});
}

// A grant of bare digests under a condition on the content allows no digest.
BOOST_AUTO_TEST_CASE(a_digest_says_nothing_of_content) {
  const auto refused = [&] {
    grant("judged-content",
          "operations: [key.sign, key.sign-digest]\n    keys: [judged]\n    when:\n"
          "      message_classes: [data]",
          "[signer]");
    data_key("judged");
    SignData request{KeyName::literal("judged"), kAlgorithm, sha256(bytes_of("x")), true};
    return service().sign(as("signer"), request);
  }();
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error().code == ErrorCode::forbidden);
  BOOST_TEST(
      refused.error().message.find(R"(message_classes: "digest" is not in)") != std::string::npos,
      refused.error().message);
}

// A denial meets a token of which one audience is what it is about.
BOOST_AUTO_TEST_CASE(a_denial_sees_one_of_several_values) {
  const std::string rest =
      "operations: [key.sign]\n    keys: [judged]\n"
      "denials:\n  - name: no-admin\n    machines: [\"**\"]\n    operations: [key.sign]\n"
      "    when:\n      content: {audience: [admin]}";
  service()
      .create_key(as("admin"), {KeyName::literal("judged"),
                                KeyType::ec_p256,
                                KeyPurpose::data,
                                {},
                                MessageClass::jwt,
                                ""})
      .value();
  grant("judged-content", rest, "[signer]");
  const auto sign = [&](const std::string& payload) {
    return service().sign(as("signer"), SignData{KeyName::literal("judged"), kAlgorithm,
                                                 copy_of(bytes_of(jwt(payload))), false});
  };
  BOOST_TEST(sign(R"({"aud":["api"]})").has_value());
  const auto refused = sign(R"({"aud":["api","admin"]})");
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().message.find("no-admin") != std::string::npos,
             refused.error().message);
  BOOST_TEST(refused.error().message.find("audience \"admin\"") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
