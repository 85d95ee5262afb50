#pragma once

#include "core/bytes.h"
#include "core/message_class.h"

namespace chancery {

/// SignedAttributes as they are signed: a SET OF Attribute in DER (RFC 5652 section 5.4).
/// invalid_request on "data": what is not DER, members that are not in DER's order, one type twice,
/// contentType or messageDigest (sections 11.1 and 11.2) missing or with other than one value, a
/// digest of another length than SHA-256, SHA-384 and SHA-512 have.
Result<MessageContent> parse_cms_attributes(ByteView message);

}  // namespace chancery
