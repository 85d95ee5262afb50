#pragma once

#include <string>
#include <vector>

#include "core/bytes.h"

namespace chancery {

/// A distinguished name as text.
struct NameText {
  std::string text;  ///< RFC 4514: "CN=www,O=Example", the last RDN first
  std::vector<std::string> common_names;
};

/// Reads a DER Name (RFC 5280 section 4.1.2.4). Attributes without a short name in RFC 4514 stand
/// there by their numbers, with their value's DER in hexadecimal. invalid_request on `field` (a
/// literal): values other than UTF8String, PrintableString and, of a domainComponent, IA5String;
/// text that is not visible; an emailAddress, whose place is the subject alternative name (section
/// 4.1.2.6); an RDN that is not DER's SET OF.
Result<NameText> read_name_text(ByteView der, std::string_view field);

}  // namespace chancery
