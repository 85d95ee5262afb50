#pragma once

#include "api/http.h"
#include "core/clock.h"

namespace chancery {

/// A document that caches may keep (RFC 9110 section 8.8, RFC 9111 section 5.2).
struct CachedDocument {
  std::string content_type;
  std::string version;  ///< changes with the document: its ETag without quotes
  std::optional<Time> made = {};
  Seconds max_age{};
};

/// The answer, still without a body: 304 where the client has this very document (sections 13.1.1
/// to 13.1.3: its ETag decides, and only without one its date), otherwise 200.
HttpResponse cached(const HttpRequest& request, const CachedDocument& document);

/// Whether Accept-Encoding lets the answer be compressed so (section 12.5.3).
bool accepts_gzip(const HttpRequest& request);

/// RFC 9110 section 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(Time time);
/// Reads that form, the only one that may be sent today; nothing for any other text.
std::optional<Time> parse_http_date(const std::string& text);

}  // namespace chancery
