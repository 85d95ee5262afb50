#include "cli/problem.h"

#include <nlohmann/json.hpp>

#include "core/json.h"

namespace chancery {
namespace {

using nlohmann::json;

ErrorCode code_of(long status) {
  switch (status) {
    case 400:
    case 405:
    case 415:
      return ErrorCode::invalid_request;
    case 401:
      return ErrorCode::unauthenticated;
    case 403:
      return ErrorCode::forbidden;
    case 404:
      return ErrorCode::not_found;
    case 409:
      return ErrorCode::conflict;
    case 413:
    case 414:
    case 431:
      return ErrorCode::too_large;
    case 422:
      return ErrorCode::unprocessable;
    case 429:
    case 503:
      return ErrorCode::busy;
    case 504:
      return ErrorCode::deadline_exceeded;
    default:
      return ErrorCode::internal;
  }
}

/// Of kinds that share a status with another.
ErrorCode code_of(const json& document, long status) {
  const auto type = document.find("type");
  if (type != document.end() && *type == "urn:chancery:problem:approval-needed") {
    return ErrorCode::approval_needed;
  }
  if (type != document.end() && *type == "urn:chancery:problem:quota-exceeded") {
    return ErrorCode::quota_exceeded;
  }
  return code_of(status);
}

/// The same of one that a member of the request names; nullptr where the code says enough.
const char* next_step(ErrorCode code, std::string_view field) {
  if (code == ErrorCode::not_found && field == "approval") {
    return "`chancery approvals list` shows what there is";
  }
  if (code == ErrorCode::not_found && field == "shadow") {
    return "`chancery policy shadow FILE` starts one";
  }
  if (code == ErrorCode::not_found && field == "version") {
    return "`chancery policy versions` lists what was in force";
  }
  if (code == ErrorCode::forbidden && field == "approval") {
    return "another of its approvers has to agree; `chancery approvals show ID` shows it";
  }
  return nullptr;
}

/// What the user can do about a problem that the service reports.
const char* next_step(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_request:
      return "mend the request and try again";
    case ErrorCode::unauthenticated:
      return "present a valid identity (--identity DIR); a machine without one enrols with a new "
             "token from `chancery machine token NAME`";
    case ErrorCode::forbidden:
      return "ask an administrator for a grant in policy.yaml; an auditor sees why with "
             "`chancery policy explain --request ID`";
    case ErrorCode::approval_needed:
      return "approvers look at it with `chancery approvals show ID` and agree with `chancery "
             "approve ID`; repeat the same command with --approval ID then";
    case ErrorCode::quota_exceeded:
      return "wait until the moment that is named, or ask an administrator for a larger quota in "
             "policy.yaml";
    case ErrorCode::not_found:
      return "check the name; `chancery key list`, `ca list`, `cert list` and `machine list` show "
             "what there is";
    case ErrorCode::conflict:
      return "look at what is there now; a new one needs another name";
    case ErrorCode::unprocessable:
      return "this --idempotency-key stands for another request: use a new one";
    case ErrorCode::too_large:
      return "send less; large files are signed by digest (`chancery sign --prehash`)";
    case ErrorCode::busy:
      return "try again later; `chancery status` says how the service is";
    case ErrorCode::deadline_exceeded:
      return "repeat it with the same --idempotency-key to get the answer";
    case ErrorCode::token_unavailable:
    case ErrorCode::store_unavailable:
    case ErrorCode::internal:
      return "report the request id to whoever runs the service; its log has the detail";
  }
  return "";
}

std::string text_or(const json& object, const char* member, const std::string& otherwise) {
  auto found = object.find(member);
  if (found == object.end() || !found->is_string()) return otherwise;
  return found->get<std::string>();
}

/// The problem document of an answer, or {} where it has none.
json document_of(const HttpAnswer& answer) {
  if (!answer.content_type.starts_with("application/problem+json")) return json::object();
  auto document = parse_json(answer.body);
  return document && document->is_object() ? *document : json::object();
}

json document_of(const Error& error) {
  auto document = error.detail.empty() ? Result<json>(json()) : parse_json(error.detail);
  return document && document->is_object() ? *document : json::object();
}

}  // namespace

Error problem_of(const HttpAnswer& answer) {
  json document = document_of(answer);
  document["status"] = answer.status;
  std::string title =
      text_or(document, "title", "the service answered " + std::to_string(answer.status));
  if (!document.contains("instance") && !answer.request_id.empty()) {
    document["instance"] = answer.request_id;
  }
  Error error;
  error.code = code_of(document, answer.status);
  error.message = text_or(document, "detail", title);
  error.field = text_or(document, "field", "");
  document["title"] = title;
  document["detail"] = error.message;
  const char* special = next_step(error.code, error.field);
  document["next"] = special != nullptr ? special : next_step(error.code);
  if (answer.retry_after) {
    document["next"] = "try again in " + std::to_string(answer.retry_after->count()) + " s";
  }
  error.detail = document.dump();
  return error;
}

std::string render_problem(const Error& error) {
  json document = document_of(error);
  std::string title = text_or(document, "title", "");
  std::string text = "chancery: ";
  if (!title.empty() && title != error.message) text += title + ": ";
  text += error.message;
  auto line = [&](const char* name, const std::string& value) {
    if (!value.empty()) text += std::string("\n  ") + name + ": " + value;
  };
  line("field", error.field);
  line("nearest grant", text_or(document, "grant", ""));
  line("approval", text_or(document, "approval", ""));
  line("request", text_or(document, "instance", ""));
  line("next", text_or(document, "next", ""));
  return text;
}

json problem_json(const Error& error) {
  json document = document_of(error);
  document["detail"] = error.message;
  if (!error.field.empty()) document["field"] = error.field;
  return document;
}

}  // namespace chancery
