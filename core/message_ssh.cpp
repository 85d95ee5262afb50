#include "core/message_ssh.h"

#include <algorithm>
#include <array>
#include <bit>

#include "core/limits.h"
#include "core/message_values.h"

namespace chancery {
namespace {

constexpr std::size_t kNonceAtLeast = 16;      // "typically 16 or 32 bytes"
constexpr std::size_t kModulusAtLeast = 2048;  // bits, as of all keys here
constexpr std::uint64_t kForever = ~std::uint64_t{0};

/// How the subject's key is written, after the nonce.
enum class KeyForm { rsa, ecdsa, ed25519 };

struct CertificateType {
  std::string_view name;
  KeyForm form;
  std::string_view curve;   ///< ECDSA
  std::size_t point_bytes;  ///< of its key, where the length is fixed
  bool security_key;        ///< an application follows the key (PROTOCOL.u2f)
};
constexpr std::array kTypes = {
    CertificateType{"ssh-rsa-cert-v01@openssh.com", KeyForm::rsa, "", 0, false},
    CertificateType{"ecdsa-sha2-nistp256-cert-v01@openssh.com", KeyForm::ecdsa, "nistp256", 65,
                    false},
    CertificateType{"ecdsa-sha2-nistp384-cert-v01@openssh.com", KeyForm::ecdsa, "nistp384", 97,
                    false},
    CertificateType{"ecdsa-sha2-nistp521-cert-v01@openssh.com", KeyForm::ecdsa, "nistp521", 133,
                    false},
    CertificateType{"ssh-ed25519-cert-v01@openssh.com", KeyForm::ed25519, "", 32, false},
    CertificateType{"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", KeyForm::ecdsa, "nistp256", 65,
                    true},
    CertificateType{"sk-ssh-ed25519-cert-v01@openssh.com", KeyForm::ed25519, "", 32, true},
};

/// RFC 4251 section 5. Errors are invalid_request on the field that is read.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  Result<std::uint64_t> number(std::size_t size, const std::string& field) {
    if (rest_.size() < size) return invalid(field, field + " is cut off: data ends early");
    std::uint64_t value = 0;
    for (std::uint8_t byte : rest_.first(size)) value = value << 8 | byte;
    rest_ = rest_.subspan(size);
    return value;
  }

  Result<ByteView> string(const std::string& field) {
    ASSIGN_OR_RETURN(const std::uint64_t size, number(4, field));
    if (size > rest_.size()) return invalid(field, field + " is cut off: data ends early");
    const ByteView content = rest_.first(size);
    rest_ = rest_.subspan(size);
    return content;
  }

  /// A positive mpint in its shortest form.
  Result<ByteView> positive(const std::string& field) {
    ASSIGN_OR_RETURN(const ByteView value, string(field));
    const bool shortest = !value.empty() && value[0] < 0x80 &&
                          (value[0] != 0 || (value.size() > 1 && value[1] >= 0x80));
    if (!shortest) return invalid(field, field + " is not a positive number in its shortest form");
    return value;
  }

 private:
  ByteView rest_;
};

Result<const CertificateType*> read_type(Reader& in) {
  const std::string field = "data.type";
  const auto name = in.string(field);
  if (name) {
    for (const CertificateType& type : kTypes) {
      if (type.name == text_of(*name)) return &type;
    }
  }
  return invalid(field,
                 "data does not begin with the type of an OpenSSH certificate that is known here "
                 "(RSA, ECDSA, Ed25519): what is signed is the certificate up to its signature");
}

/// An exponent and a modulus, both odd.
Result<void> skip_rsa_key(Reader& in, const std::string& field) {
  ASSIGN_OR_RETURN(const ByteView exponent, in.positive(field));
  ASSIGN_OR_RETURN(ByteView modulus, in.positive(field));
  const bool odd = exponent.back() % 2 == 1 && modulus.back() % 2 == 1;
  const bool one = exponent.size() == 1 && exponent[0] == 1;
  if (modulus[0] == 0) modulus = modulus.subspan(1);
  const std::size_t bits = 8 * modulus.size() - std::countl_zero(modulus[0]);
  if (odd && !one && bits >= kModulusAtLeast && bits <= limits::ssh_modulus_bits) return {};
  return invalid(field, field + " is no RSA key of " + std::to_string(kModulusAtLeast) + " to " +
                            std::to_string(limits::ssh_modulus_bits) + " bits");
}

Result<void> skip_public_key(Reader& in, const CertificateType& type) {
  const std::string field = "data.public_key";
  if (type.form == KeyForm::rsa) {
    return skip_rsa_key(in, field);
  }
  if (type.form == KeyForm::ecdsa) {
    ASSIGN_OR_RETURN(const ByteView curve, in.string(field));
    if (text_of(curve) != type.curve) return invalid(field, field + " is on another curve");
  }
  ASSIGN_OR_RETURN(const ByteView point, in.string(field));
  const bool compressed = type.form == KeyForm::ecdsa && !point.empty() && point[0] != 4;
  if (point.size() != type.point_bytes || compressed) {
    return invalid(field, field + " is not a key of the certificate's type");
  }
  if (type.security_key) RETURN_IF_ERROR(in.string("data.application"));
  return {};
}

Result<void> add_kind(Reader& in, MessageContent& content) {
  ASSIGN_OR_RETURN(const std::uint64_t kind, in.number(4, "data.kind"));
  if (kind != 1 && kind != 2) return invalid("data.kind", "data.kind is neither 1 (user) nor 2");
  return add_value(content, "type", kind == 1 ? "user" : "host", "data.kind");
}

Result<void> add_principals(Reader& in, MessageContent& content) {
  const std::string field = "data.valid_principals";
  ASSIGN_OR_RETURN(const ByteView list, in.string(field));
  // A policy's denial of a principal would not see it.
  if (list.empty()) return invalid(field, field + " is empty, which is valid for anybody");
  for (Reader principals(list); !principals.at_end();) {
    ASSIGN_OR_RETURN(const ByteView name, principals.string(field));
    if (name.empty()) return invalid(field, field + " has one without a name");
    RETURN_IF_ERROR(add_value(content, "principal", std::string(text_of(name)), field));
  }
  return {};
}

/// Critical options or extensions: "ordered lexically by name", "each may only appear once".
Result<void> add_options(Reader& in, MessageContent& content, std::string_view which,
                         const std::string& field) {
  ASSIGN_OR_RETURN(const ByteView list, in.string(field));
  std::string before;
  for (Reader options(list); !options.at_end();) {
    ASSIGN_OR_RETURN(const ByteView name, options.string(field));
    std::string text(text_of(name));
    if (text <= before) {
      return invalid(field, field + " are not in the order of their names, once each");
    }
    before = text;
    RETURN_IF_ERROR(add_value(content, which, std::move(text), field));
    ASSIGN_OR_RETURN(const ByteView data, options.string(field));
    if (data.empty()) continue;  // a flag; else the data is one string
    Reader value(data);
    RETURN_IF_ERROR(value.string(field));
    if (!value.at_end()) return invalid(field, field + " have a value that is not one string");
  }
  return {};
}

Result<void> read_validity(Reader& in, Time at, MessageContent& content) {
  ASSIGN_OR_RETURN(const std::uint64_t after, in.number(8, "data.valid_after"));
  ASSIGN_OR_RETURN(const std::uint64_t before, in.number(8, "data.valid_before"));
  if (before <= after) {
    return invalid("data.valid_before", "data.valid_before is not later than valid_after");
  }
  if (before == kForever) return {};
  ASSIGN_OR_RETURN(content.lifetime, time_left(before, at, "data.valid_before"));
  return {};
}

}  // namespace

Result<SshCertificateBody> parse_ssh_certificate(ByteView message, Time at) {
  SshCertificateBody body;
  body.content.message_class = MessageClass::ssh_certificate;
  Reader in(message);
  ASSIGN_OR_RETURN(const CertificateType* type, read_type(in));
  ASSIGN_OR_RETURN(const ByteView nonce, in.string("data.nonce"));
  if (nonce.size() < kNonceAtLeast || nonce.size() > limits::ssh_nonce_bytes) {
    return invalid("data.nonce", "data.nonce has not " + std::to_string(kNonceAtLeast) + " to " +
                                     std::to_string(limits::ssh_nonce_bytes) + " bytes");
  }
  RETURN_IF_ERROR(skip_public_key(in, *type));
  RETURN_IF_ERROR(in.number(8, "data.serial"));
  RETURN_IF_ERROR(add_kind(in, body.content));
  ASSIGN_OR_RETURN(const ByteView key_id, in.string("data.key_id"));
  RETURN_IF_ERROR(add_value(body.content, "key_id", std::string(text_of(key_id)), "data.key_id"));
  RETURN_IF_ERROR(add_principals(in, body.content));
  RETURN_IF_ERROR(read_validity(in, at, body.content));
  RETURN_IF_ERROR(add_options(in, body.content, "critical_option", "data.critical_options"));
  RETURN_IF_ERROR(add_options(in, body.content, "extension", "data.extensions"));
  ASSIGN_OR_RETURN(const ByteView reserved, in.string("data.reserved"));
  if (!reserved.empty()) return invalid("data.reserved", "data.reserved is not empty");
  ASSIGN_OR_RETURN(body.signature_key, in.string("data.signature_key"));
  if (!in.at_end()) {
    return invalid("data", "data goes on after the CA's key: leave the signature out");
  }
  return body;
}

}  // namespace chancery
