#include "core/approval_summary.h"

#include <nlohmann/json.hpp>

#include "core/json.h"
#include "core/limits.h"
#include "core/signing_task.h"

namespace chancery {
namespace {

void withhold_addresses(nlohmann::json& value) {
  if (value.is_string() && value.get_ref<const std::string&>().find('@') != std::string::npos) {
    value = "withheld: it may be an address";
  }
  if (!value.is_array()) return;
  for (auto& one : value) withhold_addresses(one);
}

/// "issuer=https://idp.example", …
nlohmann::json fields_of(const MessageContent& message) {
  nlohmann::json fields = nlohmann::json::array();
  for (const MessageField& field : message.fields) {
    for (const std::string& value : field.values) fields.push_back(field.name + "=" + value);
  }
  return fields;
}

}  // namespace

Result<std::string> approval_summary(const PolicyQuestion& question,
                                     const std::string& request_line, const std::string& details) {
  AuditEntry entry(EntryKind::approval);
  describe(entry, question);
  ASSIGN_OR_RETURN(nlohmann::json summary, parse_json(entry.text(Time{})));
  for (const char* member : {"kind", "time", "v"}) summary.erase(member);
  if (!request_line.empty()) summary["request"] = request_line;
  if (!details.empty()) summary["details"] = details;
  if (question.algorithm) summary["algorithm"] = row(*question.algorithm).name;
  if (question.message) {
    summary["message_class"] = name_of(question.message->message_class);
    summary["message"] = fields_of(*question.message);
  }
  for (auto& [name, value] : summary.items()) withhold_addresses(value);
  const auto dumped = [&] {
    return summary.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  };
  std::string text = dumped();
  if (text.size() <= limits::approval_summary_bytes) return text;
  // What was asked is in the entry, in full or by its hash.
  for (const char* member : {"message", "names", "details"}) summary.erase(member);
  summary["shortened"] = true;
  text = dumped();
  return text;
}

}  // namespace chancery
