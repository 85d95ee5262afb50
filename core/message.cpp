#include "core/message.h"

#include <algorithm>

#include "core/der.h"
#include "core/limits.h"
#include "core/message_cms.h"
#include "core/message_jwt.h"
#include "core/message_ssh.h"
#include "core/message_values.h"
#include "core/message_x509.h"
#include "core/signature_identifier.h"
#include "core/ssh_key.h"

namespace chancery {
namespace {

bool equal(ByteView a, ByteView b) {
  return std::ranges::equal(a, b);
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

Result<MessageContent> read_data(ByteView message, std::string_view context) {
  MessageContent content{.message_class = MessageClass::data, .fields = {}};
  if (!context.empty()) {
    if (!text_of(message).starts_with(std::string(context) + '\0')) {
      return invalid("data", "data does not begin with the key's context \"" +
                                 std::string(context) + "\" and a NUL");
    }
    RETURN_IF_ERROR(add_value(content, "context", std::string(context), "context"));
  }
  if (const auto other = class_resembled(message)) {
    return invalid("data", "data reads as a message of class " + std::string(name_of(*other)) +
                               ", which only a key of that class signs");
  }
  return content;
}

Result<MessageContent> read_jwt(ByteView message, SignatureAlgorithm algorithm, Time at) {
  ASSIGN_OR_RETURN(JwtSigningInput jwt, parse_jwt_signing_input(message, at));
  if (jwt.algorithm != row(algorithm).jose) {
    return invalid("data.header.alg", "data.header.alg is not " + std::string(row(algorithm).jose) +
                                          ", by which the key is asked to sign");
  }
  return std::move(jwt.content);
}

Result<MessageContent> read_ssh(ByteView message, const PublicKey& key, Time at) {
  ASSIGN_OR_RETURN(SshCertificateBody body, parse_ssh_certificate(message, at));
  if (!equal(body.signature_key, ssh_public_key(key))) {
    return invalid("data.signature_key", "data.signature_key is not the key that is asked to sign");
  }
  return std::move(body.content);
}

Result<MessageContent> read_x509(Result<X509Message> read, SignatureAlgorithm algorithm) {
  if (!read) return Failure(std::move(read.error()));
  if (!equal(read->algorithm, signature_identifier(algorithm))) {
    return invalid("data.signature", "data.signature does not say " +
                                         std::string(row(algorithm).name) +
                                         ", by which the key is asked to sign");
  }
  return std::move(read->content);
}

/// What base64 in either alphabet says, by a reader that passes over every other character.
Bytes decode_leniently(std::string_view text) {
  std::string plain;
  for (char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (is_letter(c) || digit || c == '-' || c == '_') plain += c;
    if (c == '+') plain += '-';
    if (c == '/') plain += '_';
  }
  plain.resize((plain.size() + 3) / 4 * 4, 'A');  // of whole groups; what is added decodes to NULs
  auto bytes = from_base64url(plain);
  CHECK(bytes);
  return std::move(*bytes);
}

/// Whether that is base64 of a JSON object; NULs, as in UTF-16, and byte order marks are passed
/// over, and names may be in single quotes or in none, as some readers of JSON take them.
bool resembles_object(std::string_view base64) {
  constexpr std::string_view kSpace("\0 \t\r\n\xef\xbb\xbf\xfe\xff", 10);
  const Bytes decoded = decode_leniently(base64);
  const std::string_view json = text_of(decoded);
  const std::size_t brace = json.find_first_not_of(kSpace);
  if (brace == json.npos || json[brace] != '{') return false;
  std::string_view rest = json.substr(brace + 1);
  while (!rest.empty() && (is_letter(rest[0]) || kSpace.find(rest[0]) != kSpace.npos)) {
    rest.remove_prefix(1);
  }
  return !rest.empty() && std::string_view("\"'}:").find(rest[0]) != std::string_view::npos;
}

/// The first segment of a JWS, whatever follows it, is base64url of a JSON object. It may be empty
/// where all of the header is unprotected (RFC 7515 section 5.1 step 4): then the payload decides.
bool resembles_jws(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == text.npos) return false;
  if (resembles_object(text.substr(0, dot))) return true;
  return dot == 0 && resembles_object(text.substr(1));
}

/// Goes through BER (X.690 section 8), which has more forms than DER.
class BerWalk {
 public:
  explicit BerWalk(ByteView rest) : rest_(rest) {}
  /// An element of indefinite length was to be skipped: what follows it was not looked at.
  [[nodiscard]] bool lost() const { return lost_; }

  /// The tag of the next element, whose content comes next; none where there is none.
  std::optional<std::uint8_t> open() {
    lost_ = false;
    if (rest_.size() < 2) return std::nullopt;
    const std::uint8_t tag = rest_[0];
    const std::size_t octets = rest_[1] > 0x80 ? rest_[1] & 0x7fU : 0;
    if (rest_.size() < 2 + octets) return std::nullopt;
    length_ = octets == 0 ? rest_[1] : 0;
    lost_ = length_ == 0x80;
    for (std::uint8_t octet : rest_.subspan(2, octets)) {
      length_ = std::min<std::size_t>(length_ << 8 | octet, 1U << 30);
    }
    rest_ = rest_.subspan(2 + octets);
    return tag;
  }

  /// The tag of the next element, behind which one is then.
  std::optional<std::uint8_t> skip() {
    const auto tag = open();
    if (!tag || lost_ || length_ > rest_.size()) return std::nullopt;
    rest_ = rest_.subspan(length_);
    return tag;
  }

 private:
  ByteView rest_;
  std::size_t length_ = 0;
  bool lost_ = false;
};

bool is_time(std::optional<std::uint8_t> tag) {
  return tag == der::utc_time || tag == der::generalized_time;
}

/// SEQUENCE { [version,] serial, AlgorithmIdentifier, Name, SEQUENCE { Time … or SEQUENCE {
/// [version,] AlgorithmIdentifier, Name, Time …
std::optional<MessageClass> resembled_x509(ByteView message) {
  BerWalk in(message);
  if (in.open() != der::sequence) return std::nullopt;
  auto tag = in.skip();
  if (tag == der::constructed(0)) tag = in.skip();
  if (tag == der::integer) tag = in.skip();
  if (tag == der::sequence && in.skip() == der::sequence) {
    tag = in.open();
    if (is_time(tag)) return MessageClass::crl;
    if (tag == der::sequence && is_time(in.open())) return MessageClass::certificate;
    return std::nullopt;
  }
  return in.lost() ? std::optional(MessageClass::certificate) : std::nullopt;
}

/// SET { SEQUENCE { OBJECT IDENTIFIER, SET …
bool resembles_attributes(ByteView message) {
  BerWalk in(message);
  return in.open() == der::set && in.open() == der::sequence && in.skip() == der::oid &&
         in.open() == der::set;
}

/// A string that ends as the types of SSH's certificates do.
bool resembles_ssh_certificate(ByteView message) {
  constexpr std::size_t kTypeAtMost = 64;
  if (message.size() < 4 || message[0] != 0 || message[1] != 0 || message[2] != 0) return false;
  const std::size_t size = message[3];
  return size <= kTypeAtMost && message.size() >= 4 + size &&
         text_of(message.subspan(4, size)).find("-cert-v") != std::string_view::npos;
}

}  // namespace

Result<MessageContent> read_message(ByteView message, const MessageBinding& binding, Time at) {
  switch (binding.message_class) {
    case MessageClass::data:
      return read_data(message, binding.context);
    case MessageClass::jwt:
      return read_jwt(message, binding.algorithm, at);
    case MessageClass::ssh_certificate:
      return read_ssh(message, binding.public_key, at);
    case MessageClass::certificate:
      return read_x509(parse_tbs_certificate(message, at), binding.algorithm);
    case MessageClass::crl:
      return read_x509(parse_tbs_crl(message, at), binding.algorithm);
    case MessageClass::cms_attributes:
      return parse_cms_attributes(message);
    case MessageClass::digest:
      break;
  }
  return fail(ErrorCode::conflict, "the key signs digests only: send \"digest\"", "data");
}

std::optional<MessageClass> class_resembled(ByteView message) {
  if (resembles_jws(text_of(message))) return MessageClass::jwt;
  if (resembles_ssh_certificate(message)) return MessageClass::ssh_certificate;
  if (resembles_attributes(message)) return MessageClass::cms_attributes;
  return resembled_x509(message);
}

Result<void> check_context(std::string_view context) {
  const auto allowed = [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '/' || c == '-';
  };
  if (!context.empty() && context.size() <= limits::context_bytes && is_letter(context[0]) &&
      std::ranges::all_of(context, allowed)) {
    return {};
  }
  return invalid("context", "context must have 1 to " + std::to_string(limits::context_bytes) +
                                " letters, digits and . _ / -, the first one a letter");
}

bool suits(MessageClass message_class, SignatureAlgorithm algorithm) {
  switch (message_class) {
    case MessageClass::ssh_certificate:  // RFC 8332, RFC 5656, RFC 8709
      return algorithm != SignatureAlgorithm::rsa_pkcs1_sha384 &&
             algorithm != SignatureAlgorithm::rsa_pss_sha256 &&
             algorithm != SignatureAlgorithm::rsa_pss_sha384 &&
             algorithm != SignatureAlgorithm::rsa_pss_sha512;
    case MessageClass::digest:
      return row(algorithm).digest.has_value();
    case MessageClass::data:
    case MessageClass::jwt:
    case MessageClass::certificate:
    case MessageClass::crl:
    case MessageClass::cms_attributes:
      return true;
  }
  return false;
}

}  // namespace chancery
