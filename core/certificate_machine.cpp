#include "core/certificate_machine.h"

namespace chancery {

Result<Machine> machine_of(const CertificateInfo& info, ByteView der) {
  Machine machine;
  machine.fingerprint = certificate_fingerprint(der);
  machine.dns_names = info.names.dns;
  for (const std::string& uri : info.names.uri) {
    if (!uri.starts_with("spiffe://")) continue;
    // X509-SVID section 2: exactly one. Which one of several is meant, nobody can say.
    if (!machine.spiffe_id.empty()) {
      return fail(ErrorCode::unauthenticated,
                  "the client certificate has more than one SPIFFE ID; it must have one at most");
    }
    machine.spiffe_id = uri;
  }
  machine.certificate_since = info.not_before;
  machine.key_sha256 = sha256(info.spki);
  return machine;
}

}  // namespace chancery
