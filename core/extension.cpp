#include "core/extension.h"

#include "core/algorithm.h"
#include "core/alt_name.h"
#include "core/oid.h"

namespace chancery {

Result<ExtensionViews> read_extensions(DerReader& list) {
  ExtensionViews extensions;
  while (!list.at_end()) {
    ASSIGN_OR_RETURN(DerReader in, list.enter(der::sequence));
    ExtensionView extension;
    ASSIGN_OR_RETURN(extension.oid, in.oid());
    if (in.next_is(der::boolean)) {
      ASSIGN_OR_RETURN(extension.critical, in.boolean());
      if (!extension.critical) {  // X.690 section 11.5: a default value is not encoded
        return invalid(
            std::string(in.field()),
            std::string(in.field()) + " is not valid DER: critical FALSE is written out");
      }
    }
    ASSIGN_OR_RETURN(const DerElement value, in.element(der::octet_string));
    RETURN_IF_ERROR(in.end());
    extension.value = value.content;
    extensions.push_back(extension);
  }
  return extensions;
}

bool has_repeated(const ExtensionViews& extensions) {
  for (std::size_t i = 0; i < extensions.size(); ++i) {
    if (find_extension(extensions, text_of(extensions[i].oid)) != &extensions[i]) return true;
  }
  return false;
}

const ExtensionView* find_extension(const ExtensionViews& extensions, std::string_view oid) {
  for (const ExtensionView& extension : extensions) {
    if (text_of(extension.oid) == oid) return &extension;
  }
  return nullptr;
}

Result<BasicConstraints> decode_basic_constraints(ByteView value, std::string_view field) {
  DerReader outer(value, field);
  ASSIGN_OR_RETURN(DerReader in, outer.enter(der::sequence));
  RETURN_IF_ERROR(outer.end());
  BasicConstraints constraints;
  if (in.next_is(der::boolean)) {
    // FALSE is the default and DER leaves it out, but several tools write it in requests.
    ASSIGN_OR_RETURN(constraints.ca, in.boolean());
  }
  if (!in.at_end()) {
    ASSIGN_OR_RETURN(constraints.path_length, in.small_integer());
  }
  RETURN_IF_ERROR(in.end());
  return constraints;
}

Result<unsigned> decode_key_usage(ByteView value, std::string_view field) {
  DerReader in(value, field);
  ASSIGN_OR_RETURN(const unsigned bits, in.named_bits());
  RETURN_IF_ERROR(in.end());
  return bits;
}

Result<std::vector<ByteView>> decode_extended_key_usage(ByteView value, std::string_view field) {
  DerReader outer(value, field);
  ASSIGN_OR_RETURN(DerReader in, outer.enter(der::sequence));
  RETURN_IF_ERROR(outer.end());
  std::vector<ByteView> purposes;
  do {  // SIZE (1..MAX)
    ASSIGN_OR_RETURN(const ByteView purpose, in.oid());
    purposes.push_back(purpose);
  } while (!in.at_end());
  return purposes;
}

Result<ByteView> decode_subject_key_id(ByteView value, std::string_view field) {
  DerReader in(value, field);
  ASSIGN_OR_RETURN(const DerElement key_id, in.element(der::octet_string));
  RETURN_IF_ERROR(in.end());
  return key_id.content;
}

Result<ByteView> decode_authority_key_id(ByteView value, std::string_view field) {
  DerReader outer(value, field);
  ASSIGN_OR_RETURN(DerReader in, outer.enter(der::sequence));
  RETURN_IF_ERROR(outer.end());
  if (!in.next_is(der::primitive(0))) return ByteView{};
  ASSIGN_OR_RETURN(const DerElement key_id, in.any());
  return key_id.content;
}

Bytes key_id_of(ByteView spki) {
  DerReader outer(spki, "public_key");
  auto in = outer.enter(der::sequence);
  CHECK(in && in->element(der::sequence));
  const auto key = in->bit_string();
  CHECK(key);
  Bytes key_id = sha256(*key);
  key_id.resize(20);
  return key_id;
}

void write_distribution_point_name(DerWriter& out, std::string_view uri) {
  // The outer tag is explicit although the module is IMPLICIT: DistributionPointName is a CHOICE.
  out.nested(der::constructed(0), [&] {
    out.nested(der::constructed(0), [&] { out.element(general_name::uri, uri); });
  });
}

Result<std::string> read_distribution_point_name(DerReader& in) {
  ASSIGN_OR_RETURN(DerReader name, in.enter(der::constructed(0)));
  ASSIGN_OR_RETURN(DerReader full_name, name.enter(der::constructed(0)));
  RETURN_IF_ERROR(name.end());
  ASSIGN_OR_RETURN(const DerElement uri, full_name.element(general_name::uri));
  RETURN_IF_ERROR(full_name.end());
  return std::string(text_of(uri.content));
}

void write_distribution_points(DerWriter& out, std::string_view uri) {
  out.sequence([&] { out.sequence([&] { write_distribution_point_name(out, uri); }); });
}

Result<std::string> read_distribution_points(ByteView value, std::string_view field) {
  DerReader outer(value, field);
  ASSIGN_OR_RETURN(DerReader points, outer.enter(der::sequence));
  RETURN_IF_ERROR(outer.end());
  ASSIGN_OR_RETURN(DerReader point, points.enter(der::sequence));
  RETURN_IF_ERROR(points.end());
  ASSIGN_OR_RETURN(std::string uri, read_distribution_point_name(point));
  RETURN_IF_ERROR(point.end());
  return uri;
}

void write_authority_key_id(DerWriter& out, ByteView key_id) {
  write_extension(out, oid::authority_key_id, false,
                  [&] { out.sequence([&] { out.element(der::primitive(0), key_id); }); });
}

}  // namespace chancery
