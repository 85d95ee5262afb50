#include <nlohmann/json.hpp>

#include "cli/audit_commands.h"
#include "cli/listing.h"

namespace chancery {
namespace {

using nlohmann::json;

struct PruneOptions {
  bool confirm = false;
};

/// What goes, or would.
Result<std::string> describe(const json& answer) {
  ASSIGN_OR_RETURN(const std::uint64_t minimum, number_in(answer, "minimum"));
  ASSIGN_OR_RETURN(const std::uint64_t entries, number_in(answer, "entries"));
  ASSIGN_OR_RETURN(const std::uint64_t certificates, number_in(answer, "certificates"));
  ASSIGN_OR_RETURN(const std::uint64_t retained, number_in(answer, "retained"));
  return "below " + std::to_string(minimum) + ": " + std::to_string(entries) +
         (entries == 1 ? " entry" : " entries") + " and " + std::to_string(certificates) +
         (certificates == 1 ? " certificate" : " certificates") + "; " + std::to_string(retained) +
         (retained == 1 ? " entry stays" : " entries stay");
}

Result<ExitCode> prune(Session& session, const PruneOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(const json answer,
                   service->post("/v1/audit/prune", {{"confirm", options.confirm}},
                                 Seconds(limits::audit_verify_deadline)));
  ASSIGN_OR_RETURN(const std::string what, describe(answer));
  if (!options.confirm) {
    session.print("would remove, " + what +
                      ". Nothing was removed: mirror the log first, then "
                      "--confirm",
                  answer);
  } else if (!answer.contains("entry")) {
    session.print("nothing to remove", answer);
  } else {
    ASSIGN_OR_RETURN(const std::uint64_t entry, number_in(answer, "entry"));
    session.print("removes, " + what + ". Recorded as entry " + std::to_string(entry) +
                      "; `chancery audit prunings` says when it is done",
                  answer);
  }
  return ExitCode::done;
}

Result<ExitCode> list(Session& session, const PruneOptions&) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->get("/v1/audit/prunings"));
  return print_listing(
      session, answer,
      {"prunings", {"entry", "minimum", "entries", "certificates", "revocations", "done"}});
}

}  // namespace

void add_audit_prune_commands(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<PruneOptions>();
  CLI::App& command = line.add(
      group, "prune", "Remove entries that config.yaml's log.retention lets go, or say which",
      {"chancery --identity ./admin audit prune",
       "chancery --identity ./auditor audit mirror --out archive",
       "chancery --identity ./admin audit prune --confirm"});
  command.add_flag("--confirm", options->confirm,
                   "remove them, for ever; without it, only say how many they are");
  line.on(command, options, prune);
  CLI::App& listing = line.add(group, "prunings", "List what was removed from the log",
                               {"chancery --identity ./auditor audit prunings"});
  line.on(listing, options, list);
}

}  // namespace chancery
