#include "cli/successor.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "core/certificate.h"
#include "core/openssl_ptr.h"

namespace chancery {
namespace {

using BioPtr = HandlePtr<BIO, BIO_free_all>;
using X509Ptr = HandlePtr<X509, X509_free>;
using StorePtr = HandlePtr<X509_STORE, X509_STORE_free>;
using VerificationPtr = HandlePtr<X509_STORE_CTX, X509_STORE_CTX_free>;

void free_certificates(STACK_OF(X509) * certificates) {
  sk_X509_pop_free(certificates, X509_free);
}
using CertificatesPtr = HandlePtr<STACK_OF(X509), free_certificates>;

Failure unfit(const std::string& reason) {
  return fail(ErrorCode::conflict, "the new certificate is not taken: " + reason);
}

BioPtr reader_of(std::string_view pem) {
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  CHECK(bio != nullptr);
  return bio;
}

X509Ptr first_certificate(std::string_view pem) {
  const BioPtr bio = reader_of(pem);
  X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return certificate;
}

CertificatesPtr all_certificates(std::string_view pem) {
  CertificatesPtr certificates(sk_X509_new_null());
  CHECK(certificates != nullptr);
  const BioPtr bio = reader_of(pem);
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    CHECK(sk_X509_push(certificates.get(), one) > 0);
  }
  ERR_clear_error();
  return certificates;
}

/// With the chain that came with it, to the anchor that this machine trusted before: whom to trust
/// is not for an answer to change.
Result<void> check_chain(const Identity& old, const Identity& fresh, Time now) {
  const X509Ptr leaf = first_certificate(fresh.certificate);
  const X509Ptr anchor = first_certificate(old.trust_anchor());
  if (!leaf || !anchor) return unfit("it or the root in chain.pem cannot be read");
  const CertificatesPtr chain = all_certificates(fresh.chain);
  const StorePtr store(X509_STORE_new());
  const VerificationPtr verification(X509_STORE_CTX_new());
  CHECK(store && verification && X509_STORE_add_cert(store.get(), anchor.get()) == 1);
  CHECK(X509_STORE_CTX_init(verification.get(), store.get(), leaf.get(), chain.get()) == 1);
  X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(verification.get()),
                             static_cast<time_t>(to_unix_seconds(now)));
  const bool good = X509_verify_cert(verification.get()) == 1;
  const int problem = X509_STORE_CTX_get_error(verification.get());
  ERR_clear_error();
  const X509Ptr next = first_certificate(fresh.trust_anchor());
  if (good && next && X509_cmp(next.get(), anchor.get()) == 0) return {};
  if (good) return unfit("its chain does not end in the root that this machine trusts");
  return unfit(std::string("it does not lead to the root in chain.pem (") +
               X509_verify_cert_error_string(problem) +
               "); where the root is a new one, run `chancery enroll` again");
}

}  // namespace

Result<void> check_successor(const Identity& old, const Identity& fresh, Time now) {
  if (auto pair = check_pair(fresh); !pair) return unfit(pair.error().message);
  ASSIGN_OR_RETURN(const CertificateInfo before, read_certificate(old.certificate));
  ASSIGN_OR_RETURN(const CertificateInfo after, read_certificate(fresh.certificate));
  if (after.names != before.names || after.subject != before.subject) {
    return unfit("its names are not those of the certificate before");
  }
  return check_chain(old, fresh, now);
}

bool is_client_certificate(std::string_view pem) {
  const X509Ptr certificate = first_certificate(pem);
  const bool good =
      certificate && X509_check_purpose(certificate.get(), X509_PURPOSE_SSL_CLIENT, 0) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace chancery
