#pragma once

#include <span>

#include "policies/condition.h"

// The rows of the table of conditions, by what they are about.
namespace chancery {

/// issuers, profiles, keys, owner
std::span<const ConditionRow> resource_conditions();
/// source, attributes, certificate_age, …: who asks
std::span<const ConditionRow> machine_conditions();
/// hours, valid_from, …: when
std::span<const ConditionRow> time_conditions();
/// dns_names, common_names, subject, …: names in a certificate
std::span<const ConditionRow> name_conditions();
/// key_types, extended_key_usages, max_validity, …: what a certificate and its key are for
std::span<const ConditionRow> use_conditions();
/// algorithms, message_classes, content, …: what is signed
std::span<const ConditionRow> signing_conditions();

}  // namespace chancery
