#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/audit_commands.h"
#include "cli/audit_search.h"

namespace chancery {
namespace {

using nlohmann::json;

struct SearchOptions {
  AuditFilter filter;
  std::uint64_t first = 0;
  unsigned limit = 100;
};

Result<ExitCode> search(Session& session, const SearchOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  std::string query = query_of(options.filter);
  query += "&first=" + std::to_string(options.first) + "&limit=" + std::to_string(options.limit);
  ASSIGN_OR_RETURN(const json answer, search_log(*service, query));
  ASSIGN_OR_RETURN(const auto rows, rows_in(answer, "entries"));
  if (session.json()) {
    session.print("", answer);
    return ExitCode::done;
  }
  for (const json& row : rows) {
    ASSIGN_OR_RETURN(const std::uint64_t index, number_in(row, "index"));
    ASSIGN_OR_RETURN(const std::string entry, text_in(row, "entry"));
    write_text(stdout, std::to_string(index) + " " + entry);
  }
  if (answer.contains("next")) {
    ASSIGN_OR_RETURN(const std::uint64_t next, number_in(answer, "next"));
    write_text(stderr, "there may be more: --first " + std::to_string(next));
  }
  return ExitCode::done;
}

}  // namespace

void add_audit_search_command(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<SearchOptions>();
  CLI::App& command = line.add(
      group, "search", "Find entries: what is named must all hold",
      {"chancery --identity ./auditor audit search --machine web-1.example --kind denial",
       "chancery --identity ./auditor audit search --serial 04a1…(40 digits)",
       "chancery --identity ./auditor audit search --key app.release --from 2026-11-01T00:00:00Z"});
  AuditFilter& filter = options->filter;
  add_parsed(command, "--machine", filter.machine, MachineName::parse, "who asked, or whose it is");
  add_parsed(command, "--key", filter.key, KeyName::parse, "a key that was used or made");
  add_parsed(command, "--serial", filter.serial, Serial::parse, "of a certificate");
  add_parsed(command, "--kind", filter.kind, parse_entry_kind, "intent, outcome, denial, …");
  command.add_option("--request", filter.request, "id of a request");
  command.add_option("--grant", filter.grant, "of the policy");
  add_parsed(command, "--from", filter.from, from_rfc3339, "such as 2026-11-22T09:40:50Z");
  add_parsed(command, "--until", filter.until, from_rfc3339, "before that");
  command.add_option("--first", options->first, "index to begin with")->capture_default_str();
  command.add_option("--limit", options->limit, "entries at most")
      ->capture_default_str()
      ->check(CLI::Range(1U, static_cast<unsigned>(limits::page_rows)));
  line.on(command, options, search);
}

}  // namespace chancery
