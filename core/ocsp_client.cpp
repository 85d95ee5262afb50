#include "core/ocsp_client.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>

#include <ctime>

#include "core/der.h"
#include "core/limits.h"
#include "core/openssl_ptr.h"

// By OpenSSL's reader and not by the encoder that the responder uses: a client is somebody else.

namespace chancery {
namespace {

using BasicPtr = HandlePtr<OCSP_BASICRESP, OCSP_BASICRESP_free>;
using IdPtr = HandlePtr<OCSP_CERTID, OCSP_CERTID_free>;
using IntegerPtr = HandlePtr<ASN1_INTEGER, ASN1_INTEGER_free>;
using NumberPtr = HandlePtr<BIGNUM, BN_free>;
using ObjectPtr = HandlePtr<ASN1_OBJECT, ASN1_OBJECT_free>;
using RequestPtr = HandlePtr<OCSP_REQUEST, OCSP_REQUEST_free>;
using ResponsePtr = HandlePtr<OCSP_RESPONSE, OCSP_RESPONSE_free>;
using StorePtr = HandlePtr<X509_STORE, X509_STORE_free>;
using CertificatePtr = HandlePtr<X509, X509_free>;

void free_stack(STACK_OF(X509) * stack) {
  sk_X509_free(stack);  // the certificates are somebody else's
}
using StackPtr = HandlePtr<STACK_OF(X509), free_stack>;

Failure bad(const std::string& what) {
  ERR_clear_error();
  return fail(ErrorCode::internal, what);
}

CertificatePtr certificate_of(const FaceIssuer& issuer) {
  const unsigned char* begin = issuer.certificate.data();
  CertificatePtr certificate(
      d2i_X509(nullptr, &begin, static_cast<long>(issuer.certificate.size())));
  CHECK(certificate != nullptr);  // it was parsed when `issuer` was made
  return certificate;
}

IdPtr id_of(const X509& issuer, const Serial& serial) {
  const NumberPtr number(
      BN_bin2bn(serial.bytes.data(), static_cast<int>(serial.bytes.size()), nullptr));
  CHECK(number != nullptr);
  const IntegerPtr integer(BN_to_ASN1_INTEGER(number.get(), nullptr));
  IdPtr id(OCSP_cert_id_new(EVP_sha1(), X509_get_subject_name(&issuer),
                            X509_get0_pubkey_bitstr(&issuer), integer.get()));
  CHECK(integer != nullptr && id != nullptr);
  return id;
}

std::optional<Time> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return from_unix_seconds(timegm(&parts));
}

std::string words_for(int status) {
  switch (status) {
    case OCSP_RESPONSE_STATUS_TRYLATER:
      return "the responder says tryLater: it can neither sign now nor has it a kept answer";
    case OCSP_RESPONSE_STATUS_UNAUTHORIZED:
      return "the responder says unauthorized: it does not speak for this issuer";
    case OCSP_RESPONSE_STATUS_MALFORMEDREQUEST:
      return "the responder says malformedRequest";
    default:
      return "the responder says that it failed (" + std::to_string(status) + ")";
  }
}

/// Signed by the issuer, or by whom it certified for that (section 4.2.2.2).
Result<void> check_signer(OCSP_BASICRESP* basic, X509* issuer) {
  const StorePtr store(X509_STORE_new());
  const StackPtr known(sk_X509_new_null());
  CHECK(store != nullptr && known != nullptr && sk_X509_push(known.get(), issuer) > 0);
  CHECK(X509_STORE_add_cert(store.get(), issuer) == 1);
  // The issuer is whom to believe here, whether it is a root or not.
  CHECK(X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN) == 1);
  if (OCSP_basic_verify(basic, known.get(), store.get(), 0) == 1) return {};
  const char* why = ERR_reason_error_string(ERR_peek_last_error());
  return bad(std::string("the signature is not that of its issuer's responder (") +
             (why != nullptr ? why : "no reason") + ")");
}

Result<bool> check_nonce(OCSP_BASICRESP* basic, ByteView sent) {
  const int place = OCSP_BASICRESP_get_ext_by_NID(basic, NID_id_pkix_OCSP_Nonce, -1);
  if (place < 0) return false;
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(OCSP_BASICRESP_get_ext(basic, place));
  DerReader in(
      ByteView(ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))),
      "ocsp");
  const auto nonce = in.element(der::octet_string);
  if (!nonce || !std::ranges::equal(nonce->content, sent)) return bad("its nonce is another one");
  return true;
}

bool has_extended_revoke(OCSP_BASICRESP* basic) {
  const ObjectPtr oid(OBJ_txt2obj("1.3.6.1.5.5.7.48.1.9", 1));
  CHECK(oid != nullptr);
  return OCSP_BASICRESP_get_ext_by_OBJ(basic, oid.get(), -1) >= 0;
}

Result<void> read_status(OCSP_BASICRESP* basic, OCSP_CERTID* id, OcspReading& reading) {
  int status = -1, reason = -1;
  ASN1_GENERALIZEDTIME *revoked = nullptr, *from = nullptr, *to = nullptr;
  if (OCSP_resp_find_status(basic, id, &status, &reason, &revoked, &from, &to) != 1) {
    return bad("it is about another certificate");
  }
  const auto this_update = time_of(from);
  if (!this_update) return bad("it does not say when it was true");
  reading.this_update = *this_update;
  reading.next_update = time_of(to);
  if (status == V_OCSP_CERTSTATUS_GOOD) {
    reading.status.kind = OcspStatus::Kind::good;
  } else if (status == V_OCSP_CERTSTATUS_REVOKED) {
    const auto at = time_of(revoked);
    if (!at || reason > 9 || reason == 7) return bad("its time or reason of revocation is none");
    reading.status = {OcspStatus::Kind::revoked, *at,
                      static_cast<RevocationReason>(std::max(reason, 0))};
    reading.never_issued = reading.status.reason == RevocationReason::certificate_hold &&
                           *at == from_unix_seconds(0) && has_extended_revoke(basic);
  }
  return {};
}

}  // namespace

Bytes encode_ocsp_request(const FaceIssuer& issuer, const Serial& serial, ByteView nonce) {
  const CertificatePtr certificate = certificate_of(issuer);
  const RequestPtr request(OCSP_REQUEST_new());
  CHECK(request != nullptr);
  CHECK(OCSP_request_add0_id(request.get(), id_of(*certificate, serial).release()) != nullptr);
  if (!nonce.empty()) {
    Bytes copy = copy_of(nonce);
    CHECK(OCSP_request_add1_nonce(request.get(), copy.data(), static_cast<int>(copy.size())) == 1);
  }
  const int size = i2d_OCSP_REQUEST(request.get(), nullptr);
  CHECK(size > 0);
  Bytes der(static_cast<std::size_t>(size));
  unsigned char* end = der.data();
  CHECK(i2d_OCSP_REQUEST(request.get(), &end) == size);
  return der;
}

Result<OcspReading> read_ocsp_response(ByteView response, const FaceIssuer& issuer,
                                       const Serial& serial, ByteView nonce) {
  ERR_clear_error();
  const unsigned char* begin = response.data();
  const ResponsePtr parsed(d2i_OCSP_RESPONSE(nullptr, &begin, static_cast<long>(response.size())));
  if (!parsed || begin != response.data() + response.size()) {
    return bad("what came is not an OCSP response");
  }
  const int outer = OCSP_response_status(parsed.get());
  if (outer != OCSP_RESPONSE_STATUS_SUCCESSFUL) return bad(words_for(outer));
  const BasicPtr basic(OCSP_response_get1_basic(parsed.get()));
  if (!basic) return bad("what came is not a basic OCSP response");
  const CertificatePtr certificate = certificate_of(issuer);
  RETURN_IF_ERROR(check_signer(basic.get(), certificate.get()));
  OcspReading reading;
  reading.bytes = response.size();
  ASSIGN_OR_RETURN(reading.has_nonce, check_nonce(basic.get(), nonce));
  const IdPtr id = id_of(*certificate, serial);
  RETURN_IF_ERROR(read_status(basic.get(), id.get(), reading));
  return reading;
}

}  // namespace chancery
