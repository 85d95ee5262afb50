#pragma once

#include "core/bytes.h"
#include "core/message_class.h"

namespace chancery {

/// An OpenSSH certificate up to its signature, which is what is signed (PROTOCOL.certkeys).
struct SshCertificateBody {
  ByteView signature_key;  ///< of the CA, as ssh_public_key() writes it; views into the message
  MessageContent content;
};

/// invalid_request on "data" or "data.FIELD": a type other than RSA's, ECDSA's and Ed25519's (of a
/// security key too), a key that is not one of its type, a nonce below 16 bytes, options that are
/// not in the order of their names, once each, bytes where there must be none.
Result<SshCertificateBody> parse_ssh_certificate(ByteView message, Time at);

}  // namespace chancery
