#include "cli/renewal_information.h"

#include <nlohmann/json.hpp>

#include "core/json.h"
#include "core/limits.h"
#include "core/subject.h"

namespace chancery {
namespace {

using nlohmann::json;

Failure bad(const std::string& what) {
  return fail(ErrorCode::internal, "the renewal information that the service gave " + what);
}

Result<Time> time_in(const json& window, const char* member) {
  const auto found = window.find(member);
  if (found == window.end() || !found->is_string()) {
    return bad(std::string("has no suggestedWindow.") + member);
  }
  const auto time = from_rfc3339(found->get<std::string>());
  if (!time) return bad(std::string("has a suggestedWindow.") + member + " that is no time");
  return *time;
}

}  // namespace

Result<RenewalInformation> parse_renewal_information(std::string_view body) {
  if (body.size() > limits::renewal_information_bytes) return bad("is too large");
  const auto object = parse_json(body);
  if (!object || !object->is_object()) return bad("is not a JSON object");
  const auto window = object->find("suggestedWindow");
  if (window == object->end() || !window->is_object()) return bad("has no suggestedWindow");
  RenewalInformation information;
  ASSIGN_OR_RETURN(information.window.start, time_in(*window, "start"));
  ASSIGN_OR_RETURN(information.window.end, time_in(*window, "end"));
  if (information.window.end <= information.window.start) {
    return bad("has a window that ends before it starts");
  }
  const auto url = object->find("explanationURL");
  if (url != object->end() && url->is_string() && is_web_address(url->get<std::string>())) {
    information.explanation_url = url->get<std::string>();
  }
  return information;
}

}  // namespace chancery
