#pragma once

#include <optional>

#include "core/bytes.h"
#include "core/message_class.h"
#include "core/public_key.h"

namespace chancery {

/// What the key is bound to that is asked to sign a message, and how it is to sign.
struct MessageBinding {
  MessageClass message_class = MessageClass::data;
  std::string_view context;  ///< of class data; may be empty
  SignatureAlgorithm algorithm{};
  const PublicKey& public_key;
};

/// Reads the message as the class that the key is bound to; `at` is now. invalid_request on "data"
/// or "data.PART" where it is not one, or says that somebody else signs it, or by another
/// algorithm. conflict (field "data") where the key signs digests only.
///
/// A key for data signs anything for which class_resembled() finds nothing, and with a context what
/// also begins with that and a NUL. That can be none of the other classes: a context begins with a
/// letter, DER with 30 or 31, an SSH certificate with the four octets of a length, of which a
/// letter in front would mean a gigabyte; and a JWT has no NUL. Nor can it be of another context,
/// as no context has a NUL.
Result<MessageContent> read_message(ByteView message, const MessageBinding& binding, Time at);

/// Which class a lenient reader might take the message for: jwt, ssh_certificate, certificate, crl
/// or cms_attributes. Looks at the beginning only, so as to find also what the readers here refuse
/// and others take: BER, base64 with other characters between, a JSON object in UTF-16.
std::optional<MessageClass> class_resembled(ByteView message);

/// A context is 1 to limits::context_bytes letters, digits and ". _ / -", the first one a letter.
/// invalid_request (field "context").
Result<void> check_context(std::string_view context);

/// Whether keys of this class can sign by the algorithm: SSH has no PSS and no SHA-384 with RSA,
/// and Ed25519 signs no digests.
bool suits(MessageClass message_class, SignatureAlgorithm algorithm);

}  // namespace chancery
