#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "policies/grant_policy.h"
#include "policies/vocabulary.h"

namespace chancery {

/// What a policy on disk may speak of; the default is the profiles of a new installation, and any
/// issuer.
struct VocabularyOptions {
  std::string home;    ///< its config.yaml's profiles, its CAs
  std::string config;  ///< a config.yaml's profiles
  std::vector<std::string> issuers;
};

void add_vocabulary_options(CLI::App& command, VocabularyOptions& options);
Result<PolicyVocabulary> read_vocabulary(const VocabularyOptions& options);

/// A policy, read from wherever it was named.
struct NamedPolicy {
  std::string name;  ///< as it was named, for people
  std::string text;  ///< a bundle
  bool of_service = false;
  std::shared_ptr<const GrantPolicy> policy;
};

/// `name` is a file or directory, or of the service: "current", or the version of one that was in
/// force (64 hexadecimal digits). Those of the service were checked there.
Result<NamedPolicy> read_named_policy(Session& session, const std::string& name,
                                      const PolicyVocabulary& vocabulary);

/// The text of a file or directory, and what it is called in messages.
Result<std::string> read_policy_text(const std::string& path);

}  // namespace chancery
