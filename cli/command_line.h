#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cli/session.h"

namespace chancery {

/// The tree of commands with their options and help.
class CommandLine {
 public:
  CommandLine();

  /// Parses, runs the one command that was named, and reports what went wrong.
  ExitCode run(int argc, char** argv);

  [[nodiscard]] CLI::App& root() { return app_; }

  /// A command below `parent`. `examples` are whole command lines, shown by its --help.
  CLI::App& add(CLI::App& parent, const std::string& name, const std::string& summary,
                const std::vector<std::string>& examples);
  /// A word that only has commands below it, such as "key".
  CLI::App& add_group(const std::string& name, const std::string& summary,
                      const std::vector<std::string>& examples);

  /// What `command` does once its options are parsed into `options`.
  template <class Options>
  void on(CLI::App& command, std::shared_ptr<Options> options,
          Result<ExitCode> (*action)(Session&, const Options&)) {
    command.callback([this, options, action] {
      action_ = [options, action](Session& session) { return action(session, *options); };
    });
  }
  void on(CLI::App& command, Result<ExitCode> (*action)(Session&)) {
    command.callback([this, action] { action_ = action; });
  }

  [[nodiscard]] GlobalOptions& globals() { return globals_; }

 private:
  ExitCode refuse(const CLI::ParseError& error, std::span<char*> arguments);

  CLI::App app_;
  GlobalOptions globals_;
  std::function<Result<ExitCode>(Session&)> action_;
};

/// An option or argument that is parsed where it is given, so that a bad one is a usage error.
template <class Target, class Value>
CLI::Option& add_parsed(CLI::App& command, const std::string& name, Target& target,
                        Result<Value> (*parse)(std::string_view), const std::string& help) {
  auto assign = [&target, parse, name](const std::string& text) {
    auto value = parse(text);
    if (!value) throw CLI::ValidationError(name, "\"" + text + "\": " + value.error().message);
    target = std::move(*value);
  };
  return *command.add_option_function<std::string>(name, assign, help);
}

/// The user must give exactly one option of each choice. Once a command.
void require_one_of(CLI::App& command, const std::vector<std::vector<CLI::Option*>>& choices);

/// A serial number as it is, or that of a certificate file.
Result<std::string> serial_of(const std::string& text);

// One function a family of commands, each in its own file.
void add_init_command(CommandLine& line);          // init
void add_enroll_command(CommandLine& line);        // enroll
void add_issue_command(CommandLine& line);         // issue
void add_renew_command(CommandLine& line);         // renew
void add_certificate_commands(CommandLine& line);  // cert, release
void add_revoke_command(CommandLine& line);        // revoke
void add_incident_commands(CommandLine& line);     // incident
void add_approval_commands(CommandLine& line);     // approve, approvals
void add_sign_commands(CommandLine& line);         // sign, verify
void add_key_commands(CommandLine& line);          // key
void add_ca_commands(CommandLine& line);           // ca
void add_machine_commands(CommandLine& line);      // machine
void add_policy_commands(CommandLine& line);       // policy
void add_audit_commands(CommandLine& line);        // audit
void add_status_command(CommandLine& line);        // status
void add_witness_commands(CommandLine& line);      // witness

}  // namespace chancery
