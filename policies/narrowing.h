#pragma once

#include <span>
#include <string>
#include <vector>

#include "policies/example_request.h"
#include "policies/grant_policy.h"

namespace chancery {

/// What one member of a grant allows beyond what was used.
struct Narrowing {
  std::string member;  ///< "machines", "operations", "when.dns_names", …
  std::string text;    ///< 'remove "db.example.com", which was never asked for'
};

/// How far the grant `name` could be narrowed so that it would still have allowed each of `uses`,
/// which it allowed. Empty where there is no such grant, or it is as narrow as it was used.
std::vector<Narrowing> narrowing(const GrantPolicy& policy, std::string_view name,
                                 std::span<const ExampleRequest> uses);

}  // namespace chancery
