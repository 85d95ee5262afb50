#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/der.h"

namespace chancery {

/// One extension as it stands in a request, certificate or CRL; views into the input.
struct ExtensionView {
  ByteView oid;
  bool critical = false;
  ByteView value;  ///< content of extnValue
};
using ExtensionViews = std::vector<ExtensionView>;

/// Reads Extensions (RFC 5280 section 4.1) from `list`, a reader of its content, to the end.
/// Repeated extensions are read like others: see has_repeated().
Result<ExtensionViews> read_extensions(DerReader& list);
[[nodiscard]] bool has_repeated(const ExtensionViews& extensions);
/// The first one with this OID, or nullptr.
const ExtensionView* find_extension(const ExtensionViews& extensions, std::string_view oid);

/// Writes one Extension; `body` writes what is inside extnValue.
template <class Body>
void write_extension(DerWriter& out, std::string_view oid, bool critical, Body&& body) {
  out.sequence([&] {
    out.oid(oid);
    if (critical) out.boolean_true();
    out.nested(der::octet_string, body);
  });
}

struct BasicConstraints {
  bool ca = false;
  std::optional<int> path_length;
};
/// RFC 5280 section 4.2.1.9.
Result<BasicConstraints> decode_basic_constraints(ByteView value, std::string_view field);

/// RFC 5280 section 4.2.1.3, bits as DerReader::named_bits gives them.
Result<unsigned> decode_key_usage(ByteView value, std::string_view field);

/// RFC 5280 section 4.2.1.12: content octets of the purposes' OIDs.
Result<std::vector<ByteView>> decode_extended_key_usage(ByteView value, std::string_view field);

/// RFC 5280 section 4.2.1.2.
Result<ByteView> decode_subject_key_id(ByteView value, std::string_view field);

/// RFC 5280 section 4.2.1.1; empty where keyIdentifier is absent.
Result<ByteView> decode_authority_key_id(ByteView value, std::string_view field);

/// RFC 7093 section 2, method 1: the leftmost 160 bits of the SHA-256 of the subjectPublicKey BIT
/// STRING's octets. `spki` is valid DER SubjectPublicKeyInfo.
Bytes key_id_of(ByteView spki);

/// Writes DistributionPointName fullName with one URI, in the [0] that CRLDistributionPoints and
/// IssuingDistributionPoint share (RFC 5280 sections 4.2.1.13 and 5.2.5).
void write_distribution_point_name(DerWriter& out, std::string_view uri);
/// The one URI of such a DistributionPointName, which is the next element of `in`.
Result<std::string> read_distribution_point_name(DerReader& in);
/// CRLDistributionPoints with one point and one URI (section 4.2.1.13); FreshestCRL has the same
/// syntax.
void write_distribution_points(DerWriter& out, std::string_view uri);
Result<std::string> read_distribution_points(ByteView value, std::string_view field);

void write_authority_key_id(DerWriter& out, ByteView key_id);

}  // namespace chancery
