#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/policy.h"
#include "core/yaml.h"

namespace chancery {

/// One request, and what a policy is to answer.
struct PolicyCase {
  std::string name;
  Place place;  ///< of the case, in its file
  Machine machine;
  PolicyQuestion question;
  Time at;

  // Expected
  bool allowed = false;
  std::string grant;                               ///< that allows or is nearest; empty: any
  std::string reason;                              ///< is part of the reason; empty: any
  std::string approval;                            ///< rule that asks for it, or "none"; empty: any
  std::optional<std::vector<std::string>> quotas;  ///< that are used, in any order; none: any
};

/// What NAME.tests.yaml says (docs/policy-tools.md).
struct PolicyCases {
  std::string policy;  ///< file, relative to that of the cases; empty: not said
  std::vector<PolicyCase> cases;
};

/// A machine that comes with a certificate has this fingerprint where a case does not say which.
inline constexpr std::string_view kSomeFingerprint =
    "0000000000000000000000000000000000000000000000000000000000000000";

/// Reads cases. `profiles` complete what is asked (asked_member.h); cases that do not say when are
/// asked at `at`. invalid_request, or too_large, with a message "FILE:LINE:COLUMN: PATH: …" about
/// the first problem: unknown members, values that no request could have, two cases of one name.
Result<PolicyCases> read_policy_cases(std::string_view text, const Profiles& profiles, Time at,
                                      std::string_view file);

/// What the policy's answer has other than expected, for people; empty where it is as expected.
std::string differs(const PolicyCase& expected, const Decision& decision);

}  // namespace chancery
