#pragma once

#include <nlohmann/json_fwd.hpp>

#include "core/store.h"

namespace chancery {

/// The certificate that an intent with a "serial" is about, without what only its outcome knows:
/// `der` and `outcome` are empty, `state` is unknown. The intent's members are serial, issuer,
/// profile, owner (absent: empty), not_before, not_after, spki_sha256. invalid_request.
Result<CertificateRecord> certificate_of_intent(const nlohmann::json& intent);

}  // namespace chancery
