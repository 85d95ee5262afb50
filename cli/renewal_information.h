#pragma once

#include <string>
#include <string_view>

#include "core/renewal_window.h"

namespace chancery {

/// When the service would have a certificate renewed (RFC 9773 section 4.2).
struct RenewalInformation {
  RenewalWindow window;
  std::string explanation_url = {};  ///< an http or https address, or empty
};

/// Reads the body of an answer. internal when it is no such object, or its window does not end
/// after it starts: that counts as no answer, as RFC 9773 section 4.2 wants it. Other members, and
/// an explanation that is no address, are passed over.
Result<RenewalInformation> parse_renewal_information(std::string_view body);

}  // namespace chancery
