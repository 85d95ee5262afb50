#include "cli/incident.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/file.h"
#include "cli/receipt_file.h"
#include "core/limits.h"

namespace chancery {
namespace {

using nlohmann::json;

std::uint64_t count_in(const json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

void show_progress(const json& incident) {
  if (::isatty(STDERR_FILENO) == 0) return;
  std::fprintf(stderr, "\r\x1b[K%s", describe_incident(incident).c_str());
}

void end_progress() {
  if (::isatty(STDERR_FILENO) != 0) std::fputs("\r\x1b[K", stderr);
}

bool is_settled(const std::string& state) {
  return state != "asking" && state != "revoking";
}

Result<json> fetch_incident(Session& session, const std::string& name) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  return service->get("/v1/incidents/" + percent_encode(name));
}

/// The pages of the report, one after the other.
Result<std::string> fetch_report(Session& session, const std::string& name) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  const std::string path = "/v1/incidents/" + percent_encode(name) + "/report?first=";
  std::string report;
  for (std::uint64_t first = 0;;) {
    ASSIGN_OR_RETURN(const json page, service->get(path + std::to_string(first)));
    ASSIGN_OR_RETURN(const std::string lines, text_in(page, "lines"));
    report += lines;
    if (!page.contains("next")) return report;
    ASSIGN_OR_RETURN(first, number_in(page, "next"));
  }
}

}  // namespace

std::string count_text(const json& object, const char* member) {
  const auto found = object.find(member);
  return found == object.end() ? "0" : json_text(*found);
}

std::string describe_incident(const json& incident) {
  const std::string state = optional_text_in(incident, "state");
  std::string line = optional_text_in(incident, "name") + " is " + state + ": " +
                     std::to_string(count_in(incident, "revoked")) + " revoked of " +
                     std::to_string(count_in(incident, "matched"));
  if (incident.contains("asked")) {
    line += ", " + std::to_string(count_in(incident, "asked")) + " asked to renew by " +
            optional_text_in(incident, "replace_by") + ", " +
            std::to_string(count_in(incident, "left")) + " have not";
  }
  return line;
}

std::string describe_preview(const json& preview) {
  std::string text = count_text(preview, "matched") + " certificates of " +
                     count_text(preview, "machine_count") + " machines would be revoked; " +
                     count_text(preview, "already_revoked") + " are already";
  if (count_text(preview, "not_known") != "0") {
    text += ", " + count_text(preview, "not_known") + " are not known here";
  }
  for (const auto& [member, what] : {std::pair("issuers", "issuer"), {"profiles", "profile"}}) {
    const json counts = preview.value(member, json::object());
    for (const auto& [name, count] : counts.items()) {
      text += "\n  " + std::string(what) + " " + name + ": " + json_text(count);
    }
  }
  const json machines = preview.value("machines", json::array());
  constexpr std::size_t kShown = 10;
  for (std::size_t i = 0; i < std::min(machines.size(), kShown); ++i) {
    text += "\n  machine " + optional_text_in(machines[i], "machine") + ": " +
            count_text(machines[i], "certificates");
  }
  if (machines.size() > kShown) text += "\n  … (--json shows more)";
  const json ending = preview.value("ending", json::object());
  text += "\n  ending within a day: " + count_text(ending, "within_a_day") +
          ", a week: " + count_text(ending, "within_a_week") +
          ", a month: " + count_text(ending, "within_a_month") +
          ", later: " + count_text(ending, "later");
  for (const json& of : preview.value("dependants", json::array())) {
    text += "\n  under CA " + optional_text_in(of, "ca") + ": " + count_text(of, "certificates") +
            " certificates that are good for nothing then";
  }
  if (const std::string why = optional_text_in(preview, "refusal"); !why.empty()) {
    text += "\n  " + count_text(preview, "not_permitted") +
            " are not yours to revoke, so that nothing would be; the first: " + why;
  }
  return text;
}

std::string describe_left(const json& incident) {
  std::string text;
  for (const json& one : incident.value("waits_for", json::array())) {
    text += "\n  " + optional_text_in(one, "serial") + " of " + optional_text_in(one, "machine") +
            " " + optional_text_in(one, "why");
  }
  if (incident.value("waits_for_more", false)) text += "\n  and others";
  return text.empty() ? text : "\nit waits for:" + text;
}

Result<ExitCode> watch_incident(Session& session, const std::string& name,
                                const std::string& report_file) {
  ASSIGN_OR_RETURN(json incident, fetch_incident(session, name));
  while (!is_settled(optional_text_in(incident, "state"))) {
    show_progress(incident);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    ASSIGN_OR_RETURN(incident, fetch_incident(session, name));
  }
  end_progress();
  const std::string state = optional_text_in(incident, "state");
  if (state == "finished" && !report_file.empty()) {
    ASSIGN_OR_RETURN(const json kept, keep_incident_report(session, name, report_file));
    incident["files"] = kept["files"];
  }
  std::string line = describe_incident(incident);
  if (state == "waiting") {
    line += "\na second person has to agree: chancery incident approve " + name;
  } else if (state == "replacing") {
    line += "\nthe rest follows by itself; look with: chancery incident show " + name;
  } else if (state == "finished" && !report_file.empty()) {
    line += "\nreport: " + report_file + ", its receipt: " + report_file + ".tlog-proof";
  }
  session.print(line, incident);
  return state == "cancelled" ? ExitCode::failed : ExitCode::done;
}

Result<json> keep_incident_report(Session& session, const std::string& name,
                                  const std::string& file) {
  RETURN_IF_ERROR(check_replaceable("--report", file));
  ASSIGN_OR_RETURN(json incident, fetch_incident(session, name));
  ASSIGN_OR_RETURN(const std::string report, fetch_report(session, name));
  ASSIGN_OR_RETURN(const std::string expected, text_in(incident, "report_sha256"));
  if (to_hex(sha256(bytes_of(report))) != expected) {
    return fail(ErrorCode::internal,
                "the report is not the one whose hash is in the audit log; look with "
                "`chancery audit verify`");
  }
  ASSIGN_OR_RETURN(const std::uint64_t entry, number_in(incident, "last_entry"));
  ASSIGN_OR_RETURN(const std::string receipt,
                   fetch_receipt(session, "/v1/receipts/" + std::to_string(entry)));
  RETURN_IF_ERROR(replace_file(file, report, 0644));
  RETURN_IF_ERROR(replace_file(file + ".tlog-proof", receipt, 0644));
  incident["files"] = {{"report", file}, {"receipt", file + ".tlog-proof"}};
  return incident;
}

}  // namespace chancery
