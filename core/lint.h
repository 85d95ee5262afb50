#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/certificate.h"

namespace chancery {

/// One rule about a finished certificate.
struct LintRule {
  std::string_view name;    ///< "serial_positive", "alt_name_required", …
  std::string_view source;  ///< "RFC 5280 section 4.1.2.2", "profile", "draft", "issuer"
};

std::span<const LintRule> lint_rules();

/// Names of the rules that this certificate (DER, signed by anything) breaks; empty when it is
/// good. A certificate that does not parse breaks "der" and is not looked at further.
std::vector<std::string> lint(ByteView certificate, const Issuer& issuer,
                              const CertificateDraft& draft);

}  // namespace chancery
