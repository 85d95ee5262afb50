#include "core/message_jwt.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/json.h"
#include "core/message_values.h"

namespace chancery {
namespace {

using Json = nlohmann::json;

const std::string kHeader = "data.header";
const std::string kPayload = "data.payload";

/// As some readers compare names: Go's encoding/json takes "SUB" for "sub", and U+017F for an s;
/// those in C end at a NUL.
std::string folded(std::string_view name) {
  std::string text;
  name = name.substr(0, name.find('\0'));
  while (!name.empty()) {
    if (name.starts_with("\u017f")) {
      text += 's';
      name.remove_prefix(2);
    } else if (name.starts_with("\u212a")) {
      text += 'k';
      name.remove_prefix(3);
    } else {
      const char c = name.front();
      text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      name.remove_prefix(1);
    }
  }
  return text;
}

/// What is read here must be all that a reader takes for it.
Result<void> refuse_look_alikes(const Json& object, const std::string& part,
                                std::initializer_list<std::string_view> names) {
  for (const auto& [name, value] : object.items()) {
    const std::string plain = folded(name);
    if (plain == name || std::ranges::find(names, plain) == names.end()) continue;
    return invalid(part, part + " has a member that some read as \"" + plain +
                             "\" and others do not; spell it so");
  }
  return {};
}

Result<Json> decode_part(std::string_view text, const std::string& part) {
  const auto bytes = from_base64url(text);
  if (!bytes || text.empty()) {
    return invalid(part, part + " is not base64url without padding (RFC 7515 section 2)");
  }
  // nlohmann's reader would pass over it; RFC 8259 section 8.1 has none.
  if (text_of(*bytes).starts_with("\xef\xbb\xbf")) {
    return invalid(part, part + " begins with a byte order mark");
  }
  auto value = parse_json(text_of(*bytes));
  // Not in its own words: a member's name may be a person's, and this goes into the log.
  if (!value) return invalid(part, part + " is not JSON, or has a member twice");
  if (!value->is_object()) return invalid(part, part + " is not a JSON object");
  return value;
}

/// Adds a member that is text, if it is there.
Result<void> add_text(MessageContent& content, const Json& object, const std::string& part,
                      const char* member, std::string_view field) {
  const auto found = object.find(member);
  if (found == object.end()) return {};
  const std::string place = part + "." + member;
  if (!found->is_string()) return invalid(place, place + " is not text");
  return add_value(content, field, found->get<std::string>(), place);
}

/// `aud`: one or several (RFC 7519 section 4.1.3).
Result<void> add_audience(MessageContent& content, const Json& payload) {
  const auto found = payload.find("aud");
  if (found == payload.end() || found->is_string()) {
    return add_text(content, payload, kPayload, "aud", "audience");
  }
  const std::string place = kPayload + ".aud";
  if (!found->is_array() || found->empty()) {
    return invalid(place, place + " is neither text nor a list of some");
  }
  for (const Json& one : *found) {
    if (!one.is_string()) return invalid(place, place + " has a value that is not text");
    RETURN_IF_ERROR(add_value(content, "audience", one.get<std::string>(), place));
  }
  return {};
}

/// `scope`: words with one space between (RFC 8693 section 4.2), each a value.
Result<void> add_scope(MessageContent& content, const Json& payload) {
  const auto found = payload.find("scope");
  if (found == payload.end()) return {};
  const std::string place = kPayload + ".scope";
  if (!found->is_string()) return invalid(place, place + " is not text");
  std::string_view rest = found->get_ref<const std::string&>();
  while (true) {
    const std::size_t space = rest.find(' ');
    const std::string_view word = rest.substr(0, space);
    if (word.empty()) return invalid(place, place + " is not words with one space between");
    RETURN_IF_ERROR(add_value(content, "scope", std::string(word), place));
    if (space == rest.npos) return {};
    rest.remove_prefix(space + 1);
  }
}

/// NumericDate (RFC 7519 section 2), of which only whole seconds are read.
Result<std::optional<std::uint64_t>> date_in(const Json& payload, const char* member) {
  const auto found = payload.find(member);
  if (found == payload.end()) return std::nullopt;
  const std::string place = kPayload + "." + member;
  if (!found->is_number_unsigned()) {
    return invalid(place, place + " is not a number of whole seconds since 1970");
  }
  return found->get<std::uint64_t>();
}

/// Media types are the same in either case, with and without "application/" in front (RFC 7515
/// section 4.1.9). One spelling is signed, so that a condition on it leaves no other out.
Result<void> check_type(const Json& header) {
  const auto found = header.find("typ");
  if (found == header.end() || !found->is_string()) return {};
  const std::string& type = found->get_ref<const std::string&>();
  const std::string lower = folded(type);
  if (type == (lower == "jwt" ? "JWT" : lower) && !lower.starts_with("application/")) return {};
  return invalid(kHeader + ".typ",
                 kHeader +
                     ".typ is neither \"JWT\" nor another type in small letters, without "
                     "\"application/\"");
}

Result<void> read_header(const Json& header, JwtSigningInput& input) {
  RETURN_IF_ERROR(refuse_look_alikes(header, kHeader, {"alg", "b64", "crit", "enc", "kid", "typ"}));
  // An extension that must be understood: none is here. RFC 7797's b64 needs crit, and changes what
  // is signed; enc is of an encrypted token, whose header this is then.
  for (const char* member : {"crit", "b64", "enc"}) {
    if (!header.contains(member)) continue;
    const std::string place = kHeader + "." + member;
    return invalid(place, place + " is there; such tokens are not signed here");
  }
  const auto algorithm = header.find("alg");
  if (algorithm == header.end() || !algorithm->is_string()) {
    return invalid(kHeader + ".alg", kHeader + ".alg is not there, or not text");
  }
  input.algorithm = algorithm->get<std::string>();
  RETURN_IF_ERROR(check_type(header));
  RETURN_IF_ERROR(add_text(input.content, header, kHeader, "typ", "type"));
  return add_text(input.content, header, kHeader, "kid", "key_id");
}

Result<void> read_payload(const Json& payload, Time at, MessageContent& content) {
  RETURN_IF_ERROR(
      refuse_look_alikes(payload, kPayload, {"aud", "exp", "iat", "iss", "nbf", "scope", "sub"}));
  RETURN_IF_ERROR(add_text(content, payload, kPayload, "iss", "issuer"));
  RETURN_IF_ERROR(add_text(content, payload, kPayload, "sub", "subject"));
  RETURN_IF_ERROR(add_audience(content, payload));
  RETURN_IF_ERROR(add_scope(content, payload));
  ASSIGN_OR_RETURN(const auto end, date_in(payload, "exp"));
  ASSIGN_OR_RETURN(const auto begin, date_in(payload, "nbf"));
  ASSIGN_OR_RETURN([[maybe_unused]] const auto issued, date_in(payload, "iat"));
  if (!end) return {};
  if (begin && *begin >= *end) {
    return invalid(kPayload + ".exp", kPayload + ".exp is not after nbf: it would never be valid");
  }
  ASSIGN_OR_RETURN(content.lifetime, time_left(*end, at, kPayload + ".exp"));
  return {};
}

}  // namespace

Result<JwtSigningInput> parse_jwt_signing_input(ByteView message, Time at) {
  const std::string_view text = text_of(message);
  const std::size_t dot = text.find('.');
  if (dot == text.npos || text.find('.', dot + 1) != text.npos) {
    return invalid("data",
                   "data is not HEADER.PAYLOAD, each in base64url: the signing input of a JWT");
  }
  JwtSigningInput input;
  input.content.message_class = MessageClass::jwt;
  ASSIGN_OR_RETURN(const Json header, decode_part(text.substr(0, dot), kHeader));
  RETURN_IF_ERROR(read_header(header, input));
  ASSIGN_OR_RETURN(const Json payload, decode_part(text.substr(dot + 1), kPayload));
  RETURN_IF_ERROR(read_payload(payload, at, input.content));
  return input;
}

}  // namespace chancery
