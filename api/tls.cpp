#include "api/tls.h"

#include <Poco/Exception.h>
#include <Poco/Net/X509Certificate.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <cstdint>
#include <ctime>
#include <string>

#include "api/tls_context.h"
#include "core/openssl_ptr.h"

namespace chancery {
namespace {

using BioPtr = HandlePtr<BIO, BIO_free_all>;
using PrivateKeyPtr = HandlePtr<EVP_PKEY, EVP_PKEY_free>;
using X509Ptr = HandlePtr<X509, X509_free>;

constexpr int verify_depth = 5;  // root, two intermediates, leaf, and one to spare
constexpr const char* tls_1_2_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* groups = "X25519:P-256:P-384";

std::string openssl_error() {
  char text[256] = "no reason given";
  if (const unsigned long code = ERR_get_error()) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

Failure bad(const char* message) {
  return fail(ErrorCode::invalid_request, message, "tls", openssl_error());
}

/// Where a certificate carries the verdict of its verification: the X509_V_… code plus one, so that
/// nothing means not verified.
int verdict_index() {
  static const int index = X509_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

/// In place of OpenSSL's own verification: does the same, notes the verdict at the certificate it
/// is about, and lets the handshake go on.
int verify_and_note(X509_STORE_CTX* store, void*) {
  int verdict = X509_V_OK;
  if (X509_verify_cert(store) != 1) {
    verdict = X509_STORE_CTX_get_error(store);
    if (verdict == X509_V_OK) verdict = X509_V_ERR_UNSPECIFIED;
  }
  ERR_clear_error();
  X509* certificate = X509_STORE_CTX_get0_cert(store);
  const auto noted = static_cast<std::intptr_t>(verdict) + 1;
  // Without the note the certificate counts as not verified; the handshake may go on all the same.
  X509_set_ex_data(certificate, verdict_index(), reinterpret_cast<void*>(noted));
  return 1;
}

X509Ptr parse(const Bytes& der) {
  const unsigned char* at = der.data();
  X509Ptr certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (certificate && at != der.data() + der.size()) certificate.reset();
  return certificate;
}

/// A key file's passphrase is asked for on the terminal unless somebody else answers.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

PrivateKeyPtr parse_key(std::string_view key) {
  if (key.starts_with("-----")) {
    BioPtr bio(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())));
    return PrivateKeyPtr(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  }
  const auto* at = reinterpret_cast<const unsigned char*>(key.data());
  return PrivateKeyPtr(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(key.size())));
}

Result<void> set_identity(SSL_CTX* context, const ServerIdentity& identity) {
  if (identity.chain.empty()) return bad("the server has no certificate");
  for (std::size_t i = 0; i < identity.chain.size(); ++i) {
    X509Ptr certificate = parse(identity.chain[i]);
    if (!certificate) return bad("a certificate of the server does not parse");
    const int set = i == 0 ? SSL_CTX_use_certificate(context, certificate.get())
                           : static_cast<int>(SSL_CTX_add1_chain_cert(context, certificate.get()));
    if (set != 1) return bad("a certificate of the server cannot be used");
  }
  const PrivateKeyPtr key = parse_key(identity.key.reveal());
  if (!key) return bad("the server's key does not parse");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return bad("the server's key does not belong to its certificate");
  }
  return {};
}

Result<void> set_trust(SSL_CTX* context, const ClientTrust& trust) {
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  auto add = [&](const Bytes& der, bool anchor) -> Result<void> {
    const X509Ptr certificate = parse(der);
    if (!certificate) return bad("a trusted certificate does not parse");
    const bool self_signed = X509_self_signed(certificate.get(), 1) == 1;
    // OpenSSL would take any self-signed certificate of the store for an anchor.
    if (anchor != self_signed) {
      return bad(anchor ? "a trust anchor is not self-signed" : "an intermediate is self-signed");
    }
    // The names help clients with several certificates to choose one.
    if (X509_STORE_add_cert(store, certificate.get()) != 1 ||
        SSL_CTX_add_client_CA(context, certificate.get()) != 1) {
      return bad("a trusted certificate cannot be used");
    }
    return {};
  };
  for (const Bytes& der : trust.anchors) RETURN_IF_ERROR(add(der, true));
  for (const Bytes& der : trust.intermediates) RETURN_IF_ERROR(add(der, false));
  return {};
}

bool set_protocol(SSL_CTX* context) {
  SSL_CTX_set_security_level(context, 2);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, verify_and_note, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // Output buffers may move between two attempts of a write that could not go through at once;
  // thousands of idle connections need no record buffers.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  static constexpr unsigned char session_context[] = "chancery";
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_num_tickets(context, 0) == 1 &&
         SSL_CTX_set_session_id_context(context, session_context, sizeof session_context) == 1;
}

Result<std::shared_ptr<const TlsContext>> make_context(const ServerIdentity& identity,
                                                       const ClientTrust& trust) {
  ERR_clear_error();
  auto made = std::make_shared<TlsContext>();
  try {
    Poco::Net::Context::Params params;
    params.verificationMode = Poco::Net::Context::VERIFY_RELAXED;
    params.verificationDepth = verify_depth;
    params.cipherList = tls_1_2_ciphers;
    params.ecdhCurve = groups;
    params.dhUse2048Bits = true;  // no cipher above uses it; Poco's default has 1024 bits
    made->context = new Poco::Net::Context(Poco::Net::Context::TLS_SERVER_USE, params);
    // Poco would compare the client's certificate with the client's host name.
    made->context->enableExtendedCertificateVerification(false);
  } catch (const Poco::Exception& exception) {
    return fail(ErrorCode::internal, "TLS cannot be set up", "tls", exception.displayText());
  }
  SSL_CTX* context = made->context->sslContext();
  if (!set_protocol(context))
    return fail(ErrorCode::internal, "TLS cannot be set up", "tls", openssl_error());
  RETURN_IF_ERROR(set_identity(context, identity));
  RETURN_IF_ERROR(set_trust(context, trust));
  return std::shared_ptr<const TlsContext>(std::move(made));
}

Time time_of(const ASN1_TIME* time) {
  std::tm broken_down{};
  if (ASN1_TIME_to_tm(time, &broken_down) != 1) return Time{};
  return from_unix_seconds(timegm(&broken_down));
}

}  // namespace

Result<std::unique_ptr<TlsServer>> TlsServer::create(const ServerIdentity& identity,
                                                     const ClientTrust& trust) {
  ASSIGN_OR_RETURN(auto context, make_context(identity, trust));
  return std::unique_ptr<TlsServer>(new TlsServer(std::move(context)));
}

Result<void> TlsServer::replace(const ServerIdentity& identity, const ClientTrust& trust) {
  ASSIGN_OR_RETURN(auto context, make_context(identity, trust));
  const std::lock_guard lock(mutex_);
  context_ = std::move(context);
  return {};
}

std::shared_ptr<const TlsContext> TlsServer::context() const {
  const std::lock_guard lock(mutex_);
  return context_;
}

std::optional<ClientCertificate> client_certificate(const Poco::Net::SecureStreamSocket& socket) {
  if (!socket.havePeerCertificate()) return std::nullopt;
  const Poco::Net::X509Certificate peer = socket.peerCertificate();
  const X509* x509 = peer.certificate();
  ClientCertificate certificate;
  unsigned char* der = nullptr;
  const int size = i2d_X509(x509, &der);
  if (size > 0) certificate.der.assign(der, der + size);
  OPENSSL_free(der);
  certificate.not_after = time_of(X509_get0_notAfter(x509));
  const auto noted = reinterpret_cast<std::intptr_t>(X509_get_ex_data(x509, verdict_index()));
  certificate.verified = noted == X509_V_OK + 1;
  if (noted == 0) {
    certificate.problem = "it was not verified";
  } else if (!certificate.verified) {
    certificate.problem = X509_verify_cert_error_string(noted - 1);
  }
  return certificate;
}

}  // namespace chancery
