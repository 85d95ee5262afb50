#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/daemon.h"
#include "cli/policy_commands.h"
#include "core/policy_directory.h"

namespace chancery {
namespace {

using nlohmann::json;

struct ShowOptions {
  std::string out;
};

struct CheckOptions {
  std::string home;
};

/// As YAML, so that it can go into a file again: what is not the policy itself is a comment. Of a
/// policy of several files, so is what divides them; --out writes them as they were.
Result<ExitCode> show_policy(Session& session, const ShowOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->get("/v1/policy"));
  ASSIGN_OR_RETURN(std::string version, text_in(answer, "version"));
  ASSIGN_OR_RETURN(std::string text, text_in(answer, "text"));
  ASSIGN_OR_RETURN(std::string loaded_at, text_in(answer, "loaded_at"));
  const std::string heading = "version " + version + ", in force since " + loaded_at;
  if (options.out.empty()) {
    session.print("# " + heading + "\n" + text, answer);
    return ExitCode::done;
  }
  RETURN_IF_ERROR(write_policy_directory(options.out, text));
  answer.erase("text");
  answer["files"] = {{"directory", options.out}};
  session.print(heading + " → " + options.out, answer);
  return ExitCode::done;
}

struct ReloadOptions {
  std::string version;
};

Result<ExitCode> reload_policy(Session& session, const ReloadOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  json body = json::object();
  if (!options.version.empty()) body["version"] = options.version;
  ASSIGN_OR_RETURN(json answer, service->post("/v1/policy/reload", body));
  ASSIGN_OR_RETURN(std::string version, text_in(answer, "version"));
  ASSIGN_OR_RETURN(bool changed, flag_in(answer, "changed"));
  session.print("policy " + version + (changed ? " is now in force" : " stays in force, unchanged"),
                answer);
  return ExitCode::done;
}

Result<ExitCode> check_policy(Session& session, const CheckOptions& options) {
  return run_daemon(session, {"check", "--home", options.home});
}

}  // namespace

void add_policy_commands(CommandLine& line) {
  CLI::App& group = line.add_group("policy", "The policy that decides every request",
                                   {"chancery --identity ./auditor policy show",
                                    "chancery policy check --home /var/lib/chancery"});

  auto show_options = std::make_shared<ShowOptions>();
  CLI::App& show = line.add(group, "show", "Show the policy in force",
                            {"chancery --identity ./auditor policy show > policy.yaml",
                             "chancery --identity ./auditor policy show --out ./policy"});
  show.add_option("--out", show_options->out,
                  "write its file or files into this new directory, as they were loaded")
      ->type_name("DIR");
  line.on(show, show_options, show_policy);

  CLI::App& reload = line.add(
      group, "reload", "Put the service's policy in force as its files now stand, if it is good",
      {"chancery --identity ./admin policy reload"});
  auto reload_options = std::make_shared<ReloadOptions>();
  reload
      .add_option("--version", reload_options->version,
                  "only if its files are this version, as `policy check` names it; must be said "
                  "where others have to agree")
      ->type_name("VERSION");
  line.on(reload, reload_options, reload_policy);

  auto options = std::make_shared<CheckOptions>();
  CLI::App& check =
      line.add(group, "check", "Check the policy and config.yaml of an installation, here",
               {"chancery policy check --home /var/lib/chancery"});
  check.add_option("--home", options->home, "directory of the installation")
      ->required()
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR");
  line.on(check, options, check_policy);

  add_policy_explain_command(line, group);
  add_policy_reach_commands(line, group);
  add_policy_diff_commands(line, group);
  add_policy_unused_command(line, group);
  add_policy_test_command(line, group);
  add_policy_change_commands(line, group);
  add_policy_shadow_command(line, group);
  add_policy_replay_command(line, group);
}

}  // namespace chancery
