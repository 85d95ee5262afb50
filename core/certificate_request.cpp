#include "core/certificate_request.h"

#include <array>

#include "core/alt_name.h"
#include "core/distinguished_name.h"
#include "core/extension.h"
#include "core/limits.h"
#include "core/oid.h"
#include "core/signature_identifier.h"
#include "core/weak_key.h"

namespace chancery {
namespace {

constexpr std::string_view kPublicKey = "csr.public_key";
constexpr std::string_view kSubject = "csr.subject";
constexpr std::string_view kSubjectAltName = "csr.subject_alt_name";

// CertificationRequest (RFC 2986 section 4.2) taken apart.
struct RequestView {
  ByteView info;  // what is signed
  ByteView subject, spki;
  ByteView attributes;  // content of [0]
  ByteView algorithm, signature;
};

// Attributes that say something about the client and ask for nothing.
constexpr std::array kIgnoredAttributes = {oid::challenge_password, oid::microsoft_os_version,
                                           oid::microsoft_csp_provider, oid::microsoft_client_info};

Failure on_field(std::string_view field, Error error) {
  error.field = field;
  return Failure(std::move(error));
}

// The DER of a request that came as DER or as PEM.
Result<Bytes> decode_armour(ByteView input) {
  // Base64 is 4/3 of the DER; room for line ends, labels and the headers some tools write above.
  constexpr std::size_t kPemBytes = limits::csr_bytes * 3 / 2;
  const bool binary = !input.empty() && input[0] == der::sequence;
  const std::size_t bound = binary ? limits::csr_bytes : kPemBytes;
  if (input.size() > bound) {
    return fail(ErrorCode::too_large,
                "csr has " + std::to_string(input.size()) + " bytes; at most " +
                    std::to_string(bound) + " are allowed",
                "csr");
  }
  if (binary) return copy_of(input);
  const std::string_view text = text_of(input);
  // RFC 7468 section 7; the older label is in use as well.
  constexpr std::string_view kOldLabel = "NEW CERTIFICATE REQUEST";
  const bool old = text.find("-----BEGIN " + std::string(kOldLabel)) != text.npos;
  auto der = from_pem(text, old ? kOldLabel : "CERTIFICATE REQUEST");
  if (!der) {
    return invalid("csr", "csr is neither DER nor one PEM block CERTIFICATE REQUEST: it " +
                              der.error().message);
  }
  if (der->size() > limits::csr_bytes) {
    return fail(ErrorCode::too_large, "csr has " + std::to_string(der->size()) + " bytes", "csr");
  }
  return der;
}

Result<RequestView> take_apart(ByteView der) {
  RequestView view;
  DerReader outer(der, "csr");
  ASSIGN_OR_RETURN(DerReader request, outer.enter(der::sequence));
  RETURN_IF_ERROR(outer.end());
  ASSIGN_OR_RETURN(const DerElement info_element, request.element(der::sequence));
  ASSIGN_OR_RETURN(const DerElement algorithm, request.element(der::sequence));
  ASSIGN_OR_RETURN(view.signature, request.bit_string());
  RETURN_IF_ERROR(request.end());
  view.info = info_element.whole;
  view.algorithm = algorithm.whole;

  DerReader info(info_element.content, "csr");
  ASSIGN_OR_RETURN(const int version, info.small_integer());
  if (version != 0) return invalid("csr.version", "csr.version must be 0 (RFC 2986 section 4.1)");
  ASSIGN_OR_RETURN(const DerElement subject, info.element(der::sequence));
  ASSIGN_OR_RETURN(const DerElement spki, info.element(der::sequence));
  ASSIGN_OR_RETURN(const DerElement attributes, info.element(der::constructed(0)));
  RETURN_IF_ERROR(info.end());
  view.subject = subject.whole;
  view.spki = spki.whole;
  view.attributes = attributes.content;
  return view;
}

Result<void> refuse_ca(const ExtensionView& extension) {
  ASSIGN_OR_RETURN(const BasicConstraints constraints,
                   decode_basic_constraints(extension.value, "csr.basicConstraints"));
  if (constraints.ca || constraints.path_length) {
    return invalid("csr.basicConstraints",
                   "csr.basicConstraints asks for a CA; whether a certificate is a CA is the "
                   "profile's to say");
  }
  return {};
}

// What keyUsage and others ask for is the profile's to say, but it must be well-formed.
Result<void> read_extension(const ExtensionView& extension, SubjectAltNames& names) {
  const std::string_view type = text_of(extension.oid);
  if (type == oid::subject_alt_name) {
    ASSIGN_OR_RETURN(names, decode_alt_names(extension.value, kSubjectAltName, OtherNames::refuse));
    return check_alt_names(names, kSubjectAltName);
  }
  if (type == oid::basic_constraints) return refuse_ca(extension);
  if (type == oid::key_usage) {
    RETURN_IF_ERROR(decode_key_usage(extension.value, "csr.key_usage"));
    return {};
  }
  if (type == oid::extended_key_usage) {
    RETURN_IF_ERROR(decode_extended_key_usage(extension.value, "csr.extended_key_usage"));
    return {};
  }
  if (type == oid::subject_key_id) {
    RETURN_IF_ERROR(decode_subject_key_id(extension.value, "csr.subject_key_id"));
    return {};
  }
  return invalid("csr.extensions", "csr.extensions has " + oid_text(extension.oid) +
                                       "; known are subjectAltName, basicConstraints, keyUsage, "
                                       "extendedKeyUsage and subjectKeyIdentifier");
}

Result<void> read_extension_request(DerReader& values, SubjectAltNames& names) {
  ASSIGN_OR_RETURN(DerReader list, values.enter(der::sequence, "csr.extensions"));
  if (!values.at_end())
    return invalid("csr.attributes", "csr.attributes asks for extensions twice");
  ASSIGN_OR_RETURN(const ExtensionViews extensions, read_extensions(list));
  if (has_repeated(extensions)) {
    return invalid("csr.extensions", "csr.extensions has one extension twice");
  }
  for (const ExtensionView& extension : extensions) {
    RETURN_IF_ERROR(read_extension(extension, names));
  }
  return {};
}

Result<SubjectAltNames> read_attributes(ByteView der) {
  SubjectAltNames names;
  std::vector<ByteView> seen;
  DerReader attributes(der, "csr.attributes");
  while (!attributes.at_end()) {
    ASSIGN_OR_RETURN(DerReader attribute, attributes.enter(der::sequence));
    ASSIGN_OR_RETURN(const ByteView type, attribute.oid());
    ASSIGN_OR_RETURN(DerReader values, attribute.enter(der::set));
    RETURN_IF_ERROR(attribute.end());
    for (const ByteView& other : seen) {
      if (text_of(other) == text_of(type)) {
        return invalid("csr.attributes", "csr.attributes has " + oid_text(type) + " twice");
      }
    }
    seen.push_back(type);
    if (text_of(type) == oid::extension_request) {
      RETURN_IF_ERROR(read_extension_request(values, names));
      continue;
    }
    bool ignored = false;
    for (std::string_view known : kIgnoredAttributes) ignored |= known == text_of(type);
    if (!ignored) {
      return invalid("csr.attributes", "csr.attributes has the unknown " + oid_text(type));
    }
    RETURN_IF_ERROR(values.any());
    RETURN_IF_ERROR(values.end());
  }
  return names;
}

Result<void> check_possession(const RequestView& view, const PublicKey& key) {
  ASSIGN_OR_RETURN(const ForeignSignatureAlgorithm algorithm,
                   decode_signature_identifier(view.algorithm, "csr.signature"));
  if (!verify_message(key, algorithm, view.info, view.signature)) {
    return invalid("csr.signature",
                   "csr.signature does not verify: the request is damaged or not signed with the "
                   "private key of its public key");
  }
  return {};
}

}  // namespace

Result<CertificateRequest> parse_certificate_request(ByteView der_or_pem) {
  ASSIGN_OR_RETURN(const Bytes der, decode_armour(der_or_pem));
  ASSIGN_OR_RETURN(const RequestView view, take_apart(der));
  // From cheap to dear: the signature is only verified where everything else would be accepted.
  ASSIGN_OR_RETURN(Subject subject, decode_name(view.subject, kSubject, OtherAttributes::refuse));
  RETURN_IF_ERROR(check_subject(subject, kSubject));
  ASSIGN_OR_RETURN(SubjectAltNames names, read_attributes(view.attributes));
  auto key = PublicKey::from_spki(view.spki);
  if (!key) return on_field(kPublicKey, std::move(key.error()));
  if (auto strong = check_strength(*key); !strong) {
    return on_field(kPublicKey, std::move(strong.error()));
  }
  RETURN_IF_ERROR(check_possession(view, *key));
  return CertificateRequest{std::move(*key), std::move(subject), std::move(names)};
}

}  // namespace chancery
