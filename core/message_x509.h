#pragma once

#include "core/bytes.h"
#include "core/message_class.h"

namespace chancery {

/// A TBSCertificate or TBSCertList.
struct X509Message {
  ByteView algorithm;  ///< whole AlgorithmIdentifier of its `signature`; views into the message
  MessageContent content;
};

/// TBSCertificate (RFC 5280 section 4.1). invalid_request on "data" or "data.PART": what is not
/// strictly DER of a v3 certificate; names that read_name_text() or check_alt_names() refuse, or
/// alternative names of other types; a public key of a kind that is not certified here; an
/// extension twice; what would never be valid.
Result<X509Message> parse_tbs_certificate(ByteView message, Time at);

/// TBSCertList, v2 (section 5.1), likewise.
Result<X509Message> parse_tbs_crl(ByteView message, Time at);

}  // namespace chancery
