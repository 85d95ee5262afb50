// PKCS#10 requests: what is accepted is what OpenSSL reads too, with its signature good and its
// names valid and the same after encoding them again; what is refused names a field of the request.
//
// An input that begins with 0x30 or '-' is a request. Any other one is a subject and attributes
// that this target signs, since no mutation would get past a signature:
// size of the subject (one octet), subject, attributes.

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdint>
#include <cstdlib>

#include "core/alt_name.h"
#include "core/certificate_request.h"
#include "core/distinguished_name.h"
#include "core/openssl_ptr.h"
#include "core/signature_identifier.h"

namespace {

using namespace chancery;
using ReqPtr = HandlePtr<X509_REQ, X509_REQ_free>;

void require(bool condition) {
  if (!condition) std::abort();
}

EVP_PKEY* key() {
  static const HandlePtr<EVP_PKEY, EVP_PKEY_free> generated(
      EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  return generated.get();
}

const Bytes& spki() {
  static const Bytes encoded = [] {
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key(), &der);
    Bytes bytes(der, der + size);
    OPENSSL_free(der);
    return bytes;
  }();
  return encoded;
}

Bytes sign(ByteView message) {
  const HandlePtr<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  Bytes signature(128);
  std::size_t size = signature.size();
  require(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key()) == 1);
  require(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) ==
          1);
  signature.resize(size);
  return signature;
}

Bytes signed_request(ByteView input) {
  const std::size_t subject_size = std::min<std::size_t>(input[0], input.size() - 1);
  DerWriter info;
  info.sequence([&] {
    info.integer(0U);
    info.raw(input.subspan(1, subject_size));
    info.raw(spki());
    info.element(der::constructed(0), input.subspan(1 + subject_size));
  });
  DerWriter request;
  request.sequence([&] {
    request.raw(info.bytes());
    request.raw(signature_identifier(SignatureAlgorithm::ecdsa_p256_sha256));
    request.bit_string(sign(info.bytes()));
  });
  return request.take();
}

void check_refusal(const Error& error) {
  require(error.code == ErrorCode::invalid_request || error.code == ErrorCode::too_large);
  require(error.field == "csr" || error.field.starts_with("csr."));
  require(!error.message.empty());
  for (char c : error.message) require(c >= 0x20 && c < 0x7f);
}

void check_names(const CertificateRequest& request) {
  require(check_subject(request.subject, "subject").has_value());
  const auto subject =
      decode_name(encode_name(request.subject), "subject", OtherAttributes::refuse);
  require(subject && *subject == request.subject);
  require(check_alt_names(request.names, "names").has_value());
  if (request.names.size() == 0) return;
  DerWriter out;
  write_alt_names(out, request.names);
  const auto names = decode_alt_names(out.bytes(), "names", OtherNames::refuse);
  require(names && *names == request.names);
}

void check_with_openssl(ByteView der, const CertificateRequest& request) {
  const std::uint8_t* cursor = der.data();
  const ReqPtr other(d2i_X509_REQ(nullptr, &cursor, static_cast<long>(der.size())));
  require(other && cursor == der.data() + der.size());
  require(X509_REQ_verify(other.get(), X509_REQ_get0_pubkey(other.get())) == 1);
  unsigned char* encoded = nullptr;
  const int size = i2d_PUBKEY(X509_REQ_get0_pubkey(other.get()), &encoded);
  require(size > 0 && request.public_key.spki() == Bytes(encoded, encoded + size));
  OPENSSL_free(encoded);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView input(data, size);
  const bool whole = data[0] == der::sequence || data[0] == '-';
  const Bytes request = whole ? copy_of(input) : signed_request(input);
  const auto parsed = parse_certificate_request(request);
  if (!parsed) {
    check_refusal(parsed.error());
    return 0;
  }
  check_names(*parsed);
  if (request[0] == der::sequence) check_with_openssl(request, *parsed);
  return 0;
}
