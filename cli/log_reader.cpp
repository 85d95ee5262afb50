#include "cli/log_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace chancery {

using nlohmann::json;

Result<LogPage> read_log_page(Service& service, std::uint64_t first, std::uint64_t count) {
  ASSIGN_OR_RETURN(json answer, service.get("/v1/audit/entries?first=" + std::to_string(first) +
                                            "&count=" + std::to_string(count)));
  LogPage page;
  ASSIGN_OR_RETURN(page.first, number_in(answer, "first"));
  ASSIGN_OR_RETURN(page.entries, texts_in(answer, "entries"));
  ASSIGN_OR_RETURN(page.size, number_in(answer, "size"));
  if (answer.contains("minimum")) {
    ASSIGN_OR_RETURN(page.minimum, number_in(answer, "minimum"));
  }
  if (page.first != std::max(first, page.minimum) || page.entries.size() > count) {
    return fail(ErrorCode::internal, "the service answered with other log entries than asked for");
  }
  return page;
}

json to_json(const LogPage& page) {
  json object = {{"first", page.first}, {"entries", page.entries}, {"size", page.size}};
  if (page.minimum > 0) object["minimum"] = page.minimum;
  return object;
}

Result<PublishedKeys> read_published_keys(Service& service) {
  ASSIGN_OR_RETURN(json answer, service.get("/v1/audit/keys"));
  PublishedKeys keys;
  ASSIGN_OR_RETURN(keys.origin, text_in(answer, "origin"));
  ASSIGN_OR_RETURN(keys.vkeys, texts_in(answer, "vkeys"));
  return keys;
}

Result<std::string> read_key_changes(Service& service) {
  return service.get_text("/v1/audit/keys/changes", "text/plain");
}

Result<std::string> read_checkpoint(Service& service) {
  return service.get_text("/v1/audit/checkpoint", "text/plain");
}

}  // namespace chancery
