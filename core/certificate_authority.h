#pragma once

#include "core/certificate.h"
#include "core/key.h"
#include "core/store.h"

namespace chancery {

/// A CA of this service: its record, its key in the token, and its side of what it issues.
struct CertificateAuthority {
  CaRecord record;
  Serial serial;   ///< of its certificate
  const Key* key;  ///< owned by the KeyRing
  Issuer issuer;
};

}  // namespace chancery
