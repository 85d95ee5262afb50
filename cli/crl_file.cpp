#include "cli/crl_file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "core/openssl_ptr.h"

namespace chancery {
namespace {

using BioPtr = HandlePtr<BIO, BIO_free_all>;
using CertificatePtr = HandlePtr<X509, X509_free>;
using CrlPtr = HandlePtr<X509_CRL, X509_CRL_free>;
using IntegerPtr = HandlePtr<ASN1_INTEGER, ASN1_INTEGER_free>;
using NumberPtr = HandlePtr<BIGNUM, BN_free>;

std::string time_text(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return to_rfc3339_seconds(from_unix_seconds(timegm(&parts)));
}

std::string number_text(X509_CRL* crl) {
  IntegerPtr integer(
      static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(crl, NID_crl_number, nullptr, nullptr)));
  NumberPtr number(integer ? ASN1_INTEGER_to_BN(integer.get(), nullptr) : nullptr);
  char* decimal = number ? BN_bn2dec(number.get()) : nullptr;
  std::string text = decimal != nullptr ? decimal : "";
  OPENSSL_free(decimal);
  return text;
}

}  // namespace

Result<CrlSummary> check_crl_of(std::string_view der, const std::string& issuer_pem) {
  BioPtr bio(BIO_new_mem_buf(issuer_pem.data(), static_cast<int>(issuer_pem.size())));
  CHECK(bio != nullptr);
  CertificatePtr issuer(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  const auto* begin = reinterpret_cast<const unsigned char*>(der.data());
  CrlPtr crl(d2i_X509_CRL(nullptr, &begin, static_cast<long>(der.size())));
  bool good =
      issuer && crl && X509_CRL_verify(crl.get(), X509_get0_pubkey(issuer.get())) == 1 &&
      X509_NAME_cmp(X509_CRL_get_issuer(crl.get()), X509_get_subject_name(issuer.get())) == 0;
  ERR_clear_error();
  if (!good) return fail(ErrorCode::internal, "what came is not a CRL signed by this CA");
  CrlSummary summary;
  summary.number = number_text(crl.get());
  summary.this_update = time_text(X509_CRL_get0_lastUpdate(crl.get()));
  summary.next_update = time_text(X509_CRL_get0_nextUpdate(crl.get()));
  const ASN1_TIME* next = X509_CRL_get0_nextUpdate(crl.get());
  summary.expired = next == nullptr || X509_cmp_current_time(next) < 0;
  int count = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl.get()));
  summary.revoked = count > 0 ? static_cast<std::size_t>(count) : 0;
  return summary;
}

}  // namespace chancery
