#pragma once

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "core/config.h"
#include "policies/policy_file.h"

namespace chancery {

/// The profiles and CAs of a new installation.
inline const PolicyVocabulary& test_vocabulary() {
  static const PolicyVocabulary vocabulary = [] {
    const NewInstallation wanted{{"127.0.0.1", 1}, {"127.0.0.1", 2}, "module", "token", "pin", ""};
    const auto config = parse_config(default_config(wanted), "/home");
    BOOST_REQUIRE_MESSAGE(config, (config ? "" : config.error().message));
    return PolicyVocabulary::of(config->profiles,
                                {CaName::literal("root"), CaName::literal("issuing")});
  }();
  return vocabulary;
}
/// The same with profiles that leave everything to the policy.
inline const PolicyVocabulary& permissive_vocabulary() {
  static const PolicyVocabulary vocabulary = [] {
    PolicyVocabulary widened = test_vocabulary();
    for (auto& [name, profile] : widened.profiles) {
      profile.alt_names = {AltNameType::dns, AltNameType::ip, AltNameType::uri, AltNameType::email};
      profile.subject = {SubjectField::country, SubjectField::organization,
                         SubjectField::organizational_unit, SubjectField::common_name};
      profile.key_types.clear();
      for (const KeyTypeRow& row : key_types()) profile.key_types.push_back(row.type);
    }
    return widened;
  }();
  return vocabulary;
}

/// Loads a policy that must be good.
inline std::shared_ptr<const Policy> load_good(
    const std::string& text, const PolicyVocabulary& vocabulary = test_vocabulary()) {
  auto policy = load_policy(text, vocabulary);
  BOOST_REQUIRE_MESSAGE(policy, (policy ? "" : policy.error().message));
  return *policy;
}

inline std::string read_source(const std::string& path) {
  std::ifstream file(std::string(CHANCERY_SOURCE_DIR) + "/" + path);
  BOOST_REQUIRE_MESSAGE(file, path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A machine as the API makes it from a client certificate.
struct TestMachine {
  Machine machine;
  explicit TestMachine(const std::string& name) {
    if (!name.empty()) machine.name = MachineName::literal(name);
    machine.fingerprint = std::string(64, 'f');
    machine.source = "10.0.0.1";
  }
  TestMachine& spiffe(const std::string& id) { return machine.spiffe_id = id, *this; }
  TestMachine& dns(const std::string& name) { return machine.dns_names.push_back(name), *this; }
  TestMachine& fingerprint(const std::string& hex) { return machine.fingerprint = hex, *this; }
  TestMachine& source(const std::string& address) { return machine.source = address, *this; }
  /// As it is while it enrols: a name from its token, no certificate.
  TestMachine& enrolling() { return machine.fingerprint.clear(), *this; }
  operator Machine() const { return machine; }
};

/// A question, attribute by attribute.
struct Ask {
  PolicyQuestion question{};
  explicit Ask(Operation operation) { question.operation = operation; }
  Ask& issuer(const std::string& name) { return question.issuer = name, *this; }
  Ask& profile(const std::string& name) { return question.profile = name, *this; }
  Ask& key(const std::string& name) { return question.key = name, *this; }
  Ask& owner(const std::string& name) { return question.owner = name, *this; }
  Ask& dns(const std::string& name) { return question.names.dns.push_back(name), *this; }
  Ask& ip(const std::string& name) { return question.names.ip.push_back(name), *this; }
  Ask& uri(const std::string& name) { return question.names.uri.push_back(name), *this; }
  Ask& email(const std::string& name) { return question.names.email.push_back(name), *this; }
  Ask& subject(const Subject& subject) { return question.subject = subject, *this; }
  Ask& common_name(const std::string& n) { return question.subject.common_name = n, *this; }
  Ask& key_type(KeyType type) { return question.key_type = type, *this; }
  Ask& validity(Seconds validity) { return question.validity = validity, *this; }
  Ask& algorithm(SignatureAlgorithm name) { return question.algorithm = name, *this; }
  operator PolicyQuestion() const { return question; }
};

/// One row of a table of decisions.
struct DecisionRow {
  std::string name;
  Machine machine;
  PolicyQuestion question;
  bool allowed;
  std::string grant;
  std::string reason;
};

inline void check_decision(const Policy& policy, const DecisionRow& row) {
  BOOST_TEST_CONTEXT(row.name) {
    const Decision decision = policy.decide(row.machine, row.question);
    BOOST_TEST(decision.allowed() == row.allowed);
    BOOST_TEST(decision.grant() == row.grant);
    BOOST_TEST(decision.reason() == row.reason);
    BOOST_TEST(decision.policy_version() == policy.version());
  }
}

}  // namespace chancery
