#pragma once

#include <string>

#include "cli/command_line.h"

namespace chancery {

struct CertificateStatusOptions {
  std::string certificate;  ///< serial number or file
  std::string issuer;       ///< CA of a serial that the inventory does not have; may be empty
  std::string public_url;   ///< in place of that in the certificate; may be empty
};

/// `chancery status SERIAL|FILE`: what every face says of one certificate, and whether they agree.
Result<ExitCode> certificate_status(Session& session, const CertificateStatusOptions& options);

}  // namespace chancery
