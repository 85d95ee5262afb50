#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/incident.h"
#include "cli/listing.h"
#include "core/incident.h"

namespace chancery {
namespace {

using nlohmann::json;

struct ListOptions {
  bool all = false;
  PageOptions page;
};

struct IncidentOptions {
  IncidentName name;
  std::string report;
  bool dry_run = false;
};

std::string path_of(const IncidentOptions& options) {
  return "/v1/incidents/" + percent_encode(options.name.text());
}

Result<ExitCode> list(Session& session, const ListOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->get("/v1/incidents" + page_query(options.page) +
                                             (options.all ? "&state=all" : "&state=open")));
  return print_listing(
      session, answer,
      {"incidents",
       {"name", "state", "reason", "matched", "opened_by", "opened_at", "replace_by"}});
}

Result<ExitCode> show(Session& session, const IncidentOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->get(path_of(options)));
  session.print(describe_incident(answer) + describe_left(answer), answer);
  return ExitCode::done;
}

Result<ExitCode> watch(Session& session, const IncidentOptions& options) {
  return watch_incident(session, options.name.text(), options.report);
}

Result<ExitCode> approve(Session& session, const IncidentOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  const std::string path = path_of(options) + "/approve";
  ASSIGN_OR_RETURN(const json preview, service->post(path, {{"dry_run", true}}));
  if (options.dry_run) {
    session.print(describe_preview(preview), preview);
    return ExitCode::done;
  }
  ASSIGN_OR_RETURN(const std::uint64_t matched, number_in(preview, "matched"));
  // What comes between the two needs another look.
  ASSIGN_OR_RETURN(const json answer, service->post(path, {{"matched", matched}}));
  session.print(describe_preview(preview) + "\napproved " + options.name.text() +
                    " for so many: it is " + optional_text_in(answer, "state"),
                answer);
  return ExitCode::done;
}

Result<ExitCode> cancel(Session& session, const IncidentOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->post(path_of(options) + "/cancel", json::object()));
  session.print("cancelled " + options.name.text() + ": what was revoked stays revoked", answer);
  return ExitCode::done;
}

Result<ExitCode> report(Session& session, const IncidentOptions& options) {
  ASSIGN_OR_RETURN(const json answer,
                   keep_incident_report(session, options.name.text(), options.report));
  session.print("report: " + options.report + ", its receipt: " + options.report + ".tlog-proof",
                answer);
  return ExitCode::done;
}

CLI::App& add_of_one(CommandLine& line, CLI::App& group, const std::string& name,
                     const std::string& summary, const std::string& example,
                     Result<ExitCode> (*action)(Session&, const IncidentOptions&)) {
  auto options = std::make_shared<IncidentOptions>();
  CLI::App& command = line.add(group, name, summary, {example});
  add_parsed(command, "name", options->name, IncidentName::parse, "of the incident").required();
  line.on(command, options, action);
  if (action == watch || action == report) {
    auto* out = command
                    .add_option("--report,--out", options->report,
                                "where the report goes, with its receipt beside it")
                    ->type_name("FILE");
    if (action == report) out->required();
  }
  if (action == approve) {
    command.add_flag("--dry-run", options->dry_run, "only show what would be agreed to");
  }
  return command;
}

}  // namespace

void add_incident_commands(CommandLine& line) {
  CLI::App& group = line.add_group("incident", "Revocations of many certificates (see revoke)",
                                   {"chancery --identity ./operator incident list",
                                    "chancery --identity ./operator incident watch inc-7"});
  auto options = std::make_shared<ListOptions>();
  CLI::App& list_command = line.add(group, "list", "List those that have not ended",
                                    {"chancery --identity ./auditor incident list --all"});
  list_command.add_flag("--all", options->all, "also those that have ended");
  add_page_options(list_command, options->page);
  line.on(list_command, options, list);
  add_of_one(line, group, "show", "Show how far one is",
             "chancery --identity ./auditor incident show inc-7", show);
  add_of_one(line, group, "watch", "Wait until one has ended, with progress",
             "chancery --identity ./operator incident watch inc-7 --report inc-7.jsonl", watch);
  add_of_one(line, group, "approve", "Agree as the second person",
             "chancery --identity ./operator-2 incident approve inc-7", approve);
  add_of_one(line, group, "cancel", "Stop one; what was revoked stays revoked",
             "chancery --identity ./operator incident cancel inc-7", cancel);
  add_of_one(line, group, "report", "Get the report of a finished one",
             "chancery --identity ./auditor incident report inc-7 --out inc-7.jsonl", report);
}

}  // namespace chancery
