#include "cli/command_line.h"
#include "cli/daemon.h"

namespace chancery {
namespace {

struct WitnessOptions {
  std::string name, dir, listen;
};

Result<ExitCode> init(Session& session, const WitnessOptions& options) {
  return run_daemon(session, {"witness", "init", "--name", options.name, "--out", options.dir});
}

Result<ExitCode> serve(Session& session, const WitnessOptions& options) {
  std::vector<std::string> arguments = {"witness", "serve", "--dir", options.dir};
  if (!options.listen.empty()) arguments.insert(arguments.end(), {"--listen", options.listen});
  return run_daemon(session, std::move(arguments));
}

}  // namespace

void add_witness_commands(CommandLine& line) {
  CLI::App& group =
      line.add_group("witness", "Be a witness: cosign the checkpoints of other logs",
                     {"chancery witness init --name w1.example --out /var/lib/witness",
                      "chancery witness serve --dir /var/lib/witness"});

  auto made = std::make_shared<WitnessOptions>();
  CLI::App& init_command =
      line.add(group, "init", "Make a witness's key and folder; print the key that verifies it",
               {"chancery witness init --name w1.example --out /var/lib/witness"});
  init_command.add_option("--name", made->name, "what the witness is called, such as w1.example")
      ->required();
  init_command.add_option("--out", made->dir, "folder to make; must not exist or be empty")
      ->required()
      ->type_name("DIR");
  line.on(init_command, made, init);

  auto served = std::make_shared<WitnessOptions>();
  CLI::App& serve_command =
      line.add(group, "serve", "Cosign what the logs in DIR/logs submit, until SIGTERM",
               {"chancery witness serve --dir /var/lib/witness --listen 192.0.2.1:8090"});
  serve_command.add_option("--dir", served->dir, "the witness's folder")
      ->required()
      ->type_name("DIR");
  serve_command
      .add_option("--listen", served->listen,
                  "where it listens, plain HTTP; default: 127.0.0.1:8090; port 0: any free one, "
                  "written to DIR/port")
      ->type_name("ADDRESS:PORT");
  line.on(serve_command, served, serve);
}

}  // namespace chancery
