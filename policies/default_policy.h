#pragma once

#include <string>
#include <string_view>

namespace chancery {

/// The policy.yaml that `chancery init` writes: administrator `admin`, operator `operator`, auditor
/// `auditor`; each machine gets and keeps certificates of the CA `issuing` for its own name and
/// names below it, and signs with the keys that are called after it. Where `trust_domain` is not
/// empty, also for the URI spiffe://TRUST_DOMAIN/machine/NAME.
std::string default_policy(std::string_view trust_domain = {});

}  // namespace chancery
