#include "api/caching.h"

#include <array>
#include <ctime>

namespace chancery {
namespace {

constexpr const char* kDate = "%a, %d %b %Y %H:%M:%S GMT";

/// Takes the next member off a list (RFC 9110 section 5.6.1), without the blanks around it.
std::string_view next_member(std::string_view& list) {
  const std::size_t end = std::min(list.find(','), list.size());
  std::string_view member = list.substr(0, end);
  list.remove_prefix(std::min(end + 1, list.size()));
  while (!member.empty() && (member.front() == ' ' || member.front() == '\t')) {
    member.remove_prefix(1);
  }
  while (!member.empty() && (member.back() == ' ' || member.back() == '\t'))
    member.remove_suffix(1);
  return member;
}

bool names(std::string_view list, const std::string& etag) {
  while (!list.empty()) {
    std::string_view member = next_member(list);
    if (member.starts_with("W/")) member.remove_prefix(2);  // weak comparison, section 13.1.2
    if (member == etag || member == "*") return true;
  }
  return false;
}

bool is_unchanged(const HttpRequest& request, const std::string& etag,
                  const std::optional<Time>& made) {
  if (const std::string* known = request.header("If-None-Match")) return names(*known, etag);
  const std::string* since = request.header("If-Modified-Since");
  if (!since || !made) return false;
  const auto date = parse_http_date(*since);
  return date && std::chrono::floor<Seconds>(*made) <= *date;
}

}  // namespace

HttpResponse cached(const HttpRequest& request, const CachedDocument& document) {
  const std::string etag = '"' + document.version + '"';
  HttpResponse response;
  response.content_type = document.content_type;
  response.headers = {
      {"ETag", etag},
      {"Cache-Control", "public, max-age=" + std::to_string(document.max_age.count())},
      {"Expires", http_date(now() + document.max_age)}};
  if (document.made) response.headers.emplace_back("Last-Modified", http_date(*document.made));
  if (is_unchanged(request, etag, document.made)) response.status = 304;
  return response;
}

bool accepts_gzip(const HttpRequest& request) {
  const std::string* header = request.header("Accept-Encoding");
  if (!header) return false;
  std::string_view list = *header;
  while (!list.empty()) {
    std::string_view member = next_member(list);
    const std::string_view coding = member.substr(0, member.find_first_of("; \t"));
    if (!equal_ignoring_case(coding, "gzip") && coding != "*") continue;
    // A weight of zero refuses it: "q=0", "q=0.0", …
    const std::size_t weight = member.find("q=");
    return weight == member.npos ||
           member.substr(weight + 2).find_first_of("123456789") != member.npos;
  }
  return false;
}

std::string http_date(Time time) {
  const std::time_t seconds = to_unix_seconds(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  std::strftime(text.data(), text.size(), kDate, &parts);
  return text.data();
}

std::optional<Time> parse_http_date(const std::string& text) {
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), kDate, &parts);
  if (!end || *end != '\0') return std::nullopt;
  return from_unix_seconds(::timegm(&parts));
}

}  // namespace chancery
