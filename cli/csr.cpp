#include "cli/csr.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <utility>

#include "core/bytes.h"
#include "core/openssl_ptr.h"

namespace chancery {
namespace {

using BioPtr = HandlePtr<BIO, BIO_free_all>;
using RequestPtr = HandlePtr<X509_REQ, X509_REQ_free>;
using NamesPtr = HandlePtr<GENERAL_NAMES, GENERAL_NAMES_free>;

void free_extensions(STACK_OF(X509_EXTENSION) * extensions) {
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}
using ExtensionsPtr = HandlePtr<STACK_OF(X509_EXTENSION), free_extensions>;

constexpr const char* kLabel = "CERTIFICATE REQUEST";

/// The digest that goes with a key in a request's signature; none for Ed25519.
const EVP_MD* request_digest(EVP_PKEY* key) {
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) return nullptr;
  int bits = EVP_PKEY_get_base_id(key) == EVP_PKEY_EC ? EVP_PKEY_get_bits(key) : 256;
  if (bits > 384) return EVP_sha512();
  return bits > 256 ? EVP_sha384() : EVP_sha256();
}

Result<void> set_subject(X509_REQ* request, const Subject& subject) {
  X509_NAME* name = X509_REQ_get_subject_name(request);
  struct Attribute {
    int nid;
    const std::string& value;
    const char* option;
  };
  const Attribute attributes[] = {
      {NID_countryName, subject.country, "--country"},
      {NID_organizationName, subject.organization, "--organization"},
      {NID_organizationalUnitName, subject.organizational_unit, "--organizational-unit"},
      {NID_commonName, subject.common_name, "--cn"},
  };
  for (const auto& [nid, value, option] : attributes) {
    if (value.empty()) continue;
    const auto* text = reinterpret_cast<const unsigned char*>(value.data());
    int size = static_cast<int>(value.size());
    if (X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, text, size, -1, 0) != 1) {
      ERR_clear_error();
      return invalid(option, "\"" + value + "\" is not a " + OBJ_nid2ln(nid));
    }
  }
  return {};
}

/// Appends one rfc822Name, dNSName or uniformResourceIdentifier (RFC 5280 section 4.2.1.6).
void add_text_name(GENERAL_NAMES* names, int type, const std::string& value) {
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  CHECK(text && ASN1_STRING_set(text, value.data(), static_cast<int>(value.size())) == 1);
  GENERAL_NAME* name = GENERAL_NAME_new();
  CHECK(name != nullptr);
  GENERAL_NAME_set0_value(name, type, text);
  CHECK(sk_GENERAL_NAME_push(names, name) > 0);
}

Result<void> add_address(GENERAL_NAMES* names, const std::string& value) {
  ASN1_OCTET_STRING* address = a2i_IPADDRESS(value.c_str());
  if (address == nullptr) {
    ERR_clear_error();
    return invalid("--ip", "\"" + value + "\" is not an IP address");
  }
  GENERAL_NAME* name = GENERAL_NAME_new();
  CHECK(name != nullptr);
  GENERAL_NAME_set0_value(name, GEN_IPADD, address);
  CHECK(sk_GENERAL_NAME_push(names, name) > 0);
  return {};
}

Result<void> add_alt_names(X509_REQ* request, const SubjectAltNames& names) {
  if (names.size() == 0) return {};
  NamesPtr list(GENERAL_NAMES_new());
  CHECK(list != nullptr);
  for (const std::string& name : names.dns) {
    if (!is_dns_name(name, true)) return invalid("--dns", "\"" + name + "\" is not a DNS name");
    add_text_name(list.get(), GEN_DNS, name);
  }
  for (const std::string& address : names.ip) RETURN_IF_ERROR(add_address(list.get(), address));
  for (const std::string& uri : names.uri) {
    if (!is_uri(uri)) return invalid("--uri", "\"" + uri + "\" is not an absolute URI");
    add_text_name(list.get(), GEN_URI, uri);
  }
  for (const std::string& email : names.email) {
    if (!is_email(email)) return invalid("--email", "\"" + email + "\" is not an e-mail address");
    add_text_name(list.get(), GEN_EMAIL, email);
  }
  STACK_OF(X509_EXTENSION)* extensions = nullptr;
  CHECK(X509V3_add1_i2d(&extensions, NID_subject_alt_name, list.get(), 0, 0) == 1);
  ExtensionsPtr owner(extensions);
  CHECK(X509_REQ_add_extensions(request, extensions) == 1);
  return {};
}

}  // namespace

Result<std::string> make_csr(const PrivateKey& key, const Subject& subject,
                             const SubjectAltNames& names) {
  RequestPtr request(X509_REQ_new());
  CHECK(request && X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1);
  RETURN_IF_ERROR(set_subject(request.get(), subject));
  RETURN_IF_ERROR(add_alt_names(request.get(), names));
  CHECK(X509_REQ_set_pubkey(request.get(), key.handle()) == 1);
  if (X509_REQ_sign(request.get(), key.handle(), request_digest(key.handle())) <= 0) {
    ERR_clear_error();
    return fail(ErrorCode::internal, "this key cannot sign a certificate request");
  }
  unsigned char* der = nullptr;
  int size = i2d_X509_REQ(request.get(), &der);
  CHECK(size > 0);
  std::string pem = to_pem({der, static_cast<std::size_t>(size)}, kLabel);
  OPENSSL_free(der);
  return pem;
}

Result<std::string> csr_as_pem(std::string_view der_or_pem) {
  if (der_or_pem.find("-----BEGIN") == std::string_view::npos) {
    return to_pem(bytes_of(der_or_pem), kLabel);
  }
  for (char c : der_or_pem) {
    if (static_cast<unsigned char>(c) > 0x7e) return invalid("--csr", "not PEM, which is ASCII");
  }
  return std::string(der_or_pem);
}

Result<Bytes> spki_of_csr(const std::string& pem) {
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  CHECK(bio != nullptr);
  RequestPtr request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  unsigned char* der = nullptr;
  int size = request ? i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request.get()), &der) : -1;
  ERR_clear_error();
  if (size <= 0) return invalid("--csr", "not a certificate request");
  Bytes spki(der, der + size);
  OPENSSL_free(der);
  return spki;
}

}  // namespace chancery
