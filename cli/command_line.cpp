#include "cli/command_line.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/problem.h"
#include "core/approval.h"

namespace chancery {
namespace {

std::string examples_text(const std::vector<std::string>& examples) {
  std::string text = "Examples:";
  for (const std::string& example : examples) text += "\n  " + example;
  return text;
}

/// An invalid request that never reached the service is a mistake in the command line.
ExitCode exit_code_of(const Error& error) {
  bool ours = error.code == ErrorCode::invalid_request && error.detail.empty();
  return ours ? ExitCode::usage : ExitCode::failed;
}

std::string idempotency_key_check(const std::string& key) {
  bool good = !key.empty() && key.size() <= limits::idempotency_key_bytes;
  for (char c : key) good = good && c > ' ' && c < 0x7f;
  return good ? "" : "must be 1 to 128 printable ASCII characters without spaces";
}

std::string approval_check(const std::string& id) {
  const auto parsed = ApprovalId::parse(id);
  return parsed ? "" : parsed.error().message;
}

}  // namespace

CommandLine::CommandLine()
    : app_("chancery: certificates and signatures from keys in a token, by policy, on record",
           "chancery") {
  app_.set_version_flag("--version", "chancery " CHANCERY_VERSION);
  app_.add_option("--url", globals_.url, "address of the service's API")
      ->envname("CHANCERY_URL")
      ->capture_default_str();
  app_.add_option("--identity", globals_.identity, "directory with cert.pem, key.pem, chain.pem")
      ->envname("CHANCERY_IDENTITY")
      ->type_name("DIR");
  app_.add_option("--ca", globals_.ca, "root certificate to trust, where there is no identity yet")
      ->type_name("FILE");
  app_.add_option("--idempotency-key", globals_.idempotency_key,
                  "name this request, so that repeating it gives the same answer")
      ->check(idempotency_key_check)
      ->type_name("KEY");
  app_.add_option("--approval", globals_.approval,
                  "what others have agreed to (see approve): the same request again, with it")
      ->check(approval_check)
      ->type_name("ID");
  app_.add_flag("--json", globals_.json, "print a JSON object; problems as JSON on standard error");
  app_.require_subcommand(1);
  app_.fallthrough();  // global options are also understood behind a command
  app_.footer(examples_text({
                  "chancery init --home /var/lib/chancery",
                  "chancery --identity /var/lib/chancery/identities/operator machine add "
                  "web-1.example",
                  "chancery --ca root.pem enroll --token-file token --out ./web-1",
                  "chancery --identity ./web-1 issue --dns web-1.example --out ./tls",
                  "chancery COMMAND --help",
              }) +
              "\n\nExit status: 0 done, 1 refused or failed, 2 wrong usage.");
}

CLI::App& CommandLine::add(CLI::App& parent, const std::string& name, const std::string& summary,
                           const std::vector<std::string>& examples) {
  CLI::App& command = *parent.add_subcommand(name, summary);
  command.footer(examples_text(examples) + "\n\nGlobal options: see chancery --help.");
  return command;
}

CLI::App& CommandLine::add_group(const std::string& name, const std::string& summary,
                                 const std::vector<std::string>& examples) {
  CLI::App& group = add(app_, name, summary, examples);
  group.require_subcommand(1);
  return group;
}

void require_one_of(CLI::App& command, const std::vector<std::vector<CLI::Option*>>& choices) {
  auto check = [](const std::vector<CLI::Option*>& options) {
    std::size_t given = 0;
    std::string names;
    for (const CLI::Option* option : options) {
      given += option->count() > 0 ? 1 : 0;
      names += (names.empty() ? "" : ", ") + option->get_name();
    }
    if (given != 1) throw CLI::ValidationError("exactly one of these is needed: " + names);
  };
  command.parse_complete_callback([check, choices] {
    for (const auto& options : choices) check(options);
  });
}

ExitCode CommandLine::refuse(const CLI::ParseError& error, std::span<char*> arguments) {
  if (error.get_exit_code() == 0) {  // --help and --version
    app_.exit(error);
    return ExitCode::done;
  }
  std::string message = error.what();
  if (dynamic_cast<const CLI::RequiredError*>(&error)) {
    // CLI11 would only say that a command is missing.
    const std::vector<std::string> unknown = app_.remaining(true);
    if (!unknown.empty()) message = "unknown command " + unknown.back();
  }
  // The option itself was not understood yet, or never will be.
  const bool json = std::any_of(arguments.begin(), arguments.end(), [](const char* argument) {
    return std::string_view(argument) == "--json";
  });
  write_text(stderr, json ? json_text({{"title", "wrong usage"}, {"detail", message}})
                          : "chancery: " + message + "; see --help");
  return ExitCode::usage;
}

ExitCode CommandLine::run(int argc, char** argv) {
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return refuse(error, {argv, static_cast<std::size_t>(argc)});
  }
  Session session(globals_);
  auto result = action_(session);
  if (result) return *result;
  write_text(stderr, globals_.json ? json_text(problem_json(result.error()))
                                   : render_problem(result.error()));
  return exit_code_of(result.error());
}

}  // namespace chancery
