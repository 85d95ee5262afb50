#include "core/ocsp_request.h"

#include "core/der.h"
#include "core/extension.h"
#include "core/limits.h"
#include "core/oid.h"

namespace chancery {
namespace {

constexpr std::string_view kField = "ocsp";
constexpr std::size_t kNonceBytes = 128;  // RFC 9654 section 2.1
constexpr std::size_t kSerialBytes = 20;  // RFC 5280 section 4.1.2.2

Failure malformed(const std::string& what) {
  return invalid(std::string(kField), what);
}

Result<OcspCertId> read_cert_id(DerReader& in) {
  OcspCertId id;
  ASSIGN_OR_RETURN(const DerElement whole, in.element(der::sequence));
  id.whole = whole.whole;
  DerReader fields(whole.content, kField);
  ASSIGN_OR_RETURN(DerReader algorithm, fields.enter(der::sequence));
  ASSIGN_OR_RETURN(const ByteView hash, algorithm.oid());
  // Parameters of these two are NULL or absent (RFC 5754 section 2).
  id.has_parameters = !algorithm.at_end();
  if (id.has_parameters) {
    ASSIGN_OR_RETURN(const DerElement parameters, algorithm.element(der::null));
    if (!parameters.content.empty()) return malformed("the hash has parameters");
  }
  RETURN_IF_ERROR(algorithm.end());
  id.is_sha256 = text_of(hash) == oid::sha256;
  if (!id.is_sha256 && text_of(hash) != oid::sha1) {
    return malformed("the hash of a CertID is neither SHA-1 nor SHA-256");
  }
  const std::size_t size = id.is_sha256 ? 32 : 20;
  ASSIGN_OR_RETURN(const DerElement name_hash, fields.element(der::octet_string));
  ASSIGN_OR_RETURN(const DerElement key_hash, fields.element(der::octet_string));
  ASSIGN_OR_RETURN(id.serial, fields.integer());
  RETURN_IF_ERROR(fields.end());
  id.issuer_name_hash = name_hash.content;
  id.issuer_key_hash = key_hash.content;
  if (id.issuer_name_hash.size() != size || id.issuer_key_hash.size() != size) {
    return malformed("a hash of a CertID has another length than its algorithm's");
  }
  if (id.serial.size() > kSerialBytes + 1) return malformed("a serial number is too long");
  return id;
}

/// Passes over extensions that are not critical; takes the nonce.
Result<void> read_extensions_of(DerReader& in, ByteView* nonce) {
  ASSIGN_OR_RETURN(DerReader list, in.enter(der::sequence));
  RETURN_IF_ERROR(in.end());
  ASSIGN_OR_RETURN(const ExtensionViews extensions, read_extensions(list));
  if (has_repeated(extensions)) return malformed("an extension is repeated");
  for (const ExtensionView& extension : extensions) {
    if (nonce && text_of(extension.oid) == oid::ocsp_nonce) {
      DerReader value(extension.value, kField);
      ASSIGN_OR_RETURN(const DerElement octets, value.element(der::octet_string));
      RETURN_IF_ERROR(value.end());
      if (octets.content.empty() || octets.content.size() > kNonceBytes) {
        return malformed("a nonce has 1 to 128 octets");
      }
      *nonce = octets.content;
    } else if (extension.critical) {
      return malformed("a critical extension is not known here");
    }
  }
  return {};
}

Result<void> read_tbs(DerReader& tbs, OcspRequest& request) {
  if (tbs.next_is(der::constructed(0))) {
    // The default must not be written (X.690 section 11.5), and there is no other version.
    return malformed("it says a version");
  }
  if (tbs.next_is(der::constructed(1))) RETURN_IF_ERROR(tbs.any());  // requestorName
  ASSIGN_OR_RETURN(DerReader list, tbs.enter(der::sequence));
  while (!list.at_end()) {
    if (request.certificates.size() == limits::ocsp_certificates) {
      return malformed("it asks about more than " + std::to_string(limits::ocsp_certificates) +
                       " certificates");
    }
    ASSIGN_OR_RETURN(DerReader one, list.enter(der::sequence));
    ASSIGN_OR_RETURN(request.certificates.emplace_back(), read_cert_id(one));
    if (one.next_is(der::constructed(0))) {
      ASSIGN_OR_RETURN(DerReader tagged, one.enter(der::constructed(0)));
      RETURN_IF_ERROR(read_extensions_of(tagged, nullptr));
    }
    RETURN_IF_ERROR(one.end());
  }
  if (request.certificates.empty()) return malformed("it asks about no certificate");
  if (tbs.next_is(der::constructed(2))) {
    ASSIGN_OR_RETURN(DerReader tagged, tbs.enter(der::constructed(2)));
    RETURN_IF_ERROR(read_extensions_of(tagged, &request.nonce));
  }
  return tbs.end();
}

}  // namespace

Result<OcspRequest> parse_ocsp_request(ByteView der) {
  if (der.size() > limits::ocsp_request_bytes) return malformed("it is too long");
  OcspRequest request;
  DerReader outer(der, kField);
  ASSIGN_OR_RETURN(DerReader in, outer.enter(der::sequence));
  RETURN_IF_ERROR(outer.end());
  ASSIGN_OR_RETURN(DerReader tbs, in.enter(der::sequence));
  RETURN_IF_ERROR(read_tbs(tbs, request));
  if (in.next_is(der::constructed(0))) RETURN_IF_ERROR(in.any());  // optionalSignature
  RETURN_IF_ERROR(in.end());
  return request;
}

}  // namespace chancery
