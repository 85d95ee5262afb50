#include "core/distinguished_name.h"

#include <algorithm>
#include <array>

#include "core/der.h"
#include "core/oid.h"
#include "core/visible_text.h"

namespace chancery {
namespace {

constexpr std::array kAttributes = {
    SubjectAttribute{SubjectField::country, oid::country, &Subject::country, 2},
    SubjectAttribute{SubjectField::organization, oid::organization, &Subject::organization, 64},
    SubjectAttribute{SubjectField::organizational_unit, oid::organizational_unit,
                     &Subject::organizational_unit, 64},
    SubjectAttribute{SubjectField::common_name, oid::common_name, &Subject::common_name, 64},
};

std::string field_of(std::string_view field, const SubjectAttribute& attribute) {
  return std::string(field) + '.' + std::string(name_of(attribute.field));
}

const SubjectAttribute* find_attribute(ByteView type) {
  for (const SubjectAttribute& attribute : kAttributes) {
    if (attribute.oid == text_of(type)) return &attribute;
  }
  return nullptr;
}

// PrintableString's alphabet, ITU-T X.680 section 41.4.
bool is_printable_string(std::string_view text) {
  constexpr std::string_view kMarks = " '()+,-./:=?";
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != kMarks.npos;
  });
}

Result<void> check_text(const std::string& text, std::size_t characters_at_most,
                        const std::string& field) {
  if (text.front() == ' ' || text.back() == ' ') {
    return invalid(field, field + " begins or ends with a space");
  }
  ASSIGN_OR_RETURN(const std::size_t characters, count_visible(text, field));
  if (characters > characters_at_most) {
    return invalid(field, field + " has " + std::to_string(characters) + " characters; at most " +
                              std::to_string(characters_at_most) + " are allowed");
  }
  return {};
}

Result<void> check_country(const std::string& text, const std::string& field) {
  const auto capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (text.size() != 2 || !capital(text[0]) || !capital(text[1])) {
    return invalid(field, field + " must be the two capital letters of an ISO 3166 code");
  }
  return {};
}

Result<std::string> decode_directory_string(const DerElement& value, const std::string& field) {
  const std::string_view text = text_of(value.content);
  if (value.tag != der::utf8_string && value.tag != der::printable_string) {
    return invalid(field, field + " must be a UTF8String or a PrintableString");
  }
  if (value.tag == der::printable_string && !is_printable_string(text)) {
    return invalid(field, field + " has characters that a PrintableString cannot have");
  }
  if (text.empty()) return invalid(field, field + " is empty");
  return std::string(text);
}

Result<void> decode_attribute(DerReader& attribute, Subject& subject, OtherAttributes others) {
  const std::string_view field = attribute.field();
  ASSIGN_OR_RETURN(const ByteView type, attribute.oid());
  ASSIGN_OR_RETURN(const DerElement value, attribute.any());
  RETURN_IF_ERROR(attribute.end());
  const SubjectAttribute* known = find_attribute(type);
  if (!known) {
    if (others == OtherAttributes::pass_over) return {};
    return invalid(std::string(field), std::string(field) + " has the attribute " + oid_text(type) +
                                           "; known are country, organization, "
                                           "organizational_unit and common_name");
  }
  const std::string name = field_of(field, *known);
  auto text = decode_directory_string(value, name);
  if (!text) {
    if (others == OtherAttributes::pass_over) return {};
    return Failure(std::move(text.error()));
  }
  std::string& member = subject.*known->member;
  if (!member.empty() && others == OtherAttributes::refuse) {
    return invalid(name, name + " appears twice");
  }
  member = std::move(*text);  // of a repeated one the last, which is the narrowest
  return {};
}

}  // namespace

std::span<const SubjectAttribute> subject_attributes() {
  return kAttributes;
}

Bytes encode_name(const Subject& subject) {
  DerWriter out;
  out.sequence([&] {
    for (const SubjectAttribute& attribute : kAttributes) {
      const std::string& value = subject.*attribute.member;
      if (value.empty()) continue;
      // RFC 5280 appendix A.1: X520countryName is a PrintableString.
      const std::uint8_t tag =
          attribute.field == SubjectField::country ? der::printable_string : der::utf8_string;
      out.nested(der::set, [&] {
        out.sequence([&] {
          out.oid(attribute.oid);
          out.element(tag, value);
        });
      });
    }
  });
  return out.take();
}

Result<Subject> decode_name(ByteView der, std::string_view field, OtherAttributes others) {
  DerReader outer(der, field);
  ASSIGN_OR_RETURN(DerReader rdns, outer.enter(der::sequence));
  RETURN_IF_ERROR(outer.end());
  Subject subject;
  while (!rdns.at_end()) {
    ASSIGN_OR_RETURN(DerReader rdn, rdns.enter(der::set));
    do {
      ASSIGN_OR_RETURN(DerReader attribute, rdn.enter(der::sequence));
      RETURN_IF_ERROR(decode_attribute(attribute, subject, others));
      if (!rdn.at_end() && others == OtherAttributes::refuse) {
        return invalid(std::string(field), std::string(field) +
                                               " has an RDN of several attributes; give each "
                                               "attribute an RDN of its own");
      }
    } while (!rdn.at_end());
  }
  return subject;
}

Result<void> check_subject(const Subject& subject, std::string_view field) {
  for (const SubjectAttribute& attribute : kAttributes) {
    const std::string& value = subject.*attribute.member;
    if (value.empty()) continue;
    const std::string name = field_of(field, attribute);
    if (attribute.field == SubjectField::country) {
      RETURN_IF_ERROR(check_country(value, name));
    } else {
      RETURN_IF_ERROR(check_text(value, attribute.characters_at_most, name));
    }
  }
  return {};
}

}  // namespace chancery
