#include "api/request_head.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "core/limits.h"

namespace chancery {
namespace {

using Refused = tl::unexpected<Refusal>;

Refused refuse(ProblemKind kind, std::string detail) {
  return Refused(Refusal{kind, std::move(detail)});
}
Refused malformed(std::string detail) {
  return refuse(ProblemKind::invalid_request, std::move(detail));
}

constexpr std::size_t method_bytes = 16;       // the longest method that anyone sends has 11
constexpr std::size_t field_name_bytes = 256;  // Poco reads no longer ones
constexpr std::size_t field_value_bytes = 8192;

/// RFC 9110 section 5.6.2
bool is_token(std::string_view text) {
  auto allowed = [](char c) {
    const bool alphanumeric =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return alphanumeric || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), allowed);
}

/// RFC 9110 section 5.5 without obs-text: visible ASCII, spaces and tabs.
bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 0x20 && c < 0x7F) || c == '\t'; });
}

/// Poco would decode it, so that a handler saw what the checks above did not.
bool has_encoded_word(std::string_view text) {
  const auto begin = text.find("=?");
  return begin != std::string_view::npos && text.find("?=", begin + 2) != std::string_view::npos;
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Whether a comma-separated list has this member (RFC 9110 section 5.6.1).
bool lists(std::string_view list, std::string_view member) {
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    if (equal_ignoring_case(trim(list.substr(begin, end - begin)), member)) return true;
    begin = end + 1;
  }
  return false;
}

enum class Version { http_1_0, http_1_1 };

tl::expected<Version, Refusal> check_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return malformed("the request line must be a method, a target and a version");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(method) || method.size() > method_bytes) {
    return malformed("the method is not a token");
  }
  auto visible = [](char c) { return c > 0x20 && c < 0x7F; };
  if (target.empty() || !std::all_of(target.begin(), target.end(), visible)) {
    return malformed("the target has characters that do not belong there");
  }
  if (target.size() > limits::path_bytes) {
    return refuse(ProblemKind::uri_too_long,
                  "the target has more than " + std::to_string(limits::path_bytes) + " bytes");
  }
  if (version == "HTTP/1.1") return Version::http_1_1;
  if (version == "HTTP/1.0") return Version::http_1_0;
  if (version.starts_with("HTTP/")) {
    return refuse(ProblemKind::version_not_supported, "only HTTP/1.0 and HTTP/1.1 are served");
  }
  return malformed("the version is not HTTP");
}

/// The header fields that decide something here, or that must not be given twice because what
/// handles the request reads one value.
struct Fields {
  using Value = std::optional<std::string_view>;
  Value host, content_length, transfer_encoding, connection, expect;
  Value content_type, idempotency_key, request_id, authorization;

  Value* single(std::string_view name) {
    const std::array<std::pair<std::string_view, Value*>, 9> known{{
        {"Host", &host},
        {"Content-Length", &content_length},
        {"Transfer-Encoding", &transfer_encoding},
        {"Connection", &connection},
        {"Expect", &expect},
        {"Content-Type", &content_type},
        {"Idempotency-Key", &idempotency_key},
        {"X-Request-Id", &request_id},
        {"Authorization", &authorization},
    }};
    for (const auto& [known_name, value] : known) {
      if (equal_ignoring_case(name, known_name)) return value;
    }
    return nullptr;
  }
};

std::optional<Refusal> check_field(std::string_view line, Fields& fields) {
  auto bad = [](std::string detail) {
    return Refusal{ProblemKind::invalid_request, std::move(detail)};
  };
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return bad("a header line has no colon");
  const std::string_view name = line.substr(0, colon);
  // Also refuses folded lines, which begin with white space, and white space before the colon.
  if (!is_token(name)) return bad("a header name is not a token");
  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_field_value(value)) {
    return bad("the header " + std::string(name) + " has characters that do not belong there");
  }
  if (name.size() > field_name_bytes || value.size() > field_value_bytes) {
    return Refusal{ProblemKind::headers_too_large, "a header is too long"};
  }
  if (has_encoded_word(value)) return bad("encoded words (RFC 2047) do not belong into headers");
  if (Fields::Value* single = fields.single(name)) {
    if (single->has_value()) return bad("the header " + std::string(name) + " is given twice");
    *single = value;
  }
  return std::nullopt;
}

tl::expected<void, Refusal> check_body(const Fields& fields, Version version, RequestHead& head) {
  if (fields.transfer_encoding) {
    if (fields.content_length) {
      return malformed("Content-Length and Transfer-Encoding exclude each other");
    }
    if (version == Version::http_1_0) return malformed("HTTP/1.0 has no Transfer-Encoding");
    if (!equal_ignoring_case(*fields.transfer_encoding, "chunked")) {
      return refuse(ProblemKind::not_implemented, "the only Transfer-Encoding known is chunked");
    }
    head.body = RequestHead::Body::chunked;
    return {};
  }
  if (!fields.content_length) return {};
  const std::string_view text = *fields.content_length;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), head.content_length);
  if (error == std::errc::result_out_of_range) {
    return refuse(ProblemKind::too_large, "the body is over the bound");
  }
  if (error != std::errc() || end != text.data() + text.size()) {
    return malformed("Content-Length is not a number");
  }
  if (head.content_length > limits::body_bytes) {
    return refuse(ProblemKind::too_large,
                  "the body has more than " + std::to_string(limits::body_bytes) + " bytes");
  }
  if (head.content_length > 0) head.body = RequestHead::Body::sized;
  return {};
}

tl::expected<RequestHead, Refusal> decide(const Fields& fields, Version version) {
  if (version == Version::http_1_1 && !fields.host) return malformed("the header Host is missing");
  RequestHead head;
  if (auto body = check_body(fields, version, head); !body) return Refused(body.error());
  if (fields.expect) {
    if (!equal_ignoring_case(*fields.expect, "100-continue")) {
      return refuse(ProblemKind::expectation_failed, "the only Expect known is 100-continue");
    }
    head.expects_continue = version == Version::http_1_1 && head.body != RequestHead::Body::none;
  }
  const std::string_view connection = fields.connection.value_or("");
  head.keep_alive =
      version == Version::http_1_1 ? !lists(connection, "close") : lists(connection, "keep-alive");
  return head;
}

}  // namespace

tl::expected<RequestHead, Refusal> check_request_head(std::string_view head) {
  Fields fields;
  std::optional<Version> version;
  std::size_t count = 0;
  for (std::size_t begin = 0; begin < head.size();) {
    const std::size_t end = head.find("\r\n", begin);
    if (end == std::string_view::npos) return malformed("a line does not end in CR LF");
    const std::string_view line = head.substr(begin, end - begin);
    begin = end + 2;
    if (!version) {
      auto checked = check_request_line(line);
      if (!checked) return Refused(checked.error());
      version = *checked;
    } else if (line.empty()) {
      if (begin != head.size()) return malformed("the head goes on after its empty line");
      return decide(fields, *version);
    } else if (++count > limits::header_count) {
      return refuse(ProblemKind::headers_too_large,
                    "there are more than " + std::to_string(limits::header_count) + " headers");
    } else if (auto refusal = check_field(line, fields)) {
      return Refused(std::move(*refusal));
    }
  }
  return malformed("the head does not end in an empty line");
}

}  // namespace chancery
