#pragma once

#include <string>
#include <vector>

#include "policies/example_request.h"

namespace chancery {

/// A few rules, and all requests that can be made of a few values: what an analysis says of
/// policies of these rules can be compared with all answers.
struct SmallUniverse {
  std::string name;
  /// As YAML; what is no grant has "d:" (denial), "r:" (role) or "a:" (approval) before it.
  std::vector<std::string> rules;
  std::vector<ExampleRequest> requests;
  std::string always = {};  ///< in every policy: its groups

  [[nodiscard]] unsigned policies() const { return 1u << rules.size(); }
  /// The bits of its denials.
  [[nodiscard]] unsigned denials() const;
  /// The policy of the rules whose bits are set.
  [[nodiscard]] std::string policy(unsigned chosen) const;
  /// The one called "grant:NAME", "denial:NAME" or "approval:NAME"; rules.size() where there is
  /// none.
  [[nodiscard]] std::size_t position(const std::string& rule) const;
};

std::vector<SmallUniverse> small_universes();

}  // namespace chancery
