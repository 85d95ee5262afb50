#include "core/request_rows_check.h"

#include <nlohmann/json.hpp>

#include "core/audit_entry.h"
#include "core/logged_entry.h"

namespace chancery {
namespace {

constexpr std::size_t kRows = 256;

bool names_intent(const nlohmann::json& entry, std::uint64_t intent) {
  const auto found = entry.find("intent");
  return found != entry.end() && found->is_number_unsigned() && *found == intent;
}

/// The SHA-256 of a stored answer's signature; empty where it has none, a text that no entry has
/// where it is not base64.
std::string signature_sha256(const nlohmann::json& answer) {
  if (!answer.contains("signature")) return "";
  const auto signature = from_base64(text_member(answer, "signature"));
  return signature ? to_hex(sha256(*signature)) : "not base64";
}

bool accounts_for(const nlohmann::json& outcome, const RequestRecord& row) {
  if (!is_outcome(outcome) || !names_intent(outcome, row.intent)) return false;
  const std::string result = text_member(outcome, "result");
  if (*row.answer == "unknown") return result == "unknown";
  const auto answer = nlohmann::json::parse(*row.answer, nullptr, false);
  return result == "ok" && answer.is_object() && names_intent(answer, row.intent) &&
         text_member(answer, "request") == row.request_id &&
         text_member(answer, "serial") == text_member(outcome, "serial") &&
         signature_sha256(answer) == text_member(outcome, "signature_sha256");
}

Result<void> check_row(Store& store, AuditFindings& findings, const RequestRecord& row) {
  ASSIGN_OR_RETURN(const nlohmann::json intent, logged_entry(store, row.intent));
  if (text_member(intent, "kind") != name_of(EntryKind::intent) ||
      text_member(intent, "request") != row.request_id ||
      machine_of(intent) != row.machine.text()) {
    findings.add(row.intent, "is not the intent of request " + row.request_id);
  }
  if (!row.answer) {
    if (row.outcome != 0) {
      findings.add(row.outcome, "the answer to request " + row.request_id + " was taken out");
    }
    return {};
  }
  ASSIGN_OR_RETURN(const nlohmann::json outcome, logged_entry(store, row.outcome));
  if (!accounts_for(outcome, row)) {
    findings.add(row.outcome,
                 "does not account for the stored answer to request " + row.request_id);
  }
  return {};
}

}  // namespace

Result<void> check_request_rows(Store& store, AuditFindings& findings,
                                const PrunedEntries& pruned) {
  for (RequestRecord after;;) {
    ASSIGN_OR_RETURN(auto rows, store.requests(after, kRows));
    if (rows.empty()) return {};
    for (const RequestRecord& row : rows) {
      // One that has expired goes with its intent.
      if (!pruned.is_going(row.intent)) RETURN_IF_ERROR(check_row(store, findings, row));
    }
    after = std::move(rows.back());
  }
}

}  // namespace chancery
