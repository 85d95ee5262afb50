#pragma once

#include <string>
#include <vector>

#include "core/algorithm.h"
#include "core/clock.h"
#include "policies/identity.h"
#include "policies/network.h"
#include "policies/operation_set.h"
#include "policies/pattern.h"
#include "policies/vocabulary.h"
#include "policies/yaml.h"

namespace chancery {

class FieldPath;

/// Whose certificate or record may be meant.
struct OwnerCondition {
  enum class Kind { self, any, patterns };
  Kind kind = Kind::self;
  std::vector<Pattern> patterns;
};

/// One grant: which operations, on what, under which conditions. The machines it is for are in the
/// MachineIndex. An empty list means that the policy does not say; policies/condition.cpp knows
/// what follows from that for each.
struct Grant {
  std::string name;
  Place place;  ///< of its machines, for messages
  OperationSet operations;

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

struct GrantText {
  Grant grant;
  std::vector<MachinePattern> machines;
};

/// Reads one item of `grants` and refuses what could never allow anything or says less than it
/// must.
Result<GrantText> read_grant(const YamlNode& node, const FieldPath& path,
                             const PolicyVocabulary& vocabulary);

}  // namespace chancery
