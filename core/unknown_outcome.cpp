#include "core/unknown_outcome.h"

#include <nlohmann/json.hpp>

#include "core/certificate_intent.h"

namespace chancery {

Result<Submission> unknown_outcome(const LogWriter::OpenIntent& open, std::string_view reason) {
  const auto intent = nlohmann::json::parse(open.text, nullptr, false);
  CHECK(intent.is_object());
  AuditEntry entry(EntryKind::outcome);
  entry.set("intent", open.index).set("result", "unknown");
  entry.set("reason", reason);
  for (const char* member : {"request", "machine", "serial"}) {
    if (intent.contains(member) && intent[member].is_string()) {
      entry.set(member, intent[member].get<std::string>());
    }
  }
  Submission submission{entry.draft(), {}, Submission::Role::outcome, open.index};
  if (!intent.contains("serial")) return submission;
  auto certificate = certificate_of_intent(intent);
  if (!certificate) {
    return fail(
        ErrorCode::internal,
        "the intent at " + std::to_string(open.index) + " does not say what it may have made", "",
        certificate.error().message);
  }
  submission.changes.push_back(AddCertificate{std::move(*certificate)});
  return submission;
}

}  // namespace chancery
