#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <boost/test/unit_test.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "core/approvals.h"
#include "core/certificate_machine.h"
#include "core/openssl_ptr.h"
#include "tests/flow/duty_policy.h"
#include "tests/flow/flow_fixture.h"

namespace chancery {

inline PublicKey public_half(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  BOOST_REQUIRE(size > 0);
  const Bytes spki(der, der + size);
  OPENSSL_free(der);
  return PublicKey::from_spki(spki).value();
}

/// Somebody with a certificate of this service and its key.
struct Person {
  std::string name;
  std::shared_ptr<EVP_PKEY> key;
  Machine machine;

  [[nodiscard]] Bytes sign(const std::string& text) const {
    const HandlePtr<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
    const EVP_MD* digest = EVP_PKEY_is_a(key.get(), "ED25519") == 1 ? nullptr : EVP_sha256();
    const ByteView input = bytes_of(text);
    Bytes signature(1024);
    std::size_t size = signature.size();
    BOOST_REQUIRE(EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key.get()) == 1);
    BOOST_REQUIRE(
        EVP_DigestSign(context.get(), signature.data(), &size, input.data(), input.size()) == 1);
    signature.resize(size);
    return signature;
  }
};

/// Whom the test's policy lets agree.
struct Terms {
  ApprovalNeed need{"approval:test", 2, std::chrono::hours(8), Seconds{0}};
  std::set<std::string> approvers = {"alice", "bob", "carol", "web-1"};
  Operation operation = Operation::key_create;
};

struct ApprovalFlow : FlowFixture {
  ApprovalFlow() {
    adopt();
    alice = person("alice", EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    bob = person("bob", EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    carol = person("carol", EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}));
    requester = person("web-1", EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  }

  void adopt() {
    auto duties = std::make_shared<const Duties>(Duties{{}, terms.need});
    const auto policy = std::make_shared<const DutyPolicy>(
        [duties, operation = terms.operation](const Machine& machine,
                                              const PolicyQuestion& question) {
          return question.operation == operation && !machine.is_self() ? duties : nullptr;
        },
        terms.approvers);
    BOOST_REQUIRE(service().adopt(as("admin"), policy, DutyPolicy::kText));
  }

  Person person(const std::string& name, EVP_PKEY* key) {
    Person made{name, {key, EVP_PKEY_free}, {}};
    SubjectAltNames names{.dns = {name + ".example"}, .ip = {}, .uri = {}, .email = {}};
    const auto outcome =
        service().sign(as(name), IssueCertificate{CaName::literal("issuing"),
                                                  ProfileName::literal("machine"),
                                                  {public_half(key), {}, std::move(names)},
                                                  std::nullopt});
    BOOST_REQUIRE_MESSAGE(outcome, (outcome ? "" : outcome.error().message));
    made.machine =
        machine_of(parse_certificate(outcome->certificate).value(), outcome->certificate).value();
    made.machine.name = MachineName::literal(name);
    made.machine.serial = Serial::parse(outcome->serial).value();
    return made;
  }

  Caller by(const Person& who, const std::string& approval = {}, const std::string& body = "body") {
    Caller caller = as(who.name, {}, body);
    caller.context.machine = who.machine;
    caller.approval = approval;
    caller.request_line = "POST /v1/keys";
    return caller;
  }

  /// What needs approval here.
  Result<const Key*> create(const std::string& approval = {}, const std::string& body = "body",
                            const std::string& key = "web-1.new") {
    return service().create_key(by(requester, approval, body),
                                {KeyName::literal(key), KeyType::ec_p256, KeyPurpose::data, {}});
  }
  /// The approval that somebody is told to get.
  std::string ask(const std::string& body = "body") {
    const auto asked = create({}, body);
    BOOST_REQUIRE(!asked);
    BOOST_REQUIRE_MESSAGE(asked.error().code == ErrorCode::approval_needed, asked.error().message);
    return asked.error().approval;
  }
  Result<ApprovalView> give(const Person& who, const std::string& id) {
    const ApprovalView view = find(id);
    return give(who, id, who.sign(service().approvals().statement(view.record)));
  }
  Result<ApprovalView> give(const Person& who, const std::string& id, const Bytes& signature) {
    return service().approvals().give(by(who), *service().policy(), ApprovalId::literal(id), {},
                                      signature);
  }
  ApprovalView find(const std::string& id) {
    return service().approvals().find(*service().policy(), ApprovalId::literal(id)).value();
  }
  std::string state(const std::string& id) { return std::string(name_of(find(id).record.state)); }
  nlohmann::json last(EntryKind kind) { return nlohmann::json::parse(entries(kind).back()); }

  Terms terms;
  Person alice, bob, carol, requester;
};

template <class T>
std::string refusal(const Result<T>& result) {
  return result ? "" : result.error().message;
}

inline bool says(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace chancery
