#pragma once

#include <span>
#include <string_view>

#include "core/policy.h"

namespace chancery {

/// One thing that can be said of a machine, or of what it asks, by whoever asks the policy without
/// being that machine: a member in a case (policy_case.h), an option of `chancery policy explain`.
template <class Subject>
struct AskedMember {
  std::string_view name;    ///< of the member
  std::string_view option;  ///< of the option
  bool list;                ///< may have several values
  std::string_view help;
  /// Sets it, or adds to the list, once for each value. invalid_request with what is wrong.
  Result<void> (*add)(Subject&, std::string_view value);
};

std::span<const AskedMember<PolicyQuestion>> question_members();
std::span<const AskedMember<Machine>> machine_members();

/// An attribute of the inventory; a second one of that name is refused.
Result<void> add_attribute(Machine& machine, std::string_view name, std::string_view value);
/// What a field of the message says; again for a field with several values. invalid_request where
/// messages of its class have no such field.
Result<void> add_field(MessageContent& message, std::string_view field, std::string_view value);

/// Adds what a request has even where it does not say so: the validity and the extended key usages
/// of its profile, and of a certificate that is asked for, the machine as its owner.
void complete(PolicyQuestion& question, const Machine& machine, const Profiles& profiles);

}  // namespace chancery
