#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/identity.h"

namespace chancery {

/// A certificate fresh from the service (schema Certificate in api/openapi.json).
struct IssuedCertificate {
  std::string certificate;  ///< PEM
  std::string chain;        ///< PEM
  CertificateSummary summary;
};

/// Reads the answer. internal when the certificate is not for the key with this
/// SubjectPublicKeyInfo: it must then not take the place of a good one.
Result<IssuedCertificate> read_issued(const nlohmann::json& answer, const Bytes& spki);

/// Stores it in `directory`, with `key` where it was made here. Returns the answer with a member
/// "files", the paths by what they hold.
Result<nlohmann::json> store_issued(const std::string& directory, const IssuedCertificate& issued,
                                    const Secret* key, nlohmann::json answer);

/// "DONE SERIAL for NAME until TIME → DIR/cert.pem"
std::string describe_issued(const std::string& done, const IssuedCertificate& issued,
                            const std::string& directory);

}  // namespace chancery
