#include "api/target.h"

#include <algorithm>
#include <cstdint>

namespace chancery {
namespace {

/// RFC 3986 section 3.3 pchar, without the percent sign.
bool is_path_character(char c) {
  const bool alphanumeric =
      (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return alphanumeric || std::string_view("-._~!$&'()*+,;=:@").find(c) != std::string_view::npos;
}

/// RFC 3986 section 3.4; "&" and "=" separate parameters.
bool is_query_character(char c) {
  return (is_path_character(c) && c != '&' && c != '=') || c == '/' || c == '?';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Table 3-7 of the Unicode Standard: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<std::uint8_t>(text[i++]);
    if (lead < 0x80) continue;
    const int more = lead >= 0xC2 && lead <= 0xDF   ? 1
                     : lead >= 0xE0 && lead <= 0xEF ? 2
                     : lead >= 0xF0 && lead <= 0xF4 ? 3
                                                    : 0;
    if (more == 0) return false;
    std::uint8_t least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    std::uint8_t most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    for (int k = 0; k < more; ++k) {
      if (i == text.size()) return false;
      const auto next = static_cast<std::uint8_t>(text[i++]);
      if (next < least || next > most) return false;
      least = 0x80;
      most = 0xBF;
    }
  }
  return true;
}

Result<std::string> decode(std::string_view text, bool (*allowed)(char), const char* field) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      if (!allowed(text[i]))
        return invalid(field, "there is a character that does not belong here");
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) return invalid(field, "a percent sign needs two hexadecimal digits");
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  const bool control = std::any_of(decoded.begin(), decoded.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  });
  if (control) return invalid(field, "control characters are not allowed");
  if (!is_utf8(decoded)) return invalid(field, "it is not UTF-8");
  return decoded;
}

/// RFC 6960 appendix A.1: what follows is one piece of base64, whose slashes need not be encoded.
constexpr std::string_view kOcspPath = "/ocsp/";

Result<std::vector<std::string>> parse_ocsp_path(std::string_view path) {
  const auto allowed = [](char c) { return is_path_character(c) || c == '/'; };
  ASSIGN_OR_RETURN(std::string request, decode(path.substr(kOcspPath.size()), allowed, "path"));
  return std::vector<std::string>{"ocsp", std::move(request)};
}

Result<std::vector<std::string>> parse_path(std::string_view path) {
  if (path.empty() || path[0] != '/') return invalid("path", "the target must begin with a slash");
  if (path.starts_with(kOcspPath)) return parse_ocsp_path(path);
  std::vector<std::string> segments;
  if (path == "/") return segments;
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    ASSIGN_OR_RETURN(std::string segment,
                     decode(path.substr(begin, end - begin), is_path_character, "path"));
    if (segment.empty() || segment == "." || segment == "..") {
      return invalid("path", "empty and dot segments are not allowed");
    }
    if (segment.find('/') != std::string::npos) {
      return invalid("path", "an encoded slash is not allowed");
    }
    segments.push_back(std::move(segment));
    begin = end + 1;
  }
  return segments;
}

Result<NamedValues> parse_query(std::string_view query) {
  NamedValues values;
  if (query.empty()) return values;
  for (std::size_t begin = 0; begin <= query.size();) {
    const std::size_t end = std::min(query.find('&', begin), query.size());
    const std::string_view pair = query.substr(begin, end - begin);
    const std::size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string_view::npos) {
      return invalid("query", "each parameter must be name=value");
    }
    ASSIGN_OR_RETURN(std::string name, decode(pair.substr(0, equals), is_query_character, "query"));
    ASSIGN_OR_RETURN(std::string value,
                     decode(pair.substr(equals + 1), is_query_character, "query"));
    const bool repeated = std::any_of(values.begin(), values.end(),
                                      [&](const auto& entry) { return entry.first == name; });
    if (repeated) return invalid("query", "the parameter " + name + " is given twice");
    values.emplace_back(std::move(name), std::move(value));
    begin = end + 1;
  }
  return values;
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  const std::size_t mark = std::min(text.find('?'), text.size());
  Target target{std::string(text.substr(0, mark)), {}, {}};
  ASSIGN_OR_RETURN(target.segments, parse_path(target.path));
  if (mark < text.size()) {
    ASSIGN_OR_RETURN(target.query, parse_query(text.substr(mark + 1)));
  }
  return target;
}

}  // namespace chancery
