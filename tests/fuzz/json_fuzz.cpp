// Bodies of requests: what is accepted is an object whose members were each read once as the type
// that they have, and what nobody asked for is named.

#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "api/json_body.h"
#include "api/problem.h"
#include "core/limits.h"

namespace {

using namespace chancery;

void require(bool condition) {
  if (!condition) std::abort();
}

int depth_of(const nlohmann::json& value) {
  int deepest = 0;
  if (value.is_structured()) {
    for (const auto& element : value) deepest = std::max(deepest, depth_of(element));
    ++deepest;
  }
  return deepest;
}

/// Exactly one reader of a member succeeds, the one for its type.
void check_member(JsonBody& body, const std::string& name, const nlohmann::json& value) {
  const auto text = body.string(name);
  require(text.has_value() == value.is_string());
  if (text) require(*text == value.get<std::string>());
  require(body.boolean(name).has_value() == value.is_boolean());
  const auto number = body.integer(name, INT64_MIN, INT64_MAX);
  require(!number || value.is_number_integer());
  if (number) require(nlohmann::json(*number) == value);
  const auto bytes = body.base64(name);
  require(!bytes || (value.is_string() && to_base64(*bytes) == value.get<std::string>()));
  require(!body.strings(name).has_value() || value.is_array());
  const auto nested = body.object(name);
  require(nested.has_value() == value.is_object());
  if (nested) require(nested->finish().has_value() == value.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto body = JsonBody::parse({data, size});
  if (!body) {
    require(body.error().code == ErrorCode::invalid_request);
    // What is wrong is said in a document that parses, whatever was sent.
    const HttpResponse response = problem(body.error(), "r");
    require(nlohmann::json::parse(response.body)["status"] == 400);
    return 0;
  }
  const auto document = nlohmann::json::parse(data, data + size);
  require(document.is_object() && depth_of(document) <= limits::json_depth);
  const auto unknown = body->finish();
  require(unknown.has_value() == document.empty());
  if (!unknown) require(document.contains(unknown.error().field));
  for (const auto& [name, value] : document.items()) check_member(*body, name, value);
  require(body->finish().has_value());
  require(!body->string("\x01 no such member").has_value());
  return 0;
}
