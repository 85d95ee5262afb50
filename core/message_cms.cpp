#include "core/message_cms.h"

#include <algorithm>

#include "core/algorithm.h"
#include "core/der.h"
#include "core/limits.h"
#include "core/message_values.h"
#include "core/oid.h"

namespace chancery {
namespace {

const std::string kField = "data";
constexpr std::uint8_t kConstructed = 0x20;  // X.690 section 8.1.2.5

/// Members of a SET OF come in the order of their encodings (X.690 section 11.6), and here once.
Result<void> check_order(ByteView before, ByteView next) {
  if (std::ranges::lexicographical_compare(before, next)) return {};
  return invalid(kField, "data has attributes that are not in DER's order (X.690 section 11.6)");
}

/// Whether all that is in there is DER, as far as one can see without knowing its types.
Result<void> check_der(DerReader in, bool is_set, int depth) {
  if (depth == 0) return invalid(kField, "data has an attribute that is nested too deeply");
  ByteView before;
  while (!in.at_end()) {
    ASSIGN_OR_RETURN(const DerElement element, in.any());
    if (is_set) RETURN_IF_ERROR(check_order(before, element.whole));
    before = element.whole;
    if (element.tag & kConstructed) {
      RETURN_IF_ERROR(
          check_der(DerReader(element.content, kField), element.tag == der::set, depth - 1));
    }
  }
  return {};
}

struct Attribute {
  ByteView type;
  ByteView values;  ///< content of the SET OF
};

Result<Attribute> read_attribute(ByteView content) {
  DerReader in(content, kField);
  Attribute attribute;
  ASSIGN_OR_RETURN(attribute.type, in.oid());
  ASSIGN_OR_RETURN(const DerElement values, in.element(der::set));
  RETURN_IF_ERROR(in.end());
  if (values.content.empty()) {
    return invalid(kField, "data has an attribute " + oid_text(attribute.type) + " without value");
  }
  RETURN_IF_ERROR(check_der(DerReader(values.content, kField), true, limits::message_depth));
  attribute.values = values.content;
  return attribute;
}

Result<void> add_content_type(const Attribute& attribute, MessageContent& content) {
  DerReader values(attribute.values, kField);
  ASSIGN_OR_RETURN(const ByteView type, values.oid());
  RETURN_IF_ERROR(values.end());
  return add_value(content, "content_type", oid_text(type), kField);
}

Result<void> check_digest(const Attribute& attribute) {
  DerReader values(attribute.values, kField);
  ASSIGN_OR_RETURN(const DerElement digest, values.element(der::octet_string));
  RETURN_IF_ERROR(values.end());
  const bool known = std::ranges::any_of(
      digests(), [&](const DigestRow& row) { return row.size == digest.content.size(); });
  if (known) return {};
  return invalid(kField, "data has a messageDigest of " + std::to_string(digest.content.size()) +
                             " bytes; use SHA-256, SHA-384 or SHA-512");
}

bool has(const std::vector<std::string_view>& types, std::string_view type) {
  return std::ranges::find(types, type) != types.end();
}

Result<DerReader> open(ByteView message) {
  DerReader outer(message, kField);
  if (outer.next_is(der::constructed(0))) {
    return invalid(
        kField,
        "data begins with a0, as attributes stand in a SignerInfo; what is signed is the "
        "SET OF, which begins with 31 (RFC 5652 section 5.4)");
  }
  ASSIGN_OR_RETURN(const DerReader attributes, outer.enter(der::set));
  RETURN_IF_ERROR(outer.end());
  return attributes;
}

}  // namespace

Result<MessageContent> parse_cms_attributes(ByteView message) {
  MessageContent content{.message_class = MessageClass::cms_attributes, .fields = {}};
  ASSIGN_OR_RETURN(DerReader attributes, open(message));
  std::vector<std::string_view> types;
  ByteView before;
  while (!attributes.at_end()) {
    ASSIGN_OR_RETURN(const DerElement element, attributes.element(der::sequence));
    RETURN_IF_ERROR(check_order(before, element.whole));
    before = element.whole;
    ASSIGN_OR_RETURN(const Attribute attribute, read_attribute(element.content));
    const std::string_view type = text_of(attribute.type);
    if (has(types, type)) {
      return invalid(kField, "data has the attribute " + oid_text(attribute.type) + " twice");
    }
    types.push_back(type);
    if (types.size() > limits::message_members) {
      return invalid(
          kField, "data has more than " + std::to_string(limits::message_members) + " attributes");
    }
    if (type == oid::cms_content_type) RETURN_IF_ERROR(add_content_type(attribute, content));
    if (type == oid::cms_message_digest) RETURN_IF_ERROR(check_digest(attribute));
  }
  if (!has(types, oid::cms_content_type) || !has(types, oid::cms_message_digest)) {
    return invalid(kField, "data has no contentType or no messageDigest (RFC 5652 section 11)");
  }
  return content;
}

}  // namespace chancery
