#include "core/signature_identifier.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <array>

#include "core/der.h"
#include "core/oid.h"
#include "core/openssl_ptr.h"

namespace chancery {
namespace {

using PkeyCtxPtr = HandlePtr<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using MdCtxPtr = HandlePtr<EVP_MD_CTX, EVP_MD_CTX_free>;

enum class Parameters { none, null, pss };

struct IdentifierRow {
  std::string_view oid;
  KeyFamily family;
  std::optional<DigestAlgorithm> digest;  // of PSS it is in the parameters
  Parameters parameters;
};
using enum DigestAlgorithm;
constexpr std::array kIdentifiers = {
    IdentifierRow{oid::sha256_with_rsa, KeyFamily::rsa, sha256, Parameters::null},
    IdentifierRow{oid::sha384_with_rsa, KeyFamily::rsa, sha384, Parameters::null},
    IdentifierRow{oid::sha512_with_rsa, KeyFamily::rsa, sha512, Parameters::null},
    IdentifierRow{oid::rsa_pss, KeyFamily::rsa, std::nullopt, Parameters::pss},
    IdentifierRow{oid::ecdsa_with_sha256, KeyFamily::ec, sha256, Parameters::none},
    IdentifierRow{oid::ecdsa_with_sha384, KeyFamily::ec, sha384, Parameters::none},
    IdentifierRow{oid::ecdsa_with_sha512, KeyFamily::ec, sha512, Parameters::none},
    IdentifierRow{oid::ed25519, KeyFamily::ed25519, std::nullopt, Parameters::none},
};

struct DigestOid {
  DigestAlgorithm digest;
  std::string_view oid;
};
constexpr std::array kDigests = {DigestOid{sha256, oid::sha256}, DigestOid{sha384, oid::sha384},
                                 DigestOid{sha512, oid::sha512}};

constexpr std::array kBrokenDigests = {oid::md5_with_rsa, oid::sha1_with_rsa, oid::ecdsa_with_sha1};

void write_digest(DerWriter& out, DigestAlgorithm digest) {
  out.sequence([&] {
    for (const DigestOid& known : kDigests) {
      if (known.digest == digest) out.oid(known.oid);
    }
    out.null();  // RFC 4055 section 2.1: implementations that are in use write it
  });
}

// RFC 4055 section 3.1, with MGF1 over the same digest and a salt as long as it.
void write_pss_parameters(DerWriter& out, DigestAlgorithm digest) {
  out.sequence([&] {
    out.nested(der::constructed(0), [&] { write_digest(out, digest); });
    out.nested(der::constructed(1), [&] {
      out.sequence([&] {
        out.oid(oid::mgf1);
        write_digest(out, digest);
      });
    });
    out.nested(der::constructed(2), [&] { out.integer(static_cast<unsigned>(row(digest).size)); });
  });
}

Bytes encode_identifier(const SignatureAlgorithmRow& algorithm) {
  const bool pss = algorithm.name.starts_with("rsa-pss");
  DerWriter out;
  for (const IdentifierRow& known : kIdentifiers) {
    if (known.family != algorithm.family || (known.parameters == Parameters::pss) != pss) continue;
    if (!pss && known.digest != algorithm.digest) continue;
    out.sequence([&] {
      out.oid(known.oid);
      if (known.parameters == Parameters::null) out.null();
      if (known.parameters == Parameters::pss) write_pss_parameters(out, *algorithm.digest);
    });
  }
  return out.take();
}

Failure unsupported(std::string_view field, std::string_view what) {
  return invalid(std::string(field),
                 std::string(field) + ": " + std::string(what) +
                     "; sign with RSA PKCS#1 or PSS or ECDSA over SHA-256, SHA-384 or SHA-512, or "
                     "with Ed25519");
}

Result<DigestAlgorithm> read_digest(DerReader& in) {
  ASSIGN_OR_RETURN(DerReader identifier, in.enter(der::sequence));
  ASSIGN_OR_RETURN(const ByteView type, identifier.oid());
  // RFC 4055 section 2.1: absent and NULL parameters are both to be accepted.
  if (!identifier.at_end()) RETURN_IF_ERROR(identifier.element(der::null));
  RETURN_IF_ERROR(identifier.end());
  for (const DigestOid& known : kDigests) {
    if (known.oid == text_of(type)) return known.digest;
  }
  return unsupported(in.field(), "RSA-PSS over the digest " + oid_text(type));
}

Result<void> read_pss_parameters(DerReader& identifier, ForeignSignatureAlgorithm& algorithm) {
  ASSIGN_OR_RETURN(DerReader in, identifier.enter(der::sequence));
  if (!in.next_is(der::constructed(0))) {
    return unsupported(in.field(), "RSA-PSS over SHA-1, its default");
  }
  ASSIGN_OR_RETURN(DerReader hash, in.enter(der::constructed(0)));
  ASSIGN_OR_RETURN(algorithm.digest, read_digest(hash));
  RETURN_IF_ERROR(hash.end());
  ASSIGN_OR_RETURN(DerReader mask_tag, in.enter(der::constructed(1)));
  ASSIGN_OR_RETURN(DerReader mask, mask_tag.enter(der::sequence));
  RETURN_IF_ERROR(mask_tag.end());
  ASSIGN_OR_RETURN(const ByteView mask_oid, mask.oid());
  ASSIGN_OR_RETURN(const DigestAlgorithm mask_digest, read_digest(mask));
  RETURN_IF_ERROR(mask.end());
  if (text_of(mask_oid) != oid::mgf1 || mask_digest != algorithm.digest) {
    return unsupported(in.field(), "RSA-PSS with another mask than MGF1 over the same digest");
  }
  ASSIGN_OR_RETURN(DerReader salt, in.enter(der::constructed(2)));
  ASSIGN_OR_RETURN(algorithm.pss_salt_bytes, salt.small_integer());
  RETURN_IF_ERROR(salt.end());
  if (*algorithm.pss_salt_bytes < static_cast<int>(row(*algorithm.digest).size)) {
    return unsupported(in.field(), "RSA-PSS with a salt shorter than the digest");
  }
  return in.end();
}

const EVP_MD* md_of(DigestAlgorithm digest) {
  // Fetched once: a fetch for every signature takes a lock that all threads share.
  static const std::array mds = {EVP_MD_fetch(nullptr, "SHA256", nullptr),
                                 EVP_MD_fetch(nullptr, "SHA384", nullptr),
                                 EVP_MD_fetch(nullptr, "SHA512", nullptr)};
  return mds[static_cast<std::size_t>(digest)];
}

bool set_padding(EVP_PKEY_CTX* context, const ForeignSignatureAlgorithm& algorithm) {
  if (algorithm.family != KeyFamily::rsa) return true;
  if (!algorithm.pss_salt_bytes) {
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  }
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, *algorithm.pss_salt_bytes) == 1;
}

bool verify_ed25519(EVP_PKEY* key, ByteView message, ByteView signature) {
  const MdCtxPtr context(EVP_MD_CTX_new());
  return context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

bool verify_digest(EVP_PKEY* key, const ForeignSignatureAlgorithm& algorithm, ByteView message,
                   ByteView signature) {
  const Bytes input = digest(*algorithm.digest, message);
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context && EVP_PKEY_verify_init(context.get()) == 1 &&
         set_padding(context.get(), algorithm) &&
         EVP_PKEY_CTX_set_signature_md(context.get(), md_of(*algorithm.digest)) == 1 &&
         EVP_PKEY_verify(context.get(), signature.data(), signature.size(), input.data(),
                         input.size()) == 1;
}

}  // namespace

ByteView signature_identifier(SignatureAlgorithm algorithm) {
  static const std::vector<Bytes> identifiers = [] {
    std::vector<Bytes> all;
    for (const SignatureAlgorithmRow& known : signature_algorithms()) {
      CHECK(static_cast<std::size_t>(known.algorithm) == all.size());
      all.push_back(encode_identifier(known));
    }
    return all;
  }();
  return identifiers[static_cast<std::size_t>(algorithm)];
}

Result<ForeignSignatureAlgorithm> decode_signature_identifier(ByteView der,
                                                              std::string_view field) {
  DerReader outer(der, field);
  ASSIGN_OR_RETURN(DerReader in, outer.enter(der::sequence));
  RETURN_IF_ERROR(outer.end());
  ASSIGN_OR_RETURN(const ByteView type, in.oid());
  for (const IdentifierRow& known : kIdentifiers) {
    if (known.oid != text_of(type)) continue;
    ForeignSignatureAlgorithm algorithm{known.family, known.digest, std::nullopt};
    if (known.parameters == Parameters::null) RETURN_IF_ERROR(in.element(der::null));
    if (known.parameters == Parameters::pss) RETURN_IF_ERROR(read_pss_parameters(in, algorithm));
    RETURN_IF_ERROR(in.end());
    return algorithm;
  }
  for (std::string_view broken : kBrokenDigests) {
    if (broken == text_of(type)) return unsupported(field, "MD5 and SHA-1 are broken");
  }
  return unsupported(field, "the algorithm " + oid_text(type) + " is not known");
}

bool verify_message(const PublicKey& key, const ForeignSignatureAlgorithm& algorithm,
                    ByteView message, ByteView signature) {
  if (row(key.type()).family != algorithm.family) return false;
  const bool good = algorithm.digest ? verify_digest(key.handle(), algorithm, message, signature)
                                     : verify_ed25519(key.handle(), message, signature);
  if (!good) ERR_clear_error();
  return good;
}

}  // namespace chancery
