#pragma once

#include <string>
#include <vector>

#include "core/policy.h"

namespace chancery {

/// One request in full, as an analysis found it: proof that what it says happens.
struct ExampleRequest {
  Machine machine;
  PolicyQuestion question;
  Time at;
};

/// For people, on one line: machine web-1.example.com asks certificate.issue, issuer issuing, …
std::string to_text(const ExampleRequest& example);

/// Why an answer of an analysis is not a proof, or empty where it is one. What an analysis reports
/// always happens; where this is not empty, there may be more that it did not find.
using Doubts = std::vector<std::string>;

}  // namespace chancery
