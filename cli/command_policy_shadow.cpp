#include <nlohmann/json.hpp>

#include "cli/policy_commands.h"
#include "cli/policy_source.h"

namespace chancery {
namespace {

using nlohmann::json;

struct ShadowOptions {
  std::string policy;
  bool show = false, stop = false;
};

/// "  3  web-tls", most first as the service has sorted them by name.
std::string counted(const json& counts) {
  std::string lines;
  for (const auto& [grant, count] : counts.items()) {
    lines += "\n  " + count.dump() + "  " + (grant.empty() ? "others" : grant);
  }
  return lines;
}

Result<ExitCode> show_shadow(Session& session, Service& service) {
  ASSIGN_OR_RETURN(const json answer, service.get("/v1/policy/shadow"));
  ASSIGN_OR_RETURN(const std::string candidate, text_in(answer, "candidate"));
  ASSIGN_OR_RETURN(const std::string since, text_in(answer, "since"));
  ASSIGN_OR_RETURN(const std::uint64_t decisions, number_in(answer, "decisions"));
  ASSIGN_OR_RETURN(const std::uint64_t differences, number_in(answer, "differences"));
  ASSIGN_OR_RETURN(const auto last, rows_in(answer, "last"));
  std::string text = "shadow " + candidate + " since " + since + ": " +
                     std::to_string(differences) + " of " + std::to_string(decisions) +
                     " decisions would be others";
  if (!answer["refused"].empty()) {
    text +=
        "\nallowed, and it would refuse; by the grant that allowed:" + counted(answer["refused"]);
  }
  if (!answer["allowed"].empty()) {
    text += "\nit would allow, or ask others first; by its grant:" + counted(answer["allowed"]);
  }
  if (!last.empty()) text += "\nthe last:";
  for (const json& row : last) {
    text += "\n  " + optional_text_in(row, "time") + " " + optional_text_in(row, "machine") + " " +
            optional_text_in(row, "operation") + ": " + optional_text_in(row, "in_force") +
            "; it would be " + optional_text_in(row, "candidate");
  }
  session.print(text, answer);
  return ExitCode::done;
}

Result<ExitCode> shadow(Session& session, const ShadowOptions& options) {
  std::string text;
  if (!options.policy.empty()) {
    ASSIGN_OR_RETURN(text, read_policy_text(options.policy));
  }
  ASSIGN_OR_RETURN(Service * service, session.service());
  if (options.show) return show_shadow(session, *service);
  if (options.stop) {
    ASSIGN_OR_RETURN(const json answer, service->post("/v1/policy/shadow/stop", json::object()));
    session.print("there is no shadow policy any more", answer);
    return ExitCode::done;
  }
  ASSIGN_OR_RETURN(const json answer, service->post("/v1/policy/shadow", {{"text", text}}));
  ASSIGN_OR_RETURN(const std::string candidate, text_in(answer, "candidate"));
  session.print("policy " + candidate + " is asked beside the one in force from now on", answer);
  return ExitCode::done;
}

}  // namespace

void add_policy_shadow_command(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<ShadowOptions>();
  CLI::App& command = line.add(
      group, "shadow", "Ask a candidate beside the policy in force, and see where they differ",
      {"chancery --identity ./admin policy shadow new-policy.yaml",
       "chancery --identity ./auditor policy shadow --show",
       "chancery --identity ./admin policy shadow --stop"});
  auto* policy = command.add_option("policy", options->policy, "file, or directory of files")
                     ->type_name("POLICY");
  auto* show = command.add_flag("--show", options->show, "how far they differed");
  auto* stop = command.add_flag("--stop", options->stop, "ask it no more");
  require_one_of(command, {{policy, show, stop}});
  line.on(command, options, shadow);
}

}  // namespace chancery
