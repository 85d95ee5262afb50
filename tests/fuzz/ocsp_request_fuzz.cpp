// OCSP requests, as anybody may send them. What we read, OpenSSL reads the same.

#include <openssl/ocsp.h>

#include <cstddef>
#include <cstdint>

#include "core/limits.h"
#include "core/ocsp_request.h"
#include "core/openssl_ptr.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chancery;
  const auto request = parse_ocsp_request({data, size});
  if (!request) {
    CHECK(request.error().code == ErrorCode::invalid_request);
    return 0;
  }
  CHECK(!request->certificates.empty());
  CHECK(request->certificates.size() <= limits::ocsp_certificates);
  const std::uint8_t* cursor = data;
  const HandlePtr<OCSP_REQUEST, OCSP_REQUEST_free> other(
      d2i_OCSP_REQUEST(nullptr, &cursor, static_cast<long>(size)));
  if (!other) return 0;  // OpenSSL also judges what we pass over, such as a requestor's name
  CHECK(OCSP_request_onereq_count(other.get()) == static_cast<int>(request->certificates.size()));
  for (std::size_t i = 0; i < request->certificates.size(); ++i) {
    OCSP_CERTID* id =
        OCSP_onereq_get0_id(OCSP_request_onereq_get0(other.get(), static_cast<int>(i)));
    ASN1_OCTET_STRING* name_hash = nullptr;
    ASN1_OCTET_STRING* key_hash = nullptr;
    ASN1_INTEGER* serial = nullptr;
    ASN1_OBJECT* hash = nullptr;
    OCSP_id_get0_info(&name_hash, &hash, &key_hash, &serial, id);
    const auto is = [](ByteView ours, const ASN1_STRING* theirs) {
      return text_of(ours) == text_of({ASN1_STRING_get0_data(theirs),
                                       static_cast<std::size_t>(ASN1_STRING_length(theirs))});
    };
    CHECK(is(request->certificates[i].issuer_name_hash, name_hash));
    CHECK(is(request->certificates[i].issuer_key_hash, key_hash));
  }
  return 0;
}
