#pragma once

#include <functional>
#include <string>

#include "core/instance.h"

namespace chancery {

/// Fills a new home once its token is there and config.yaml and policy.yaml are written: audit log
/// keys, the CAs "root" and "issuing", the identities "admin", "operator" and "auditor" in
/// HOME/identities, and what others need to verify: HOME/ca/NAME.pem, HOME/log-keys. Everything
/// goes through the signing service, decided and recorded. `say` gets a line a step.
Result<void> furnish(Instance& instance, const std::function<void(const std::string&)>& say);

/// A certificate and key for `name` in `folder` (cert.pem, key.pem 0600, chain.pem), by way of a
/// one-time token like any machine's.
Result<void> enroll_locally(Instance& instance, const MachineName& name, const ProfileName& profile,
                            const std::string& folder);

}  // namespace chancery
