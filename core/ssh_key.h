#pragma once

#include "core/public_key.h"

namespace chancery {

/// The key as SSH writes it: RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8709 section 4.
Bytes ssh_public_key(const PublicKey& key);

}  // namespace chancery
