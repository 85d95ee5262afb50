#include "core/server_certificate.h"

#include "core/private_key.h"

namespace chancery {

Result<ServerCertificate> issue_server_certificate(SigningService& service, const Config& config) {
  SoftwareKey key = generate_software_key();
  SubjectAltNames names;
  for (const std::string& name : config.tls_names) {
    (normalize_ip(name) ? names.ip : names.dns).push_back(name);
  }
  const SigningRequest request =
      IssueCertificate{config.enrollment_ca,
                       ProfileName::literal("tls-server"),
                       {std::move(key.public_key), Subject{}, std::move(names)},
                       std::nullopt};
  ASSIGN_OR_RETURN(const Outcome outcome, service.sign(Instance::self(), request));
  ServerCertificate result{{outcome.certificate}, std::move(key.pem), outcome.not_after};
  ASSIGN_OR_RETURN(const CertificateAuthority* issuer, service.ca(config.enrollment_ca));
  while (issuer->record.issuer != issuer->record.name) {
    result.chain.push_back(issuer->record.certificate);
    ASSIGN_OR_RETURN(issuer, service.ca(issuer->record.issuer));
  }
  return result;
}

}  // namespace chancery
