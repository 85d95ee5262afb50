#pragma once

#include "core/der.h"
#include "core/subject.h"

namespace chancery {

/// GeneralName's context tags that Chancery certifies (RFC 5280 section 4.2.1.6).
namespace general_name {
inline constexpr std::uint8_t email = der::primitive(1);
inline constexpr std::uint8_t dns = der::primitive(2);
inline constexpr std::uint8_t uri = der::primitive(6);
inline constexpr std::uint8_t ip = der::primitive(7);
}  // namespace general_name

/// Writes GeneralNames; `names` must have passed check_alt_names().
void write_alt_names(DerWriter& out, const SubjectAltNames& names);

/// What decode_alt_names() does with types other than those four.
enum class OtherNames { refuse, pass_over };

/// Reads DER GeneralNames into canonical form (host names in lower case, addresses in inet_ntop's
/// form). invalid_request on `field` (a literal): none, another type unless passed over, an
/// address of neither 4 nor 16 octets, characters other than printable ASCII.
Result<SubjectAltNames> decode_alt_names(ByteView der, std::string_view field, OtherNames others);

/// invalid_request on `field`: more than limits::subject_alt_names, a name that is not of its type
/// (subject.h), one that appears twice.
Result<void> check_alt_names(const SubjectAltNames& names, std::string_view field);

}  // namespace chancery
