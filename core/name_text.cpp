#include "core/name_text.h"

#include <algorithm>
#include <array>

#include "core/der.h"
#include "core/oid.h"
#include "core/visible_text.h"

namespace chancery {
namespace {

struct ShortName {
  std::string_view oid, name;
};
/// RFC 4514 section 3, as far as certificates have them.
constexpr std::array kShortNames = {
    ShortName{oid::common_name, "CN"},
    ShortName{oid::locality, "L"},
    ShortName{oid::state, "ST"},
    ShortName{oid::organization, "O"},
    ShortName{oid::organizational_unit, "OU"},
    ShortName{oid::country, "C"},
    ShortName{oid::street, "STREET"},
    ShortName{oid::domain_component, "DC"},
    ShortName{oid::user_id, "UID"},
};

/// RFC 4514 section 2.4.
std::string escaped(std::string_view value) {
  std::string text;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    const bool outer_space = c == ' ' && (i == 0 || i + 1 == value.size());
    const bool special = std::string_view("\"+,;<>\\").find(c) != std::string_view::npos;
    if (outer_space || special || (c == '#' && i == 0)) text += '\\';
    text += c;
  }
  return text;
}

Result<std::string> read_value(const DerElement& value, std::string_view type,
                               const std::string& field) {
  const std::string_view text = text_of(value.content);
  const bool ia5 = value.tag == der::ia5_string && type == oid::domain_component;
  if (value.tag != der::utf8_string && value.tag != der::printable_string && !ia5) {
    return invalid(field, field + " has a value that is neither UTF8String nor PrintableString");
  }
  if (text.empty()) return invalid(field, field + " has an empty value");
  RETURN_IF_ERROR(count_visible(text, field));
  const bool ascii = std::ranges::all_of(text, [](char c) { return c > 0; });
  if (value.tag != der::utf8_string && !ascii) {
    return invalid(field, field + " has characters that its type of string cannot have");
  }
  return std::string(text);
}

Result<std::string> read_attribute(DerReader attribute, NameText& name) {
  const std::string field(attribute.field());
  ASSIGN_OR_RETURN(const ByteView type, attribute.oid());
  ASSIGN_OR_RETURN(const DerElement value, attribute.any());
  RETURN_IF_ERROR(attribute.end());
  if (text_of(type) == oid::email_address) {
    return invalid(field, field + " has an emailAddress; put it into the subjectAltName");
  }
  const auto known = std::ranges::find(kShortNames, text_of(type), &ShortName::oid);
  if (known == kShortNames.end()) return oid_text(type) + "=#" + to_hex(value.whole);
  ASSIGN_OR_RETURN(std::string text, read_value(value, text_of(type), field));
  std::string written = std::string(known->name) + "=" + escaped(text);
  if (text_of(type) == oid::common_name) name.common_names.push_back(std::move(text));
  return written;
}

Result<std::string> read_rdn(DerReader rdn, NameText& name) {
  std::string text;
  ByteView before;
  do {  // SIZE (1..MAX)
    ASSIGN_OR_RETURN(const DerElement attribute, rdn.element(der::sequence));
    if (!std::ranges::lexicographical_compare(before, attribute.whole)) {
      return invalid(std::string(rdn.field()),
                     std::string(rdn.field()) + " has an RDN that is not in DER's order");
    }
    before = attribute.whole;
    ASSIGN_OR_RETURN(const std::string one,
                     read_attribute(DerReader(attribute.content, rdn.field()), name));
    text += (text.empty() ? "" : "+") + one;
  } while (!rdn.at_end());
  return text;
}

}  // namespace

Result<NameText> read_name_text(ByteView der, std::string_view field) {
  DerReader outer(der, field);
  ASSIGN_OR_RETURN(DerReader rdns, outer.enter(der::sequence));
  RETURN_IF_ERROR(outer.end());
  NameText name;
  std::vector<std::string> texts;
  while (!rdns.at_end()) {
    ASSIGN_OR_RETURN(const DerReader rdn, rdns.enter(der::set));
    ASSIGN_OR_RETURN(std::string text, read_rdn(rdn, name));
    texts.push_back(std::move(text));
  }
  for (auto text = texts.rbegin(); text != texts.rend(); ++text) {
    name.text += (name.text.empty() ? "" : ",") + *text;
  }
  return name;
}

}  // namespace chancery
