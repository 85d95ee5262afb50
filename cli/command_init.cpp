#include "cli/command_line.h"
#include "cli/daemon.h"

namespace chancery {
namespace {

struct InitOptions {
  std::string home, api, public_http, module, token_label, pin_file, log_origin;
  CLI::App* command = nullptr;  // for the arguments that only the daemon knows
};

std::string address_check(const std::string& text) {
  std::size_t colon = text.rfind(':');
  std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  bool digits = !port.empty() && port.size() <= 5 &&
                port.find_first_not_of("0123456789") == std::string::npos;
  if (colon != 0 && digits && std::stoul(port) <= 65535) return "";
  return "\"" + text + "\" is not ADDRESS:PORT, such as 127.0.0.1:8443 (port 0: any free one)";
}

Result<ExitCode> init(Session& session, const InitOptions& options) {
  std::vector<std::string> arguments = {"init"};
  auto pass = [&](const char* name, const std::string& value) {
    if (!value.empty()) arguments.insert(arguments.end(), {name, value});
  };
  pass("--home", options.home);
  pass("--api", options.api);
  pass("--public", options.public_http);
  pass("--module", options.module);
  pass("--token-label", options.token_label);
  pass("--pin-file", options.pin_file);
  pass("--log-origin", options.log_origin);
  for (const std::string& extra : options.command->remaining()) arguments.push_back(extra);
  return run_daemon(session, std::move(arguments));
}

}  // namespace

void add_init_command(CommandLine& line) {
  auto options = std::make_shared<InitOptions>();
  CLI::App& command = line.add(
      line.root(), "init", "Make a new installation: token, CAs, configuration, first identities",
      {"chancery init --home /var/lib/chancery",
       "chancery init --home ./home --api 127.0.0.1:0 --public 127.0.0.1:0",
       "chancery init --home ./home --module /usr/lib/libvendor-pkcs11.so --token-label chancery "
       "--pin-file ./pin"});
  command
      .add_option("--home", options->home,
                  "directory of the installation; must not exist or be empty")
      ->required()
      ->type_name("DIR");
  command.add_option("--api", options->api, "where the API listens; default: 127.0.0.1:8443")
      ->check(address_check)
      ->type_name("ADDRESS:PORT");
  command
      .add_option("--public", options->public_http,
                  "where CRLs and the like are served; default: 127.0.0.1:8080")
      ->check(address_check)
      ->type_name("ADDRESS:PORT");
  command
      .add_option("--module", options->module,
                  "PKCS#11 module; default: a SoftHSM token of its own")
      ->check(CLI::ExistingFile)
      ->type_name("FILE");
  command.add_option("--token-label", options->token_label,
                     "label of the token; default: chancery");
  command.add_option("--pin-file", options->pin_file, "file with the token's user PIN, mode 0600")
      ->check(CLI::ExistingFile)
      ->type_name("FILE");
  command
      .add_option("--log-origin", options->log_origin,
                  "names the audit log in its checkpoints, for ever; of its own where witnesses "
                  "know several logs; default: chancery.internal/log")
      ->type_name("DOMAIN/PATH");
  command.allow_extras();
  command.fallthrough(false);  // or what we do not know would be looked for among our own options
  command.add_flag("--json", line.globals().json, "print a JSON object");
  options->command = &command;
  line.on(command, options, init);
}

}  // namespace chancery
