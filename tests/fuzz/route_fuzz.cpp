// Requests as they come from the network: how they are cut into pieces makes no difference, and
// what is accepted has one reading only.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "api/http_message.h"
#include "api/request_reader.h"
#include "api/router.h"
#include "core/limits.h"

namespace {

using namespace chancery;

void require(bool condition) {
  if (!condition) std::abort();
}

const Router& routes() {
  static const Router router = [] {
    const auto echo = [](HttpRequest& request) {
      HttpResponse response;
      for (const auto& [name, value] : request.path_parameters) response.body += "/" + value;
      return response;
    };
    return Router({{"GET", "/v1/keys", "keys", "", echo},
                   {"POST", "/v1/keys/{name}/sign", "sign", "application/json", echo},
                   {"GET", "/v1/keys/{name}", "key", "", echo},
                   {"GET", "/crl/{ca}.crl", "crl", "", echo},
                   {"GET", "/log/tile/{tile...}", "tile", "", echo}});
  }();
  return router;
}

/// Of an accepted request: nothing that another reader could take for the end of a line, a path
/// that means one thing, and an answer from exactly the routes.
void check_request(std::string_view head, Bytes body) {
  require(head.ends_with("\r\n\r\n") && head.find('\0') == head.npos);
  require(std::count(head.begin(), head.end(), '\n') == std::count(head.begin(), head.end(), '\r'));
  require(body.size() <= limits::body_bytes);
  std::string id;
  auto request = read_request(head, id);
  require(!id.empty() && id.size() <= limits::request_id_bytes);
  if (!request) {
    require(request.error().code == ErrorCode::invalid_request && !request.error().field.empty());
    return;
  }
  require(request->headers.size() <= limits::header_count);
  std::string rebuilt;
  for (const std::string& segment : request->segments) {
    require(!segment.empty() && segment != "." && segment != ".." &&
            segment.find('/') == segment.npos);
    rebuilt += "/" + segment;
  }
  if (request->path.find('%') == std::string::npos && request->path != "/") {
    require(rebuilt == request->path);
  }
  request->body = std::move(body);
  const HttpResponse response = routes().answer(*request);
  const std::vector<int> possible = {200, 400, 404, 405, 415};
  require(std::find(possible.begin(), possible.end(), response.status) != possible.end());
}

/// Everything that the reader made of the text, in words.
std::string read_all(std::string_view text, std::size_t piece, bool check) {
  RequestReader reader;
  std::string all;
  while (!text.empty()) {
    reader.append(text.substr(0, piece));
    text.remove_prefix(std::min(piece, text.size()));
    all += reader.take_expectation() ? "" : "";
    while (reader.state() == RequestReader::State::complete) {
      Bytes body = reader.take_body();
      all += std::string(reader.head()) + "|" + std::string(text_of(body)) + "|" +
             (reader.keep_alive() ? "keep" : "close") + "\n";
      if (check) check_request(reader.head(), std::move(body));
      reader.next();
    }
  }
  if (reader.state() == RequestReader::State::refused) {
    all += "refused " + std::to_string(row(reader.refusal().kind).status);
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] + std::size_t{1};
  const std::string_view text = text_of({data + 1, size - 1});
  require(read_all(text, text.size() + 1, true) == read_all(text, piece, false));
  return 0;
}
