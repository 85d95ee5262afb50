#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/file.h"
#include "cli/policy_commands.h"
#include "cli/policy_source.h"
#include "policies/policy_case.h"

namespace chancery {
namespace {

using nlohmann::json;

struct TestOptions {
  std::vector<std::string> files;
  std::string policy;
  VocabularyOptions vocabulary;
};

/// Asks the policies the cases of all files.
class PolicyTests {
 public:
  PolicyTests(Session& session, PolicyVocabulary vocabulary)
      : session_(session), vocabulary_(std::move(vocabulary)) {}

  /// `policy` takes the place of the one that the file names; empty: it does not.
  Result<void> run(const std::string& file, const std::string& policy) {
    if (!file_exists(file)) return invalid("FILE", "there is no file " + file);
    ASSIGN_OR_RETURN(const std::string text, read_file(file, limits::policy_bytes));
    ASSIGN_OR_RETURN(const PolicyCases cases,
                     read_policy_cases(text, vocabulary_.profiles, now(), file));
    std::string name = policy;
    if (name.empty() && !cases.policy.empty()) {
      name = std::filesystem::path(file).parent_path() / cases.policy;
    }
    if (name.empty()) return invalid("--policy", file + " names no policy; name one");
    ASSIGN_OR_RETURN(const GrantPolicy* asked, loaded(name));
    for (const PolicyCase& one : cases.cases) ask(file, one, *asked);
    return {};
  }

  [[nodiscard]] std::size_t failed() const { return failed_; }
  void report() const {
    const std::string summary =
        std::to_string(rows_.size() - failed_) + " passed, " + std::to_string(failed_) + " failed";
    session_.print(lines_ + summary,
                   {{"passed", rows_.size() - failed_}, {"failed", failed_}, {"cases", rows_}});
  }

 private:
  Result<const GrantPolicy*> loaded(const std::string& name) {
    const auto known = policies_.find(name);
    if (known != policies_.end()) return known->second.get();
    ASSIGN_OR_RETURN(NamedPolicy named, read_named_policy(session_, name, vocabulary_));
    return policies_.emplace(name, std::move(named.policy)).first->second.get();
  }

  void ask(const std::string& file, const PolicyCase& one, const GrantPolicy& policy) {
    const Decision decision = policy.decide(one.machine, one.question, one.at);
    const std::string difference = differs(one, decision);
    const std::string place = file + ":" + std::to_string(one.place.line) + ": ";
    if (difference.empty()) {
      lines_ += "ok    " + place + one.name + "\n";
    } else {
      ++failed_;
      lines_ += "FAIL  " + place + one.name + ": " + difference + "\n";
    }
    rows_.push_back({{"file", file},
                     {"line", one.place.line},
                     {"name", one.name},
                     {"passed", difference.empty()},
                     {"difference", difference},
                     {"allowed", decision.allowed()},
                     {"grant", decision.grant()},
                     {"reason", decision.reason()},
                     {"policy", decision.policy_version()}});
  }

  Session& session_;
  const PolicyVocabulary vocabulary_;
  std::map<std::string, std::shared_ptr<const GrantPolicy>> policies_;
  std::string lines_;
  json rows_ = json::array();
  std::size_t failed_ = 0;
};

Result<ExitCode> test_policy(Session& session, const TestOptions& options) {
  ASSIGN_OR_RETURN(PolicyVocabulary vocabulary, read_vocabulary(options.vocabulary));
  PolicyTests tests(session, std::move(vocabulary));
  for (const std::string& file : options.files) {
    RETURN_IF_ERROR(tests.run(file, options.policy));
  }
  tests.report();
  return tests.failed() == 0 ? ExitCode::done : ExitCode::failed;
}

}  // namespace

void add_policy_test_command(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<TestOptions>();
  CLI::App& command = line.add(
      group, "test", "Ask a policy the cases of a file, here; 1 where an answer is another",
      {"chancery policy test web-fleet.tests.yaml",
       "chancery policy test --policy policy.yaml --home /var/lib/chancery *.tests.yaml",
       "chancery --identity ./auditor policy test --policy current web.tests.yaml"});
  command.add_option("files", options->files, "files of cases (docs/policy-tools.md)")
      ->required()
      ->type_name("FILE");
  command
      .add_option("--policy", options->policy,
                  "file or directory, in place of the one that a file of cases names; or current, "
                  "or a version, of the service")
      ->type_name("POLICY");
  add_vocabulary_options(command, options->vocabulary);
  line.on(command, options, test_policy);
}

}  // namespace chancery
