#include "api/endpoint.h"

#include <charconv>

#include "api/receipt_preference.h"
#include "core/receipt.h"

namespace chancery {
namespace {

/// A repeat is the same method, path and body; of a GET, also the same query.
Bytes fingerprint_of(const HttpRequest& request) {
  std::string text = request.method + "\n" + request.path + "\n";
  if (request.method == "GET") {
    for (const auto& [name, value] : request.query) text += name + "=" + value + "\n";
  }
  text.append(request.body.begin(), request.body.end());
  return sha256(bytes_of(text));
}

/// The value of a header that names something: printable, without spaces; empty where absent.
Result<std::string> token_in(const HttpRequest& request, const char* header, std::size_t at_most) {
  const std::string* value = request.header(header);
  if (!value) return std::string();
  bool good = !value->empty() && value->size() <= at_most;
  for (char c : *value) good = good && c > 0x20 && c < 0x7f;
  if (!good) {
    return invalid(header,
                   "must be 1 to " + std::to_string(at_most) + " printable ASCII characters");
  }
  return *value;
}

Result<Caller> caller_of(const HttpRequest& request, Machine machine) {
  Caller caller{{request.id, std::move(machine)}, {}, fingerprint_of(request)};
  ASSIGN_OR_RETURN(caller.idempotency_key,
                   token_in(request, "Idempotency-Key", limits::idempotency_key_bytes));
  ASSIGN_OR_RETURN(caller.approval, token_in(request, "Chancery-Approval", limits::name_bytes));
  caller.request_line = (request.method + " " + request.path).substr(0, limits::request_line_bytes);
  return caller;
}

/// What the client has to know to go on, beside what every problem says.
Result<Json> way_on(const Call& call, const Error& error) {
  Json members = Json::object();
  if (error.used_up) {
    members["quota"] = error.used_up->quota;
    members["limit"] = error.used_up->limit;
    if (error.used_up->until) members["until"] = to_rfc3339_seconds(*error.used_up->until);
  }
  if (error.code == ErrorCode::approval_needed) {
    ASSIGN_OR_RETURN(const ApprovalId id, ApprovalId::parse(error.approval));
    ASSIGN_OR_RETURN(const ApprovalView view,
                     call.service().approvals().find(*call.service().policy(), id));
    members["approval"] = id.text();
    members["rule"] = view.record.rule;
    members["needed"] = view.record.needed;
    members["given"] = view.count();
    members["expires_at"] = to_rfc3339_seconds(view.record.expires_at);
  }
  return members;
}

HttpResponse refusal(const Call& call, const Error& error) {
  HttpResponse response = problem(error, call.request.id);
  const auto members = way_on(call, error);
  if (members && !members->empty()) {
    auto document = nlohmann::ordered_json::parse(response.body);
    document.update(*members);
    response.body =
        document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }
  if (error.used_up && error.used_up->until) {
    const auto wait = std::chrono::ceil<Seconds>(*error.used_up->until - now());
    response.headers.emplace_back("Retry-After",
                                  std::to_string(std::max<Seconds::rep>(1, wait.count())));
  }
  return response;
}

/// The one place where what an endpoint returns becomes an answer.
HttpResponse answer(Application& application, const HttpRequest& request, Result<Caller> caller,
                    Endpoint endpoint) {
  if (!caller) return problem(caller.error(), request.id);
  Call call{application, request, std::move(*caller)};
  auto response = endpoint(call);
  if (!response) return refusal(call, response.error());
  return std::move(*response);
}

/// Whether a published checkpoint covers the entry, after that long. Where many wait already, for a
/// quorum perhaps that does not come, the others keep their workers.
bool is_published(const Call& call, std::uint64_t index, std::chrono::seconds wait) {
  const AuditLog& log = call.instance().log();
  if (log.wait_until_published(index, std::chrono::seconds{0})) return true;
  const auto place = call.application.receipt_places.take();
  return place && log.wait_until_published(index, wait);
}

std::string body_type(bool takes_body) {
  return takes_body ? "application/json" : "";
}

}  // namespace

Route authenticated(Application& application, std::string method, std::string pattern,
                    std::string name, Endpoint endpoint, bool takes_body) {
  return {std::move(method), std::move(pattern), std::move(name), body_type(takes_body),
          [&application, endpoint](HttpRequest& request) {
            auto machine = application.authenticate(*request.peer);
            if (!machine) return problem(machine.error(), request.id);
            return answer(application, request, caller_of(request, std::move(*machine)), endpoint);
          }};
}

Route open(Application& application, std::string method, std::string pattern, std::string name,
           Endpoint endpoint, bool takes_body) {
  return {std::move(method), std::move(pattern), std::move(name), body_type(takes_body),
          [&application, endpoint](HttpRequest& request) {
            Machine anyone;
            anyone.source = request.peer->address;
            return answer(application, request, caller_of(request, std::move(anyone)), endpoint);
          }};
}

Route with_query(Route route, std::vector<std::string> names) {
  route.query = std::move(names);
  return route;
}

HttpResponse json_response(int status, const Json& body) {
  HttpResponse response;
  response.status = status;
  response.content_type = "application/json";
  response.headers = {{"Cache-Control", "no-store"}};
  response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  return response;
}

Result<void> expect_no_members(const HttpRequest& request) {
  if (request.body.empty()) return {};
  ASSIGN_OR_RETURN(const JsonBody body, JsonBody::parse(request.body));
  return body.finish();
}

Result<std::uint64_t> parse_number(const std::string& text, std::string_view field) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return invalid(std::string(field), "must be a whole number");
  }
  return number;
}

Result<std::optional<Time>> optional_time(JsonBody& body, std::string_view member) {
  ASSIGN_OR_RETURN(const auto text, body.optional_string(member));
  if (!text) return std::nullopt;
  const auto time = from_rfc3339(*text);
  if (!time) return invalid(std::string(member), time.error().message);
  return std::chrono::floor<Seconds>(*time);
}

Result<std::optional<Time>> query_time(const HttpRequest& request, std::string_view name) {
  const std::string* text = request.query_value(name);
  if (!text) return std::nullopt;
  const auto time = from_rfc3339(*text);
  if (!time) return invalid(std::string(name), time.error().message);
  return *time;
}

Result<Page> page_of(const HttpRequest& request) {
  Page page;
  for (const auto& [name, value] : request.query) {
    if (name == "after") {
      page.after = value;
    } else if (name == "limit") {
      const auto rows = parse_number(value, name);
      if (!rows || *rows == 0 || *rows > limits::page_rows) {
        return invalid("limit", "must be 1 to " + std::to_string(limits::page_rows));
      }
      page.limit = static_cast<std::size_t>(*rows);
    }
  }
  return page;
}

Result<HttpResponse> with_receipt(const Call& call, std::uint64_t index, int status, Json body) {
  const std::string* prefer = call.request.header("Prefer");
  const auto wait = prefer ? receipt_preference(*prefer) : std::nullopt;
  if (!wait || !is_published(call, index, *wait)) return json_response(status, body);
  // The certificate or signature is recorded and goes out, whatever becomes of its receipt.
  const std::string checkpoint = call.instance().log().published_checkpoint();
  const auto receipt = make_receipt(call.store(), checkpoint, index);
  if (!receipt) return json_response(status, body);
  body["receipt"] = to_text(*receipt);
  HttpResponse response = json_response(status, body);
  response.headers.emplace_back("Preference-Applied", "receipt");
  return response;
}

Result<std::uint64_t> authorize(const Call& call, Operation operation, const std::string& owner,
                                const std::string& key) {
  PolicyQuestion question{.operation = operation};
  question.owner = owner;
  question.key = key;
  return call.service().authorize(call.caller, question);
}

}  // namespace chancery
