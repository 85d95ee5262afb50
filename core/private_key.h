#pragma once

#include "core/public_key.h"
#include "core/secret.h"

namespace chancery {

/// A new P-256 key pair in this process's memory, for what does not belong into the token: the
/// service's own TLS key, and identities of people and machines that keep their key themselves.
struct SoftwareKey {
  PublicKey public_key;
  Secret pem;  ///< PKCS#8
};
SoftwareKey generate_software_key();

}  // namespace chancery
