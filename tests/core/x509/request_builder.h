#pragma once

#include <functional>

#include "core/der.h"
#include "tests/core/x509/software_ca.h"

namespace chancery::test {

/// A CertificationRequest put together from DER parts, any of which may be wrong; what comes out
/// is signed, so that only the wrong part is wrong.
struct RequestBuilder {
  const SoftwareKey* key = &SoftwareKey::shared(KeyType::ec_p256);
  SignatureAlgorithm algorithm = SignatureAlgorithm::ecdsa_p256_sha256;
  unsigned version = 0;
  Bytes subject = encode_subject({{"\x55\x04\x03", der::utf8_string, "www"}});
  Bytes spki;                  ///< default: the key's
  Bytes attributes;            ///< content of [0]
  Bytes signature_identifier;  ///< default: the algorithm's

  struct Attribute {
    std::string_view oid;
    std::uint8_t tag;
    std::string_view value;
  };
  /// A Name of one RDN an attribute.
  static Bytes encode_subject(const std::vector<Attribute>& attributes);

  /// Adds an attribute with one value that `write` writes.
  RequestBuilder& add_attribute(std::string_view oid, const std::function<void(DerWriter&)>& write);
  /// Adds an extensionRequest; `write` writes the extensions.
  RequestBuilder& add_extensions(const std::function<void(DerWriter&)>& write);
  /// Adds an extensionRequest with a subjectAltName of these GeneralNames.
  RequestBuilder& add_alt_names(
      const std::vector<std::pair<std::uint8_t, std::string_view>>& names);

  [[nodiscard]] Bytes info() const;
  [[nodiscard]] Bytes build() const;
};

}  // namespace chancery::test
