#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/policy.h"

namespace chancery {

/// A second, deliberately naive reading of docs/policy.md, to compare the engine with: it looks at
/// every grant, matches by trying everything, and shares no code with policies/.
struct NaiveGrant {
  std::string name;
  std::vector<std::string> machines;
  std::vector<Operation> operations;
  std::vector<std::string> issuers, profiles, keys;
  std::vector<std::string> dns_names, uris, emails, common_names, organizations;
  std::vector<std::string> ip_addresses, sources;  ///< IPv4 ranges
  std::vector<std::string> key_types, algorithms, digests;
  std::optional<int> max_hours;
  std::string owner_word;               ///< "self", "any", or empty
  std::vector<std::string> owner_list;  ///< where there is no word
};

struct NaiveRole {
  std::string role, identity;
  std::vector<std::string> scope;
};

struct NaivePolicy {
  std::vector<NaiveRole> roles;
  std::vector<NaiveGrant> grants;

  /// As policy.yaml.
  [[nodiscard]] std::string yaml() const;

  struct Answer {
    bool allowed = false;
    std::string grant;
  };
  [[nodiscard]] Answer decide(const Machine& machine, const PolicyQuestion& question) const;
};

}  // namespace chancery
