#include "cli/audit_search.h"

#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

namespace chancery {
namespace {

using nlohmann::json;

/// RFC 3986 section 2.1.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    result += plain ? std::string(1, c) : "%" + to_hex(bytes_of({&c, 1}));
  }
  return result;
}

}  // namespace

std::string query_of(const AuditFilter& filter) {
  std::string query = "?";
  const auto add = [&](const char* name, std::string_view value) {
    if (value.empty()) return;
    query += (query.size() > 1 ? "&" : "") + std::string(name) + "=" + escaped(value);
  };
  if (filter.machine) add("machine", filter.machine->text());
  if (filter.key) add("key", filter.key->text());
  if (filter.serial) add("serial", filter.serial->hex());
  if (filter.kind) add("kind", name_of(*filter.kind));
  add("request", filter.request);
  add("grant", filter.grant);
  if (filter.from) add("from", to_rfc3339(*filter.from));
  if (filter.until) add("until", to_rfc3339(*filter.until));
  return query;
}

Result<json> search_log(Service& service, const std::string& query) {
  for (;;) {
    ASSIGN_OR_RETURN(json answer, service.get("/v1/audit/search" + query));
    ASSIGN_OR_RETURN(const std::uint64_t indexed, number_in(answer, "indexed"));
    ASSIGN_OR_RETURN(const std::uint64_t size, number_in(answer, "size"));
    if (indexed >= size) return answer;
    std::fprintf(stderr, "%s%llu of %llu entries indexed%s", ::isatty(STDERR_FILENO) ? "\r" : "",
                 static_cast<unsigned long long>(indexed), static_cast<unsigned long long>(size),
                 ::isatty(STDERR_FILENO) ? "" : "\n");
  }
}

Result<std::uint64_t> first_entry_from(Service& service, Time time) {
  ASSIGN_OR_RETURN(const json answer,
                   search_log(service, "?limit=1&from=" + escaped(to_rfc3339(time))));
  ASSIGN_OR_RETURN(const auto rows, rows_in(answer, "entries"));
  return rows.empty() ? number_in(answer, "size") : number_in(rows[0], "index");
}

}  // namespace chancery
