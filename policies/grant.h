#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "core/algorithm.h"
#include "core/clock.h"
#include "core/yaml.h"
#include "policies/identity.h"
#include "policies/network.h"
#include "policies/operation_set.h"
#include "policies/pattern.h"
#include "policies/text_map.h"
#include "policies/vocabulary.h"

namespace chancery {

class FieldPath;

/// Whose certificate or record may be meant.
struct OwnerCondition {
  enum class Kind { self, any, patterns };
  Kind kind = Kind::self;
  std::vector<Pattern> patterns;
};

/// What a grant allows: which operations, on what, under which conditions. An empty list means that
/// the policy does not say; policies/condition.cpp knows what follows from that for each.
struct GrantTerms {
  OperationSet operations;
  std::uint32_t given = 0;  ///< the conditions it has, by their rows in the table

  // Resources
  std::vector<std::string> issuers, profiles;
  std::vector<Pattern> keys;

  // Conditions
  std::vector<Pattern> dns_names, uris, emails, common_names;
  std::vector<Network> ip_addresses;
  std::vector<std::string> countries, organizations, organizational_units;
  std::vector<KeyType> key_types;
  std::optional<Seconds> max_validity;
  std::vector<SignatureAlgorithm> algorithms;
  std::vector<DigestAlgorithm> digests;
  std::vector<Network> sources;
  OwnerCondition owner;
};

/// One grant. The machines it is for are in the MachineIndex.
struct Grant {
  std::string name;
  Place place;                        ///< of its machines, for messages
  const GrantTerms* terms = nullptr;  ///< owned by the GrantReader, later by the policy
};

/// Reads the items of `grants` and refuses those that could never allow anything or say less than
/// they must. Large policies repeat themselves: equal terms are read and kept once, so that those
/// of 100,000 grants stay in the processor's cache.
class GrantReader {
 public:
  explicit GrantReader(const PolicyVocabulary& vocabulary) : vocabulary_(vocabulary) {}

  struct Item {
    Grant grant;
    std::vector<MachinePattern> machines;
  };
  Result<Item> read(const YamlNode& node, const FieldPath& path);

  /// What the grants point to; its elements stay where they are when it is moved.
  std::deque<GrantTerms> take_terms() { return std::move(terms_); }

 private:
  Result<const GrantTerms*> read_terms(const YamlNode& node, const FieldPath& path);

  const PolicyVocabulary& vocabulary_;
  std::deque<GrantTerms> terms_;
  TextMap<const GrantTerms*> known_;
};

}  // namespace chancery
