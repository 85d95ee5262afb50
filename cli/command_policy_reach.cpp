#include <nlohmann/json.hpp>

#include "cli/known_machine.h"
#include "cli/policy_commands.h"
#include "cli/policy_question.h"
#include "cli/policy_source.h"
#include "policies/reach.h"
#include "policies/rule_text.h"

namespace chancery {
namespace {

using nlohmann::json;

struct ReachOptions {
  std::shared_ptr<AskedOptions> asked = std::make_shared<AskedOptions>();
  std::vector<std::string> resource;  ///< "on", then NAME=VALUE
  std::string policy = "current";
  bool inventory = false;
  VocabularyOptions vocabulary;
};

std::string line_with(const std::string& name, const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ", ") + value;
  return values.empty() ? "" : "\n  " + name + ": " + text;
}

/// `nothing` is what an answer without rules says.
void report(const Session& session, const ReachAnswer& answer, const std::string& nothing,
            const std::string& note) {
  std::string text;
  json rules = json::array();
  for (const ReachingRule& rule : answer.rules) {
    text += (text.empty() ? "" : "\n") + rule.rule + " (" + line_text(rule.file, rule.place) +
            "): " + std::string(name_of(rule.operation)) + line_with("machines", rule.machines) +
            line_with("where", rule.conditions) +
            line_with("but not what is denied by", rule.denials) +
            line_with("and then", rule.duties) + line_with("of the inventory", rule.known) +
            "\n  such as: " + to_text(rule.example);
    rules.push_back({{"rule", rule.rule},
                     {"file", rule.file},
                     {"line", rule.place.line},
                     {"operation", name_of(rule.operation)},
                     {"machines", rule.machines},
                     {"conditions", rule.conditions},
                     {"denials", rule.denials},
                     {"duties", rule.duties},
                     {"known", rule.known},
                     {"example", to_text(rule.example)}});
  }
  if (answer.rules.empty()) text = nothing;
  for (const std::string& doubt : answer.doubts) text += "\nthere may be more: " + doubt;
  json all = {{"rules", rules}, {"exact", answer.exact()}, {"doubts", answer.doubts}};
  if (!note.empty()) {
    text += "\nnote: " + note;
    all["note"] = note;
  }
  session.print(text, all);
}

/// The machines that the service knows, by their names.
Result<std::vector<Machine>> read_inventory(Session& session) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  std::vector<Machine> machines;
  for (std::string after;;) {
    ASSIGN_OR_RETURN(const json page,
                     service->get("/v1/machines?limit=" + std::to_string(limits::page_rows) +
                                  (after.empty() ? "" : "&after=" + percent_encode(after))));
    ASSIGN_OR_RETURN(const auto rows, rows_in(page, "machines"));
    for (const json& row : rows) {
      ASSIGN_OR_RETURN(const std::string name, text_in(row, "name"));
      Machine machine;
      ASSIGN_OR_RETURN(machine.name, MachineName::parse(name));
      RETURN_IF_ERROR(add_known_attributes(row, machine));
      machines.push_back(std::move(machine));
    }
    after = optional_text_in(page, "next");
    if (after.empty()) return machines;
  }
}

Result<ExitCode> show_who_can(Session& session, const ReachOptions& options) {
  ASSIGN_OR_RETURN(const PolicyVocabulary vocabulary, read_vocabulary(options.vocabulary));
  PolicyQuestion wanted = options.asked->question;
  for (std::size_t i = 0; i < options.resource.size(); ++i) {
    const std::string& text = options.resource[i];
    if (i == 0 && text == "on") continue;
    const std::size_t equals = text.find('=');
    if (equals == text.npos) {
      return invalid("resource", "\"" + text + "\" must be NAME=VALUE, such as key=release.app");
    }
    RETURN_IF_ERROR(set_asked(wanted, text.substr(0, equals), text.substr(equals + 1)));
  }
  ASSIGN_OR_RETURN(const NamedPolicy named, read_named_policy(session, options.policy, vocabulary));
  std::vector<Machine> inventory;
  if (options.inventory) {
    ASSIGN_OR_RETURN(inventory, read_inventory(session));
  }
  ASSIGN_OR_RETURN(const ReachAnswer answer,
                   who_can(*named.policy, wanted, inventory, options.asked->at));
  report(session, answer, "nobody, by no rule", "");
  return ExitCode::done;
}

Result<ExitCode> show_what_can(Session& session, const ReachOptions& options) {
  ASSIGN_OR_RETURN(const PolicyVocabulary vocabulary, read_vocabulary(options.vocabulary));
  AskedOptions asked = *options.asked;
  RETURN_IF_ERROR(expect_machine(asked, "machine"));
  ASSIGN_OR_RETURN(const NamedPolicy named, read_named_policy(session, options.policy, vocabulary));
  ASSIGN_OR_RETURN(const std::string note, add_known(session, named, asked));
  RETURN_IF_ERROR(complete(asked, vocabulary.profiles));
  ASSIGN_OR_RETURN(const ReachAnswer answer, what_can(*named.policy, asked.machine, asked.at));
  report(session, answer, "nothing", note);
  return ExitCode::done;
}

void add_policy_option(CLI::App& command, ReachOptions& options) {
  command
      .add_option("--policy", options.policy,
                  "file or directory; or current, or a version, of the service")
      ->capture_default_str()
      ->type_name("POLICY");
  add_vocabulary_options(command, options.vocabulary);
}

}  // namespace

void add_policy_reach_commands(CommandLine& line, CLI::App& group) {
  auto who = std::make_shared<ReachOptions>();
  CLI::App& who_can =
      line.add(group, "who-can", "Every rule by which somebody may do something",
               {"chancery policy who-can key.sign on key=release.app --policy policy.yaml",
                "chancery --identity ./auditor policy who-can certificate.issue on issuer=issuing "
                "dns=www.example.com --inventory"});
  add_parsed(who_can, "operation", who->asked->question.operation, parse_asked_operation,
             "certificate.issue, key.sign, …")
      .required();
  who_can
      .add_option("resource", who->resource,
                  "on NAME=VALUE …: only with these; the names are those of explain's options")
      ->type_name("on NAME=VALUE");
  who_can.add_flag("--inventory", who->inventory, "name the service's machines that can");
  add_parsed(who_can, "--at", who->asked->at, from_rfc3339, "when; default: now");
  add_policy_option(who_can, *who);
  line.on(who_can, who, show_who_can);

  auto what = std::make_shared<ReachOptions>();
  CLI::App& what_can =
      line.add(group, "what-can", "Every rule by which a machine may do anything",
               {"chancery policy what-can web-1.example.com --policy policy.yaml",
                "chancery policy what-can --spiffe spiffe://example.com/ns/shop/sa/cart --policy "
                "policy.yaml",
                "chancery --identity ./auditor policy what-can web-1.example.com"});
  add_parsed(what_can, "machine", what->asked->machine.name, MachineName::parse,
             "as the inventory calls it");
  add_machine_options(what_can, what->asked, false);
  add_policy_option(what_can, *what);
  line.on(what_can, what, show_what_can);
}

}  // namespace chancery
