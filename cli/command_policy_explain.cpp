#include <nlohmann/json.hpp>

#include "cli/policy_commands.h"
#include "cli/policy_question.h"
#include "cli/policy_source.h"
#include "cli/recorded_decisions.h"
#include "policies/explanation.h"
#include "policies/rule_text.h"

namespace chancery {
namespace {

using nlohmann::json;

struct ExplainOptions {
  std::shared_ptr<AskedOptions> asked = std::make_shared<AskedOptions>();
  std::string policy, request;
  VocabularyOptions vocabulary;
};

std::string at_line(const std::string& file, const Place& place) {
  return " (" + line_text(file, place) + ")";
}

std::string joined(const std::vector<std::string>& values, const std::string& between) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : between) + value;
  return text;
}

json to_json(const Explanation& why) {
  json denials = json::array(), near = json::array(), changes = json::array();
  for (const AppliedDenial& denial : why.denials) {
    denials.push_back(
        {{"denial", denial.denial}, {"file", denial.file}, {"line", denial.place.line}});
  }
  for (const NearGrant& grant : why.near) {
    json failed = json::array();
    for (const FailedCondition& condition : grant.failed) {
      failed.push_back({{"condition", condition.condition},
                        {"asked", condition.asked},
                        {"allowed", condition.allowed},
                        {"reason", condition.reason}});
    }
    near.push_back({{"grant", grant.grant},
                    {"file", grant.file},
                    {"line", grant.place.line},
                    {"failed", std::move(failed)}});
  }
  for (const SuggestedChange& change : why.changes) {
    changes.push_back({{"grant", change.grant},
                       {"file", change.file},
                       {"line", change.place.line},
                       {"edits", change.edits},
                       {"text", change.text()}});
  }
  return {{"allowed", why.allowed}, {"grant", why.grant},
          {"reason", why.reason},   {"roles", why.roles},
          {"denials", denials},     {"allowing", why.allowing},
          {"near", near},           {"more_near", why.more_near},
          {"changes", changes},     {"duties", why.duties},
          {"hint", why.hint}};
}

std::string to_text(const Explanation& why) {
  std::string text = why.allowed ? "allowed by " + why.grant : "refused: " + why.reason;
  for (const std::string& duty : why.duties) text += "\nand then: " + duty;
  if (!why.roles.empty()) text += "\nroles of the machine: " + joined(why.roles, ", ");
  for (const AppliedDenial& denial : why.denials) {
    text += "\ndenied by " + denial.denial + at_line(denial.file, denial.place);
  }
  if (why.allowing.size() > 1) {
    text += "\nalso allowed by " + joined({why.allowing.begin() + 1, why.allowing.end()}, ", ");
  }
  for (const NearGrant& grant : why.near) {
    text += "\ngrant " + grant.grant + at_line(grant.file, grant.place) + ":";
    for (const FailedCondition& failed : grant.failed) {
      text += "\n  " + failed.condition + ": " + failed.reason;
    }
  }
  if (why.more_near > 0) text += "\n… and " + std::to_string(why.more_near) + " other grants";
  for (const SuggestedChange& change : why.changes) text += "\nit would do to " + change.text();
  if (!why.hint.empty()) text += "\n" + why.hint;
  return text;
}

/// What became of it then.
std::string outcome_of(const RecordedRequest& request) {
  if (!request.quota.empty()) {
    return "allowed by " + request.grant + ", but refused, as the quota " + request.quota +
           " was used up";
  }
  return request.allowed ? "allowed by " + request.grant : "refused";
}

/// Under the policy that decided it, where no other is named.
Result<ExitCode> explain_recorded(Session& session, const ExplainOptions& options,
                                  const PolicyVocabulary& vocabulary) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  RecordedDecisions decisions(*service, vocabulary.profiles);
  ASSIGN_OR_RETURN(const auto recorded, decisions.of_request(options.request));
  const RecordedRequest& request = recorded.request;
  if (recorded.machines.empty()) {
    return fail(ErrorCode::conflict, "entry " + std::to_string(request.index) +
                                         " cannot be decided again: " + recorded.why);
  }
  ASSIGN_OR_RETURN(
      const NamedPolicy named,
      read_named_policy(session, options.policy.empty() ? request.policy : options.policy,
                        vocabulary));
  // Those that are left gave the same answer then, so the first one stands for all.
  const Explanation why =
      explain(*named.policy, recorded.machines.front(), request.question, request.at);
  json answer = to_json(why);
  answer["entry"] = request.index;
  answer["machine"] = request.machine;
  answer["operation"] = name_of(request.question.operation);
  if (!request.quota.empty()) answer["quota"] = request.quota;
  session.print("entry " + std::to_string(request.index) + ": " + request.machine + " asked " +
                    std::string(name_of(request.question.operation)) + " at " +
                    to_rfc3339(request.at) + "; it was " + outcome_of(request) + "\nunder " +
                    named.name + ": " + to_text(why),
                answer);
  return ExitCode::done;
}

Result<ExitCode> explain_policy(Session& session, const ExplainOptions& options) {
  ASSIGN_OR_RETURN(const PolicyVocabulary vocabulary, read_vocabulary(options.vocabulary));
  if (!options.request.empty()) return explain_recorded(session, options, vocabulary);
  AskedOptions asked = *options.asked;
  RETURN_IF_ERROR(expect_machine(asked, "--machine"));
  ASSIGN_OR_RETURN(
      const NamedPolicy named,
      read_named_policy(session, options.policy.empty() ? "current" : options.policy, vocabulary));
  if (!named.of_service) RETURN_IF_ERROR(expect_known(asked.question, vocabulary));
  ASSIGN_OR_RETURN(const std::string note, add_known(session, named, asked));
  RETURN_IF_ERROR(complete(asked, vocabulary.profiles));
  const Explanation why = explain(*named.policy, asked.machine, asked.question, asked.at);
  json answer = to_json(why);
  if (!note.empty()) answer["note"] = note;
  session.print(to_text(why) + (note.empty() ? "" : "\nnote: " + note), answer);
  return ExitCode::done;
}

}  // namespace

void add_policy_explain_command(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App& command = line.add(
      group, "explain", "Say why a request is allowed or refused, and what would allow it",
      {"chancery policy explain --policy policy.yaml --machine web-1.example.com --operation "
       "certificate.issue --issuer issuing --profile tls-server --dns db.example.com "
       "--key-type ec-p256",
       "chancery --identity ./auditor policy explain --request req-0f…"});
  command
      .add_option("--policy", options->policy,
                  "file or directory; or current, or a version, of the service; default: current, "
                  "of a --request the one that decided it")
      ->type_name("POLICY");
  auto* request = command.add_option("--request", options->request,
                                     "a request that the audit log has, by its id");
  add_question_options(command, options->asked, true);
  require_one_of(command, {{request, command.get_option("--operation")}});
  add_machine_options(command, options->asked, true);
  add_vocabulary_options(command, options->vocabulary);
  line.on(command, options, explain_policy);
}

}  // namespace chancery
