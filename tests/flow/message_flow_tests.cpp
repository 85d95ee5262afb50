// Keys bound to a message class, from their creation to what they sign.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "core/commitment.h"
#include "core/entry_view.h"
#include "tests/flow/flow_fixture.h"

namespace chancery {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

SignData data_for(const std::string& key, std::string_view data) {
  return {KeyName::literal(key), SignatureAlgorithm::ecdsa_p256_sha256, copy_of(bytes_of(data)),
          false};
}

std::string jwt(std::string_view payload, std::string_view header = R"({"alg":"ES256"})") {
  return to_base64url(bytes_of(header)) + "." + to_base64url(bytes_of(payload));
}

struct MessageFlow : FlowFixture {
  Result<const Key*> create(const std::string& name, MessageClass message_class,
                            const std::string& context = "", KeyType type = KeyType::ec_p256,
                            std::vector<SignatureAlgorithm> algorithms = {}) {
    return service().create_key(as("admin"), {KeyName::literal(name), type, KeyPurpose::data,
                                              std::move(algorithms), message_class, context});
  }
};

BOOST_FIXTURE_TEST_SUITE(message_flow, MessageFlow)

struct CreationCase {
  const char* name;
  MessageClass message_class;
  std::string context;
  KeyType type;
  std::vector<SignatureAlgorithm> algorithms;
  const char* field;  ///< of the refusal; empty: it is made
};
std::ostream& operator<<(std::ostream& out, const CreationCase& one) {
  return out << one.name;
}
const CreationCase kCreations[] = {
    {"jwt", MessageClass::jwt, "", KeyType::ed25519, {}, ""},
    {"a context", MessageClass::data, "example.com/release", KeyType::ec_p256, {}, ""},
    {"a context of another class", MessageClass::jwt, "release", KeyType::ec_p256, {}, "context"},
    {"a bad context", MessageClass::data, "1", KeyType::ec_p256, {}, "context"},
    {"digests by Ed25519", MessageClass::digest, "", KeyType::ed25519, {}, "algorithms"},
    {"SSH by PSS",
     MessageClass::ssh_certificate,
     "",
     KeyType::rsa_2048,
     {SignatureAlgorithm::rsa_pss_sha256},
     "algorithms"},
};
BOOST_DATA_TEST_CASE(a_key_and_its_class_go_together, boost::unit_test::data::make(kCreations),
                     one) {
  const auto intents = entries(EntryKind::intent).size();
  const auto key = create("web-1.new", one.message_class, one.context, one.type, one.algorithms);
  BOOST_TEST(key.has_value() == std::string(one.field).empty());
  if (key) {
    BOOST_CHECK((*key)->message_class == one.message_class);
    BOOST_TEST((*key)->context == one.context);
    const std::string intent = entries(EntryKind::intent).back();
    BOOST_TEST(
        has(intent, "\"message_class\":\"" + std::string(name_of(one.message_class)) + "\""));
    BOOST_TEST(has(intent, "\"context\":\"" + one.context + "\"") == !one.context.empty());
    BOOST_TEST(verify().good);
  } else {
    BOOST_TEST(key.error().field == one.field);
    BOOST_TEST(entries(EntryKind::intent).size() == intents);
    BOOST_TEST(has(entries(EntryKind::failure).back(), one.field));
  }
}

BOOST_AUTO_TEST_CASE(a_token_is_signed_and_what_it_says_recorded) {
  const Key& key = **create("web-1.tokens", MessageClass::jwt);
  const std::string message =
      jwt(R"({"iss":"https://a.example","sub":"alice@people.example","aud":["b","c"],)"
          R"("exp":253402300799})");
  const auto outcome = service().sign(as("web-1"), data_for("web-1.tokens", message));
  BOOST_REQUIRE(outcome);
  // What is signed is exactly what came.
  BOOST_TEST(key.public_key.verify(SignatureAlgorithm::ecdsa_p256_sha256, sha256(bytes_of(message)),
                                   outcome->signature));
  const std::string intent = entries(EntryKind::intent).back();
  BOOST_TEST(has(intent, R"("message_class":"jwt")"));
  BOOST_TEST(has(intent, R"("content":["issuer:https://a.example","subject:withheld",)"
                         R"("audience:b","audience:c"])"),
             intent);
  BOOST_TEST(has(intent, R"("lifetime":)"));
  const auto commitments = Commitments::open(home() / "commitment-secret").value();
  const std::string request = EntryView::parse(intent).value().text("request");
  BOOST_TEST(has(intent, commitments.commit(request, "alice@people.example")));
  BOOST_TEST(!has(intent, "people.example"));
  BOOST_TEST(verify().good);
}

BOOST_AUTO_TEST_CASE(content_is_recorded_of_a_denial_too) {
  create("web-1.tokens", MessageClass::jwt).value();
  const auto refused =
      service().sign(as("web-2"), data_for("web-1.tokens", jwt(R"({"iss":"x.example"})")));
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error().code == ErrorCode::forbidden);
  BOOST_TEST(has(entries(EntryKind::denial).back(), R"("content":["issuer:x.example"])"));
}

BOOST_AUTO_TEST_CASE(much_content_is_recorded_by_its_hash) {
  create("web-1.tokens", MessageClass::jwt).value();
  std::string audiences;
  for (int i = 0; i < 8; ++i) {
    audiences += (i == 0 ? "\"" : ",\"") + std::string(2000, static_cast<char>('a' + i)) + "\"";
  }
  BOOST_REQUIRE(
      service().sign(as("web-1"), data_for("web-1.tokens", jwt("{\"aud\":[" + audiences + "]}"))));
  const std::string intent = entries(EntryKind::intent).back();
  BOOST_TEST(has(intent, "\"content_sha256\":\""));
  BOOST_TEST(!has(intent, "\"content\":"));
}

struct RefusalCase {
  const char* name;
  MessageClass message_class;
  std::string context, data;
  const char* field;
};
std::ostream& operator<<(std::ostream& out, const RefusalCase& one) {
  return out << one.name;
}
const RefusalCase kRefusals[] = {
    {"no token", MessageClass::jwt, "", "hello", "data"},
    {"a token of another algorithm", MessageClass::jwt, "", jwt("{}", R"({"alg":"none"})"),
     "data.header.alg"},
    {"a token with a bad time", MessageClass::jwt, "", jwt(R"({"exp":"soon"})"),
     "data.payload.exp"},
    {"no SSH certificate", MessageClass::ssh_certificate, "", "hello", "data.type"},
    {"no certificate", MessageClass::certificate, "", "hello", "data"},
    {"no CRL", MessageClass::crl, "", "hello", "data"},
    {"no attributes", MessageClass::cms_attributes, "", "hello", "data"},
    {"another context", MessageClass::data, "release", std::string("snapshot\0x", 10), "data"},
    {"a token as data", MessageClass::data, "", jwt("{}"), "data"},
};
BOOST_DATA_TEST_CASE(what_is_not_of_the_class_is_a_recorded_failure,
                     boost::unit_test::data::make(kRefusals), one) {
  create("web-1.key", one.message_class, one.context).value();
  const auto signatures = token().status().signatures;
  const auto refused = service().sign(as("web-1"), data_for("web-1.key", one.data));
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error().code == ErrorCode::invalid_request);
  BOOST_TEST(refused.error().field == one.field);
  BOOST_TEST(has(refused.error().message, "\"web-1.key\" signs messages of class"),
             refused.error().message);
  BOOST_TEST(token().status().signatures == signatures);
  const std::string failure = entries(EntryKind::failure).back();
  BOOST_TEST(has(failure, "\"field\":\"" + std::string(one.field) + "\""), failure);
  BOOST_TEST(has(failure, "\"message_class\":\"" + std::string(name_of(one.message_class)) + "\""));
}

BOOST_AUTO_TEST_CASE(a_digest_is_signed_where_nothing_is_lost_by_it) {
  grant("digests", "operations: [key.sign-digest]\n    keys: [\"**\"]");
  const struct {
    const char* key;
    MessageClass message_class;
    std::string context;
    bool signs;
  } cases[] = {
      {"web-1.jwt", MessageClass::jwt, "", false},
      {"web-1.ssh", MessageClass::ssh_certificate, "", false},
      {"web-1.certificate", MessageClass::certificate, "", false},
      {"web-1.crl", MessageClass::crl, "", false},
      {"web-1.cms", MessageClass::cms_attributes, "", false},
      {"web-1.release", MessageClass::data, "release", false},
      {"web-1.data", MessageClass::data, "", true},
      {"web-1.digest", MessageClass::digest, "", true},
  };
  for (const auto& one : cases) {
    create(one.key, one.message_class, one.context).value();
    SignData request = data_for(one.key, "");
    request.data = sha256(bytes_of("hello"));
    request.is_digest = true;
    const auto signed_digest = service().sign(as("web-1"), request);
    BOOST_TEST(signed_digest.has_value() == one.signs, one.key);
    if (signed_digest) {
      BOOST_TEST(has(entries(EntryKind::intent).back(), R"("message_class":"digest")"));
      continue;
    }
    BOOST_CHECK(signed_digest.error().code == ErrorCode::conflict);
    BOOST_TEST(signed_digest.error().field == "digest");
  }
  const auto data = service().sign(as("web-1"), data_for("web-1.digest", "hello"));
  BOOST_REQUIRE(!data);
  BOOST_CHECK(data.error().code == ErrorCode::conflict);
}

// Ed25519 signs messages, never digests: also where digests are granted, and whatever the class.
BOOST_AUTO_TEST_CASE(ed25519_signs_no_digest) {
  grant("digests", "operations: [key.sign-digest]\n    keys: [\"**\"]");
  const struct {
    const char* key;
    MessageClass message_class;
    ErrorCode code;
  } cases[] = {{"web-1.data", MessageClass::data, ErrorCode::invalid_request},
               {"web-1.tokens", MessageClass::jwt, ErrorCode::conflict},
               {"web-1.ssh", MessageClass::ssh_certificate, ErrorCode::conflict}};
  for (const auto& one : cases) {
    create(one.key, one.message_class, "", KeyType::ed25519).value();
    const auto signatures = token().status().signatures;
    const auto refused = service().sign(
        as("web-1"), SignData{KeyName::literal(one.key), SignatureAlgorithm::ed25519,
                              sha256(bytes_of(jwt("{}", R"({"alg":"EdDSA"})"))), true});
    BOOST_REQUIRE_MESSAGE(!refused, one.key);
    BOOST_CHECK(refused.error().code == one.code);
    BOOST_TEST(refused.error().field == "digest");
    BOOST_TEST(token().status().signatures == signatures);
  }
}

// A bare digest may be that of a token: without the grant by name, no key signs one.
BOOST_AUTO_TEST_CASE(a_digest_of_a_token_needs_the_grant_by_name) {
  create("web-1.digest", MessageClass::digest).value();
  SignData request = data_for("web-1.digest", "");
  request.data = sha256(bytes_of(jwt("{}")));
  request.is_digest = true;
  const auto refused = service().sign(as("web-1"), request);
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error().code == ErrorCode::forbidden);
  BOOST_TEST(has(entries(EntryKind::denial).back(), R"("operation":"key.sign-digest")"));
}

BOOST_AUTO_TEST_CASE(a_key_is_bound_after_a_restart_too) {
  create("web-1.tokens", MessageClass::jwt).value();
  create("web-1.release", MessageClass::data, "release").value();
  reopen();
  BOOST_TEST(!service().sign(as("web-1"), data_for("web-1.tokens", "hello")).has_value());
  BOOST_TEST(service().sign(as("web-1"), data_for("web-1.tokens", jwt("{}"))).has_value());
  BOOST_TEST(!service().sign(as("web-1"), data_for("web-1.release", "hello")).has_value());
  const std::string message("release\0hello", 13);
  BOOST_TEST(service().sign(as("web-1"), data_for("web-1.release", message)).has_value());
  BOOST_TEST(has(entries(EntryKind::intent).back(), R"("content":["context:release"])"));
  BOOST_TEST(verify().good);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
