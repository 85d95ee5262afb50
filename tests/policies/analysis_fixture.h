#pragma once

#include <boost/test/unit_test.hpp>
#include <functional>
#include <memory>
#include <string>

#include "policies/example_request.h"
#include "policies/policy_file.h"

namespace chancery {

/// Profiles that leave everything to the policy.
inline PolicyVocabulary open_vocabulary() {
  PolicyVocabulary vocabulary;
  for (const char* name : {"tls", "client"}) {
    Profile profile;
    profile.name = ProfileName::literal(name);
    profile.alt_names = {AltNameType::dns, AltNameType::ip, AltNameType::uri, AltNameType::email};
    profile.subject = {SubjectField::country, SubjectField::organization,
                       SubjectField::organizational_unit, SubjectField::common_name};
    profile.extended_key_usages = {ExtendedKeyUsage::server_auth, ExtendedKeyUsage::client_auth};
    for (const KeyTypeRow& row : key_types()) profile.key_types.push_back(row.type);
    vocabulary.profiles.emplace(profile.name, profile);
  }
  return vocabulary;
}

inline std::shared_ptr<const GrantPolicy> load_rules(const std::string& text) {
  auto policy = load_policy("version: 1\n" + text, open_vocabulary());
  BOOST_REQUIRE_MESSAGE(policy, text << (policy ? "" : policy.error().message));
  return *policy;
}

/// A Thursday noon.
inline Time analysis_time() {
  return *from_rfc3339("2026-11-26T12:00:00Z");
}

}  // namespace chancery
