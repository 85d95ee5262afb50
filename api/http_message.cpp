#include "api/http_message.h"

#include <Poco/Exception.h>
#include <Poco/MemoryStream.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Timestamp.h>

#include <sstream>

#include "api/target.h"
#include "core/identifier.h"

namespace chancery {
namespace {

/// A header value may come from a name that somebody chose: it must not begin a header of its own.
std::string one_line(std::string value) {
  for (char& c : value) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return value;
}

}  // namespace

Result<HttpRequest> read_request(std::string_view head, std::string& request_id) {
  HttpRequest request;
  // Never the client's: in the log each id is of one request.
  request_id = request.id = new_request_id();
  Poco::Net::HTTPRequest message;
  try {
    Poco::MemoryInputStream stream(head.data(), static_cast<std::streamsize>(head.size()));
    message.read(stream);
  } catch (const Poco::Exception& exception) {
    return fail(ErrorCode::invalid_request, "the request's head does not parse", {},
                exception.displayText());
  }
  for (const auto& [name, value] : message) request.headers.emplace_back(name, value);
  request.method = message.getMethod();
  ASSIGN_OR_RETURN(Target target, parse_target(message.getURI()));
  request.path = std::move(target.path);
  request.segments = std::move(target.segments);
  request.query = std::move(target.query);
  return request;
}

std::string write_response_head(const HttpResponse& response, std::string_view request_id,
                                ResponseFraming framing) {
  using Poco::Net::HTTPResponse;
  HTTPResponse message(Poco::Net::HTTPMessage::HTTP_1_1,
                       static_cast<HTTPResponse::HTTPStatus>(response.status));
  message.setDate(Poco::Timestamp());
  if (!response.content_type.empty()) message.set("Content-Type", response.content_type);
  for (const auto& [name, value] : response.headers) message.add(name, one_line(value));
  message.set("X-Request-Id", std::string(request_id));
  // RFC 9110 section 8.6: neither a 204 nor a 304 that has no content of its own carries a length.
  if (response.status != HTTPResponse::HTTP_NO_CONTENT &&
      response.status != HTTPResponse::HTTP_NOT_MODIFIED) {
    const std::size_t size = response.document ? response.document->size() : response.body.size();
    message.setContentLength64(static_cast<Poco::Int64>(size));
  }
  message.setKeepAlive(framing.keep_alive);
  std::ostringstream text;
  message.write(text);
  return std::move(text).str();
}

}  // namespace chancery
