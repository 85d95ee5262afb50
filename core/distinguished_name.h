#pragma once

#include "core/profile.h"
#include "core/subject.h"

namespace chancery {

/// One row an attribute of Subject; in the order in which names are encoded, from the widest.
struct SubjectAttribute {
  SubjectField field;
  std::string_view oid;  ///< content octets
  std::string Subject::*member;
  std::size_t characters_at_most;  ///< RFC 5280 appendix A.1, upper bounds
};
std::span<const SubjectAttribute> subject_attributes();

/// DER Name (RFC 5280 section 4.1.2.4): one attribute an RDN, in the table's order, country as
/// PrintableString and the others as UTF8String.
Bytes encode_name(const Subject& subject);

/// What decode_name() does with attributes that Subject has no place for.
enum class OtherAttributes {
  refuse,    ///< a request: what it asks for is certified as it stands, or not at all
  pass_over  ///< somebody else's certificate
};

/// Reads a DER Name. invalid_request on `field` (a literal), or `field`.ATTRIBUTE where one is
/// wrong: multi-valued RDN, string type other than UTF8String and PrintableString, and, unless
/// passed over, an unknown or repeated attribute. Values are checked by check_subject() only.
Result<Subject> decode_name(ByteView der, std::string_view field, OtherAttributes others);

/// invalid_request on `field`.ATTRIBUTE: country other than two capital letters, text that is not
/// UTF-8, too long, with control or invisible formatting characters, or with space around it.
Result<void> check_subject(const Subject& subject, std::string_view field);

}  // namespace chancery
