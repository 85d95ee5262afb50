#pragma once

#include <string>
#include <vector>

#include "policies/example_request.h"

namespace chancery {

/// A few rules, and all requests that can be made of a few values: what an analysis says of
/// policies of these rules can be compared with all answers.
struct SmallUniverse {
  std::string name;
  std::vector<std::string> rules;  ///< as YAML; denials with "d:" and roles with "r:" before them
  std::vector<ExampleRequest> requests;

  [[nodiscard]] unsigned policies() const { return 1u << rules.size(); }
  /// The policy of the rules whose bits are set.
  [[nodiscard]] std::string policy(unsigned chosen) const;
};

std::vector<SmallUniverse> small_universes();

}  // namespace chancery
