#include "core/incident_rows_check.h"

#include <nlohmann/json.hpp>

#include "core/incident_report.h"
#include "core/logged_entry.h"

namespace chancery {
namespace {

constexpr std::size_t kRows = 256;

/// Whether an entry says this time, to the second, or none.
bool has_time(const nlohmann::json& entry, const char* name, const std::optional<Time>& time) {
  const std::string text = text_member(entry, name);
  if (text.empty()) return !time;
  const auto said = from_rfc3339(text);
  return said && time == *said;
}

bool has_number(const nlohmann::json& entry, const char* name, std::uint64_t value) {
  return number_member(entry, name) == value;
}

/// The first column in which a row differs from the entry that opened the incident.
std::string first_difference(const IncidentRecord& row, const nlohmann::json& entry) {
  if (to_hex(sha256(bytes_of(row.selector))) != text_member(entry, "selector_sha256")) {
    return "selector";
  }
  if (name_of(row.reason) != text_member(entry, "revocation_reason")) return "reason";
  if (!has_time(entry, "invalidity_date", row.invalidity_date)) return "invalidity_date";
  if (row.opened_by.text() != machine_of(entry)) return "opened_by";
  if (!has_time(entry, "opened_at", row.opened_at)) return "opened_at";
  if (!has_number(entry, "through", row.through)) return "through";
  if (!has_number(entry, "matched", row.matched)) return "matched";
  if (!has_number(entry, "per_second", row.per_second)) return "per_second";
  if (!has_time(entry, "deadline", row.deadline)) return "deadline";
  if (row.explanation_url != text_member(entry, "explanation_url")) return "explanation_url";
  return "";
}

}  // namespace

Result<void> IncidentRowsCheck::check_incident(std::uint64_t index, const nlohmann::json& entry) {
  const std::string name = text_member(entry, "incident");
  const std::string event = text_member(entry, "event");
  std::optional<IncidentRecord> row;
  if (const auto parsed = IncidentName::parse(name)) {
    ASSIGN_OR_RETURN(row, store_.incident(*parsed));
  }
  if (!row) {
    findings_.add(index, "the inventory has no incident " + name);
    return {};
  }
  std::string difference;
  if (event == "opened") difference = row->entry == index ? first_difference(*row, entry) : "entry";
  // A row is in the state of the last entry about it.
  if (row->last_entry < index) difference = "last_entry";
  if (row->last_entry == index && name_of(row->state) != text_member(entry, "state")) {
    difference = "state";
  }
  if (!difference.empty()) {
    findings_.add(index, "the inventory has another " + difference + " for incident " + name);
  }
  if (const std::string key = text_member(entry, "blocked_key"); !key.empty()) {
    const auto spki_sha256 = from_hex(key);
    RETURN_IF_ERROR(check_blocked(index, spki_sha256 ? *spki_sha256 : Bytes()));
  }
  if (event != "finished") return {};
  return check_report(index, entry, *row);
}

Result<void> IncidentRowsCheck::check_report(std::uint64_t index, const nlohmann::json& entry,
                                             const IncidentRecord& row) {
  ASSIGN_OR_RETURN(const auto summary, summarize_incident_report(store_, row));
  if (to_hex(summary.sha256) == text_member(entry, "report_sha256") &&
      has_number(entry, "revoked", summary.revoked) && has_number(entry, "left", summary.left)) {
    return {};
  }
  findings_.add(index, "the inventory makes another report of incident " + row.name.text());
  return {};
}

Result<void> IncidentRowsCheck::check_blocked(std::uint64_t index, ByteView spki_sha256) {
  ASSIGN_OR_RETURN(const auto row, store_.blocked_key(spki_sha256));
  if (row && row->entry <= index) return {};
  findings_.add(index, "the inventory does not have the key " + to_hex(spki_sha256) +
                           " as blocked by this entry or an earlier one");
  return {};
}

Result<void> IncidentRowsCheck::finish() {
  RETURN_IF_ERROR(finish_incidents());
  return finish_blocked_keys();
}

Result<void> IncidentRowsCheck::finish_incidents() {
  for (Page page{"", kRows};;) {
    ASSIGN_OR_RETURN(const auto rows, store_.incidents(false, page));
    if (rows.empty()) return {};
    for (const IncidentRecord& row : rows) {
      page.after = row.name.text();
      ASSIGN_OR_RETURN(const nlohmann::json entry, logged_entry(store_, row.entry));
      ASSIGN_OR_RETURN(const nlohmann::json last, logged_entry(store_, row.last_entry));
      const auto is_about = [&](const nlohmann::json& of) {
        return is_of_kind(of, EntryKind::incident) && text_member(of, "incident") == page.after;
      };
      if (!is_about(entry) || text_member(entry, "event") != "opened") {
        findings_.add(row.entry, "accounts for no incident " + page.after);
      }
      if (!is_about(last) || text_member(last, "state") != name_of(row.state)) {
        findings_.add(row.last_entry, "accounts for no such state of incident " + page.after);
      }
    }
  }
}

Result<void> IncidentRowsCheck::finish_blocked_keys() {
  for (Bytes after;;) {
    ASSIGN_OR_RETURN(const auto rows, store_.blocked_keys(after, kRows));
    if (rows.empty()) return {};
    for (const BlockedKeyRecord& row : rows) {
      ASSIGN_OR_RETURN(const nlohmann::json entry, logged_entry(store_, row.entry));
      ASSIGN_OR_RETURN(const bool good, blocks(entry, row));
      if (!good) findings_.add(row.entry, "blocks no key " + to_hex(row.spki_sha256));
    }
    after = rows.back().spki_sha256;
  }
}

Result<bool> IncidentRowsCheck::blocks(const nlohmann::json& entry, const BlockedKeyRecord& row) {
  if (is_of_kind(entry, EntryKind::incident)) {
    return text_member(entry, "blocked_key") == to_hex(row.spki_sha256);
  }
  if (!is_of_kind(entry, EntryKind::revocation) ||
      text_member(entry, "revocation_reason") != name_of(RevocationReason::key_compromise)) {
    return false;
  }
  const auto serial = Serial::parse(text_member(entry, "serial"));
  if (!serial) return false;
  ASSIGN_OR_RETURN(const auto certificate, store_.certificate(*serial));
  return certificate && certificate->spki_sha256 == row.spki_sha256;
}

}  // namespace chancery
