#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/listing.h"
#include "cli/policy_commands.h"
#include "cli/policy_differences.h"
#include "cli/policy_source.h"
#include "policies/policy_file.h"

namespace chancery {
namespace {

using nlohmann::json;

struct ChangeOptions {
  std::string policy;  ///< of apply a path, of rollback a version or nothing
  std::string replaces;
  bool yes = false, dry_run = false, allow_lockout = false;
};

/// Whether the user agrees, on a terminal.
bool agrees(const std::string& question) {
  std::fprintf(stderr, "%s [y/N] ", question.c_str());
  std::fflush(stderr);
  const int answer = std::getchar();
  return answer == 'y' || answer == 'Y';
}

Result<bool> confirmed(const ChangeOptions& options, const std::string& question) {
  if (options.yes) return true;
  if (::isatty(STDIN_FILENO) == 0) {
    return invalid("--yes", "nobody can be asked here; look at --dry-run, then add --yes");
  }
  return agrees(question);
}

Result<ExitCode> report(const Session& session, const json& answer) {
  ASSIGN_OR_RETURN(const std::string version, text_in(answer, "version"));
  ASSIGN_OR_RETURN(const bool changed, flag_in(answer, "changed"));
  session.print("policy " + version + (changed ? " is now in force" : " stays in force, unchanged"),
                answer);
  return ExitCode::done;
}

/// Both were checked by the service.
Result<PolicyDiff> differences(Session& session, const std::string& version,
                               const std::string& text) {
  const PolicyVocabulary unchecked = PolicyVocabulary::unchecked();
  ASSIGN_OR_RETURN(const NamedPolicy before, read_named_policy(session, version, unchecked));
  ASSIGN_OR_RETURN(const auto after, load_policy(text, unchecked));
  return diff(*before.policy, *after, now());
}

Result<ExitCode> apply_policy(Session& session, const ChangeOptions& options) {
  ASSIGN_OR_RETURN(const std::string text, read_policy_text(options.policy));
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(const json current, service->get("/v1/policy"));
  ASSIGN_OR_RETURN(const std::string in_force, text_in(current, "version"));
  ASSIGN_OR_RETURN(const std::string present, text_in(current, "text"));
  const std::string replaces = options.replaces.empty() ? in_force : options.replaces;
  // Asking others to agree to nothing would only puzzle them.
  if (present == text && replaces == in_force) {
    session.print("policy " + in_force + " is already in force",
                  {{"version", in_force}, {"changed", false}});
    return ExitCode::done;
  }
  json body = {{"text", text}, {"replaces", replaces}, {"dry_run", true}};
  if (options.allow_lockout) body["allow_lockout"] = true;
  // The service knows its profiles and CAs, so it says first whether the policy is good.
  ASSIGN_OR_RETURN(const json checked, service->post("/v1/policy", body));
  const auto difference = differences(session, replaces, text);
  if (options.dry_run) {
    RETURN_IF_ERROR(difference);
    session.print(
        to_text(*difference) + "the policy is good, and would take the place of " + replaces,
        to_json(*difference));
    return ExitCode::done;
  }
  // A policy that is too rich to be compared is good all the same.
  if (!difference) {
    write_text(stderr, "what it changes cannot be told: " + difference.error().message + "\n");
  } else if (!session.json()) {
    write_text(stdout, to_text(*difference));
  }
  ASSIGN_OR_RETURN(const bool go, confirmed(options, "Put it in force?"));
  if (!go) return ExitCode::failed;
  body.erase("dry_run");
  ASSIGN_OR_RETURN(const json answer, service->post("/v1/policy", body));
  return report(session, answer);
}

Result<ExitCode> roll_back(Session& session, const ChangeOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(const bool go,
                   confirmed(options, "Put " +
                                          (options.policy.empty() ? std::string("the policy before")
                                                                  : options.policy) +
                                          " in force again?"));
  if (!go) return ExitCode::failed;
  json body = json::object();
  if (!options.policy.empty()) body["version"] = options.policy;
  if (options.allow_lockout) body["allow_lockout"] = true;
  ASSIGN_OR_RETURN(const json answer, service->post("/v1/policy/rollback", body));
  return report(session, answer);
}

Result<ExitCode> list_versions(Session& session) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(const json answer, service->get("/v1/policy/versions"));
  return print_listing(session, answer, {"versions", {"version", "loaded_at", "by"}});
}

void add_consent(CLI::App& command, ChangeOptions& options) {
  command.add_flag("--yes", options.yes, "do not ask");
  command.add_flag("--allow-lockout", options.allow_lockout,
                   "also where you could not change the policy again");
}

void add_apply(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<ChangeOptions>();
  CLI::App& command =
      line.add(group, "apply", "Put a policy in force, after showing what it changes",
               {"chancery --identity ./admin policy apply --dry-run policy.yaml",
                "chancery --identity ./admin policy apply policy.yaml",
                "chancery --identity ./admin policy apply --yes policy/"});
  command.add_option("policy", options->policy, "file, or directory of files")
      ->required()
      ->type_name("POLICY");
  command
      .add_option("--replaces", options->replaces,
                  "refuse where another version is in force; default: the one that is now")
      ->type_name("VERSION");
  command.add_flag("--dry-run", options->dry_run, "only check it, and show what it changes");
  add_consent(command, *options);
  line.on(command, options, apply_policy);
}

void add_rollback(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<ChangeOptions>();
  CLI::App& command =
      line.add(group, "rollback", "Put a policy in force that was before",
               {"chancery --identity ./admin policy rollback",
                "chancery --identity ./admin policy rollback --yes 9f86d081…(64 digits)"});
  command.add_option("version", options->policy, "default: the last other one")
      ->type_name("VERSION");
  add_consent(command, *options);
  line.on(command, options, roll_back);
}

}  // namespace

void add_policy_change_commands(CommandLine& line, CLI::App& group) {
  add_apply(line, group);
  add_rollback(line, group);
  CLI::App& versions = line.add(group, "versions", "List the policies that were in force",
                                {"chancery --identity ./auditor policy versions"});
  line.on(versions, list_versions);
}

}  // namespace chancery
