#pragma once

#include "core/certificate.h"
#include "core/machine.h"

namespace chancery {

/// What a certificate says of the machine that it names; its name and serial are the inventory's to
/// say. unauthenticated where it has several SPIFFE IDs.
Result<Machine> machine_of(const CertificateInfo& info, ByteView der);

}  // namespace chancery
