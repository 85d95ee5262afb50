#include <nlohmann/json.hpp>

#include "cli/policy_commands.h"
#include "cli/policy_differences.h"
#include "cli/policy_source.h"
#include "policies/policy_conflicts.h"

namespace chancery {
namespace {

using nlohmann::json;

struct DiffOptions {
  std::string before, after;
  VocabularyOptions vocabulary;
};

struct ConflictOptions {
  std::string policy;
  VocabularyOptions vocabulary;
};

Result<ExitCode> show_diff(Session& session, const DiffOptions& options) {
  ASSIGN_OR_RETURN(const PolicyVocabulary vocabulary, read_vocabulary(options.vocabulary));
  ASSIGN_OR_RETURN(const NamedPolicy before,
                   read_named_policy(session, options.before, vocabulary));
  ASSIGN_OR_RETURN(const NamedPolicy after, read_named_policy(session, options.after, vocabulary));
  ASSIGN_OR_RETURN(const PolicyDiff difference, diff(*before.policy, *after.policy, now()));
  session.print(to_text(difference), to_json(difference));
  return ExitCode::done;
}

Result<ExitCode> show_conflicts(Session& session, const ConflictOptions& options) {
  ASSIGN_OR_RETURN(const PolicyVocabulary vocabulary, read_vocabulary(options.vocabulary));
  ASSIGN_OR_RETURN(const NamedPolicy named, read_named_policy(session, options.policy, vocabulary));
  const PolicyConflicts found = conflicts(*named.policy, now());
  std::string text;
  json rows = json::array();
  for (const PolicyConflict& conflict : found.conflicts) {
    text += named.name + ":" + std::to_string(conflict.place.line) + ": " +
            std::string(name_of(conflict.kind)) + ": " + conflict.text + "\n";
    rows.push_back({{"kind", name_of(conflict.kind)},
                    {"rule", conflict.rule},
                    {"line", conflict.place.line},
                    {"others", conflict.others},
                    {"text", conflict.text}});
  }
  for (const std::string& doubt : found.doubts) text += "not decided: " + doubt + "\n";
  if (text.empty()) text = "every rule does something";
  session.print(text, {{"conflicts", rows}, {"doubts", found.doubts}});
  return found.conflicts.empty() ? ExitCode::done : ExitCode::failed;
}

}  // namespace

void add_policy_diff_commands(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<DiffOptions>();
  CLI::App& command =
      line.add(group, "diff", "Which requests become allowed or refused, with an example each",
               {"chancery policy diff old.yaml new.yaml",
                "chancery --identity ./auditor policy diff current new.yaml"});
  const char* named = "file or directory; or current, or a version, of the service";
  command.add_option("before", options->before, named)->required()->type_name("POLICY");
  command.add_option("after", options->after, named)->required()->type_name("POLICY");
  add_vocabulary_options(command, options->vocabulary);
  line.on(command, options, show_diff);

  auto conflict_options = std::make_shared<ConflictOptions>();
  CLI::App& conflict_command =
      line.add(group, "conflicts", "Rules that do nothing, or not what they seem to; 1 where any",
               {"chancery policy conflicts policy.yaml",
                "chancery --identity ./auditor policy conflicts current"});
  conflict_command.add_option("policy", conflict_options->policy, named)
      ->required()
      ->type_name("POLICY");
  add_vocabulary_options(conflict_command, conflict_options->vocabulary);
  line.on(conflict_command, conflict_options, show_conflicts);
}

}  // namespace chancery
