#pragma once

#include "core/store.h"

namespace chancery {

/// The certificate that an intent with a "serial" is about, without what only its outcome knows:
/// `der` and `outcome` are empty, `state` is unknown. The intent's members are serial, issuer,
/// profile, owner (absent: empty), not_before, not_after, spki_sha256, of a renewal replaces.
/// invalid_request. `Entry` is nlohmann::json or EntryView.
template <class Entry>
Result<CertificateRecord> certificate_of_intent(const Entry& intent);

}  // namespace chancery
