#include "cli/service.h"

#include <nlohmann/json.hpp>

#include "cli/problem.h"
#include "core/bytes.h"
#include "core/json.h"

namespace chancery {
namespace {

using nlohmann::json;

Failure unexpected_answer(const std::string& what) {
  return fail(ErrorCode::internal,
              "the answer " + what + ": is --url the address of a Chancery of this version?");
}

Result<json> parse_answer(const HttpAnswer& answer) {
  auto object = parse_json(answer.body);
  if (!object || !object->is_object()) return unexpected_answer("is not a complete JSON object");
  return object;
}

Failure wrong_member(std::string_view member) {
  return unexpected_answer("has no \"" + std::string(member) + "\" of the right kind");
}

}  // namespace

Result<std::unique_ptr<Service>> Service::connect(std::string url, TlsOptions tls,
                                                  std::string idempotency_key) {
  while (url.ends_with('/')) url.pop_back();
  if (!url.starts_with("https://") || url.size() == std::string_view("https://").size()) {
    return invalid("--url", "\"" + url + "\" is not an https:// address");
  }
  auto client = HttpClient::create(std::move(tls));
  return std::unique_ptr<Service>(
      new Service(std::move(url), std::move(client), std::move(idempotency_key)));
}

Result<HttpAnswer> Service::send(HttpRequest request) {
  request.url = url_ + request.url;
  request.approval = approval_;
  retry_after_.reset();
  ASSIGN_OR_RETURN(HttpAnswer answer, client_->send(request));
  retry_after_ = answer.retry_after;
  if (answer.status < 200 || answer.status > 299) return Failure(problem_of(answer));
  return answer;
}

Result<json> Service::get(const std::string& path) {
  ASSIGN_OR_RETURN(HttpAnswer answer, send({.url = path}));
  return parse_answer(answer);
}

Result<json> Service::post(const std::string& path, const json& body, Seconds deadline) {
  HttpRequest request{.url = path, .body = body.dump(), .deadline = deadline};
  request.repeatable = repeatable_;
  request.idempotency_key =
      idempotency_key_.empty() ? to_hex(random_bytes(16)) : std::exchange(idempotency_key_, "");
  ASSIGN_OR_RETURN(HttpAnswer answer, send(std::move(request)));
  return parse_answer(answer);
}

Result<std::string> Service::get_text(const std::string& path, const std::string& media_type) {
  ASSIGN_OR_RETURN(HttpAnswer answer, send({.url = path, .accept = media_type}));
  return std::move(answer.body);
}

Result<std::string> text_in(const json& object, std::string_view member) {
  auto found = object.find(member);
  if (found == object.end() || !found->is_string()) return wrong_member(member);
  return found->get<std::string>();
}

Result<std::uint64_t> number_in(const json& object, std::string_view member) {
  auto found = object.find(member);
  if (found == object.end() || !found->is_number_unsigned()) return wrong_member(member);
  return found->get<std::uint64_t>();
}

Result<bool> flag_in(const json& object, std::string_view member) {
  auto found = object.find(member);
  if (found == object.end() || !found->is_boolean()) return wrong_member(member);
  return found->get<bool>();
}

Result<std::vector<std::string>> texts_in(const json& object, std::string_view member) {
  auto found = object.find(member);
  if (found == object.end() || !found->is_array()) return wrong_member(member);
  std::vector<std::string> texts;
  for (const json& item : *found) {
    if (!item.is_string()) return wrong_member(member);
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

Result<std::vector<json>> rows_in(const json& object, std::string_view member) {
  auto found = object.find(member);
  if (found == object.end() || !found->is_array()) return wrong_member(member);
  std::vector<json> rows;
  for (const json& item : *found) {
    if (!item.is_object()) return wrong_member(member);
    rows.push_back(item);
  }
  return rows;
}

std::string optional_text_in(const json& object, std::string_view member) {
  auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace chancery
