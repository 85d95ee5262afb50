#pragma once

#include "core/extension.h"

namespace chancery {

/// A Certificate (RFC 5280 section 4.1) taken apart and not judged; views into the input.
struct CertificateView {
  ByteView tbs;
  int version = 0;                            ///< as encoded: 2 is v3
  ByteView serial;                            ///< content octets
  ByteView inner_algorithm, outer_algorithm;  ///< whole AlgorithmIdentifiers
  ByteView issuer, subject;                   ///< whole Names
  DerElement not_before_element, not_after_element;
  Time not_before, not_after;
  ByteView spki;  ///< whole SubjectPublicKeyInfo
  bool unique_ids = false;
  ExtensionViews extensions;
  ByteView signature;  ///< octets of the BIT STRING

  [[nodiscard]] const ExtensionView* extension(std::string_view oid) const {
    return find_extension(extensions, oid);
  }
};

/// invalid_request (field "certificate") when `der` is not strictly DER of this structure.
Result<CertificateView> read_certificate(ByteView der);
/// The same of a TBSCertificate alone, on `field` (a literal): there is no outer algorithm and no
/// signature.
Result<CertificateView> read_tbs_certificate(ByteView der, std::string_view field);

}  // namespace chancery
