#pragma once

#include <string>
#include <vector>

#include "core/face.h"

namespace chancery {

/// A certificate whose published faces are to be asked.
struct FaceSubject {
  CertificatePlaces places;
  Bytes certificate;  ///< DER; empty where nobody has it
  /// Of one that nobody has: its CA's certificate, as its service says (DER).
  Bytes issuer;
  /// Ask there in place of the address that the certificate names; empty: as it says.
  std::string public_url;
};

/// What each face says of it: the CRL of all certificates of its CA, the one that it names where
/// that is another, the delta that the first names, and OCSP, signed for this question and as it is
/// kept for everybody. Each is checked with the CA's certificate, which is fetched as well. A face
/// that cannot be asked, read or verified is unavailable, and says why.
std::vector<FaceView> look_at_faces(const FaceFetch& fetch, const FaceSubject& subject);

}  // namespace chancery
