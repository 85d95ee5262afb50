#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"

namespace chancery {

/// What the bytes are that a machine has signed. A key is bound to one of these when it is made,
/// and the service reads the bytes as that and nothing else: a signature of one class never passes
/// for one of another.
enum class MessageClass {
  data,             ///< bytes that are none of the others
  jwt,              ///< the signing input of a JWT: RFC 7515 section 5.1, RFC 7519 section 4
  ssh_certificate,  ///< an OpenSSH certificate up to its signature: PROTOCOL.certkeys
  certificate,      ///< TBSCertificate: RFC 5280 section 4.1
  crl,              ///< TBSCertList: RFC 5280 section 5.1
  cms_attributes,   ///< SignedAttributes as a SET OF: RFC 5652 section 5.4
  digest,           ///< a hash that the service has not made, so of anything
};
/// "data", "jwt", "ssh-certificate", "certificate", "crl", "cms-attributes", "digest".
std::string_view name_of(MessageClass message_class);
Result<MessageClass> parse_message_class(std::string_view name);

/// One thing that a message says, by which the policy may judge it: "issuer" of a JWT, "principal"
/// of an SSH certificate, "context" of data.
struct MessageField {
  std::string name;
  std::vector<std::string> values;  ///< as text; several where the field has several
};

/// What was read from the bytes that are to be signed.
struct MessageContent {
  MessageClass message_class{};
  std::vector<MessageField> fields;      ///< those that are there, none twice
  std::optional<Seconds> lifetime = {};  ///< of what the message makes valid; none: no end
};

}  // namespace chancery
