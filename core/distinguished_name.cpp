#include "core/distinguished_name.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/der.h"
#include "core/oid.h"

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

// Takes the next code point off `text`; nothing for what RFC 3629 does not allow.
std::optional<char32_t> next_code_point(std::string_view& text) {
  const auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = octet(0);
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || text.size() < size) return std::nullopt;
  char32_t value = size == 1 ? lead : lead & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((octet(i) & 0xc0) != 0x80) return std::nullopt;
    value = (value << 6) | (octet(i) & 0x3fU);
  }
  const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (overlong || surrogate || value > 0x10ffff) return std::nullopt;
  text.remove_prefix(size);
  return value;
}

// Characters that a reader does not see or that change what he sees around them: two names that
// look the same must not differ in these.
bool is_deceptive(char32_t c) {
  struct Range {
    char32_t first, last;
  };
  constexpr std::array kRanges = {
      Range{0x0000, 0x001f},   Range{0x007f, 0x009f},  // controls
      Range{0x00ad, 0x00ad},   Range{0x061c, 0x061c}, Range{0x180e, 0x180e},
      Range{0x200b, 0x200f},   Range{0x2028, 0x202e},  // zero width, separators, bidi
      Range{0x2060, 0x206f},   Range{0xfeff, 0xfeff}, Range{0xfff0, 0xffff},
      Range{0xe0000, 0xe0fff},  // tags
  };
  return std::any_of(kRanges.begin(), kRanges.end(),
                     [c](Range range) { return c >= range.first && c <= range.last; });
}

Result<void> check_text(const std::string& text, std::size_t characters_at_most,
                        const std::string& field) {
  if (text.front() == ' ' || text.back() == ' ') {
    return invalid(field, field + " begins or ends with a space");
  }
  std::string_view rest = text;
  std::size_t characters = 0;
  for (; !rest.empty(); ++characters) {
    const std::optional<char32_t> c = next_code_point(rest);
    if (!c) return invalid(field, field + " is not UTF-8");
    if (is_deceptive(*c)) {
      return invalid(field, field + " contains a NUL, control or invisible character");
    }
  }
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
