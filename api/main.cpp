// chanceryd: the one place where token, policy engine, core and API meet.

#include <arpa/inet.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "api/daemon.h"
#include "api/witness_client.h"
#include "api/witness_server.h"
#include "core/durable_file.h"
#include "core/installation.h"
#include "core/new_home.h"
#include "core/policy_directory.h"
#include "pkcs11/keyholder_pool.h"
#include "pkcs11/softhsm_token_file.h"
#include "pkcs11/token_initialisation.h"
#include "policies/default_policy.h"
#include "policies/pattern.h"
#include "policies/policy_file.h"

namespace chancery {
namespace {

constexpr const char* kSoftHsm = "/usr/lib/softhsm/libsofthsm2.so";

/// What the command line of `chanceryd init` says.
struct InitOptions {
  std::string home, api = "127.0.0.1:8443", public_http = "127.0.0.1:8080";
  std::string module, token_label = "chancery", pin_file, log_origin;
};

/// chancery-keyholder, beside this program.
std::string keyholder_path() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  CHECK(size > 0);
  const std::string self(path.data(), static_cast<std::size_t>(size));
  return self.substr(0, self.rfind('/') + 1) + "chancery-keyholder";
}

KeyholderOptions keyholder_options(const Config& config) {
  KeyholderOptions options;
  options.executable = keyholder_path();
  options.module = config.token.module;
  options.label = config.token.label;
  options.pin_file = config.token.pin_file;
  options.softhsm_config = config.token.softhsm_config;
  options.socket_path = config.token.socket;
  options.keyholders = config.token.keyholders;
  options.lanes = config.token.lanes;
  options.deadline = config.token.deadline;
  return options;
}

/// The folder of the SoftHSM token that `chanceryd init` made. Empty for any other token: its files
/// are not ours to touch.
std::string own_softhsm_folder(const Config& config) {
  const std::string folder = config.home + "/token";
  const bool own = config.token.softhsm_config == folder + "/softhsm2.conf" &&
                   config.token.module == kSoftHsm && config.token.socket.empty();
  return own ? folder : "";
}

Result<void> mend_token(const std::string& folder, TokenEvents& events) {
  ASSIGN_OR_RETURN(const auto mended, mend_softhsm_token_files(folder));
  for (const std::string& path : mended) {
    const std::string what = "SoftHSM's " + path +
                             " was cut off, by a kill or power cut during a login; its copy in " +
                             folder + " was put back";
    std::cerr << "chanceryd: WARNING: " << what << std::endl;
    events.tell("mended", what);
  }
  return {};
}

Result<std::unique_ptr<KeyholderPool>> start_token(const Config& config, TokenEvents& events) {
  const std::string softhsm = own_softhsm_folder(config);
  if (!softhsm.empty()) RETURN_IF_ERROR(mend_token(softhsm, events));
  ASSIGN_OR_RETURN(
      auto token,
      KeyholderPool::start(keyholder_options(config), [&events](const TokenEvent& event) {
        events.tell(std::string(name_of(event.kind)),
                    "keyholder " + std::to_string(event.keyholder) + ": " + event.reason);
      }));
  if (softhsm.empty() || !token->status().up) return token;
  // A copy that cannot be made is no reason not to serve.
  if (const auto kept = keep_softhsm_token_files(softhsm); !kept) {
    std::cerr << "chanceryd: WARNING: " << kept.error().message << " (" << kept.error().detail
              << ")" << std::endl;
  }
  return token;
}

/// Patterns of machine names as the policy has them.
Result<MachineMatcher> machine_matcher(std::string_view text) {
  ASSIGN_OR_RETURN(Pattern pattern,
                   Pattern::parse_without_variables(PatternKind::machine_name, text));
  return MachineMatcher([pattern = std::move(pattern)](const std::string& machine) {
    return pattern.matches(machine, Machine{});
  });
}

PolicyLoader policy_loader(const Config& config) {
  return [profiles = config.profiles](const std::string& text, const std::vector<CaName>& cas) {
    return load_policy(text, PolicyVocabulary::of(profiles, cas));
  };
}

Failure io_error(const std::string& what) {
  return fail(ErrorCode::store_unavailable, what + ": " + std::strerror(errno));
}

/// For the operator. What is wrong with a file has its field behind the place in the message.
std::string report_line(const Error& error) {
  const bool named =
      error.field.empty() || error.message.find(error.field + ": ") != std::string::npos;
  return (named ? "" : error.field + ": ") + error.message +
         (error.detail.empty() ? "" : " (" + error.detail + ")");
}

/// For port 0: one that is free now. It is written down, because certificates will name it.
Result<ListenAddress> settle(const std::string& text) {
  ASSIGN_OR_RETURN(ListenAddress address, parse_listen_address(text));
  if (address.port != 0) return address;
  const bool v6 = address.host.find(':') != std::string::npos;
  sockaddr_storage storage{};
  auto* v4_address = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6_address = reinterpret_cast<sockaddr_in6*>(&storage);
  storage.ss_family = v6 ? AF_INET6 : AF_INET;
  inet_pton(storage.ss_family, address.host.c_str(),
            v6 ? static_cast<void*>(&v6_address->sin6_addr) : &v4_address->sin_addr);
  socklen_t size = v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  const int probe = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool found = probe >= 0 &&
                     ::bind(probe, reinterpret_cast<sockaddr*>(&storage), size) == 0 &&
                     ::getsockname(probe, reinterpret_cast<sockaddr*>(&storage), &size) == 0;
  if (!found) return io_error("no free port on " + address.host);
  address.port = ntohs(v6 ? v6_address->sin6_port : v4_address->sin_port);
  ::close(probe);
  return address;
}

Result<void> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return io_error("cannot make " + path);
  return {};
}

/// A SoftHSM token of this installation's own, with PINs that nobody has to know.
Result<void> make_softhsm_token(const std::string& home, NewInstallation& wanted) {
  if (::access(kSoftHsm, R_OK) != 0) {
    return invalid("module", std::string(kSoftHsm) +
                                 " is missing: apt install softhsm2, or give --module, "
                                 "--token-label and --pin-file of your token");
  }
  wanted.module = kSoftHsm;
  wanted.softhsm_config = "token/softhsm2.conf";
  wanted.pin_file = "pin";
  RETURN_IF_ERROR(make_folder(home + "/token"));
  RETURN_IF_ERROR(make_folder(home + "/token/tokens"));
  const std::string config = home + "/token/softhsm2.conf";
  RETURN_IF_ERROR(replace_durable_file(config,
                                       "directories.tokendir = " + home + "/token/tokens\n" +
                                           "objectstore.backend = file\nlog.level = ERROR\n",
                                       0600));
  RETURN_IF_ERROR(replace_durable_file(home + "/pin", to_base64url(random_bytes(18)) + "\n", 0600));
  RETURN_IF_ERROR(
      replace_durable_file(home + "/so-pin", to_base64url(random_bytes(18)) + "\n", 0600));
  return init_token(
      {keyholder_path(), kSoftHsm, wanted.token_label, home + "/pin", home + "/so-pin", config});
}

/// Everything up to the point where the new home can be opened like any other.
Result<void> lay_out(const std::string& home, const InitOptions& options) {
  NewInstallation wanted;
  ASSIGN_OR_RETURN(wanted.api, settle(options.api));
  ASSIGN_OR_RETURN(wanted.public_http, settle(options.public_http));
  wanted.token_label = options.token_label;
  if (!options.log_origin.empty()) wanted.log_origin = options.log_origin;
  if (options.module.empty()) {
    RETURN_IF_ERROR(make_softhsm_token(home, wanted));
  } else {
    wanted.module = options.module;
    wanted.pin_file = options.pin_file;
  }
  RETURN_IF_ERROR(replace_durable_file(home + "/config.yaml", default_config(wanted), 0600));
  ASSIGN_OR_RETURN(const Config config, load_config(home));
  return replace_durable_file(home + "/policy.yaml", default_policy(config.trust_domain), 0600);
}

/// A path of the command line.
Result<std::string> absolute(const std::string& option, const std::string& path) {
  if (path.empty()) return invalid("", option + " is empty");
  if (path.front() == '/') return path;
  std::array<char, PATH_MAX> here{};
  if (!::getcwd(here.data(), here.size())) return io_error("no current folder");
  return std::string(here.data()) + "/" + path;
}

Result<void> make_installation(const std::string& home, const InitOptions& options) {
  RETURN_IF_ERROR(lay_out(home, options));
  ASSIGN_OR_RETURN(const Config config, load_config(home));
  TokenEvents events;
  ASSIGN_OR_RETURN(const auto token, start_token(config, events));
  if (const TokenStatus status = token->status(); !status.up) {
    return fail(ErrorCode::token_unavailable, "the token is not usable: " + status.problem);
  }
  ASSIGN_OR_RETURN(const auto instance, Instance::open(config, *token, policy_loader(config)));
  RETURN_IF_ERROR(furnish(
      *instance, [](const std::string& line) { std::cout << "made " << line << std::endl; }));
  std::cout << "installation " << home << ": API https://" << to_text(config.api)
            << ", public http://" << to_text(config.public_http)
            << "\nstart it with: chanceryd --home " << home << std::endl;
  return {};
}

Result<void> init(InitOptions options) {
  ASSIGN_OR_RETURN(const std::string home, absolute("--home", options.home));
  if (!options.module.empty()) {
    ASSIGN_OR_RETURN(options.module, absolute("--module", options.module));
    ASSIGN_OR_RETURN(options.pin_file, absolute("--pin-file", options.pin_file));
  }
  ASSIGN_OR_RETURN(NewHome new_home, NewHome::claim(home));
  RETURN_IF_ERROR(make_installation(home, options));
  new_home.keep();
  return {};
}

Result<void> expect_file(const Config& config, const std::string& member, const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return config.refuse(member, path + ": " + std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) return config.refuse(member, path + " is not a regular file");
  return {};
}

/// What the service reads at its start.
Result<void> check_files(const Config& config) {
  for (std::size_t i = 0; i < config.trust_anchors.size(); ++i) {
    const std::string member = "trust_anchors[" + std::to_string(i) + "]";
    RETURN_IF_ERROR(expect_file(config, member, config.trust_anchors[i]));
    const auto read = read_certificates({config.trust_anchors[i]});
    if (!read) return config.refuse(member, read.error().message);
  }
  RETURN_IF_ERROR(load_witness_policy(config));
  if (config.blocked_keys.empty()) return {};
  RETURN_IF_ERROR(expect_file(config, "blocked_keys", config.blocked_keys));
  const auto blocked = BlockedKeys::load(config.blocked_keys);
  if (!blocked) return config.refuse("blocked_keys", blocked.error().message);
  return {};
}

/// What a keyholder reads: without it the service starts, and waits for the token.
Result<void> check_token_files(const Config& config) {
  if (!config.token.socket.empty()) return {};
  RETURN_IF_ERROR(expect_file(config, "token.module", config.token.module));
  RETURN_IF_ERROR(expect_file(config, "token.pin_file", config.token.pin_file));
  if (config.token.softhsm_config.empty()) return {};
  return expect_file(config, "token.softhsm_config", config.token.softhsm_config);
}

/// Without the database there would be no inventory, and a second log of the same name.
Result<void> expect_database(const std::string& home) {
  const std::string path = home + "/chancery.db";
  if (::access(path.c_str(), F_OK) == 0) return {};
  return fail(ErrorCode::store_unavailable,
              "the database " + path + " cannot be read, restore it: " + std::strerror(errno));
}

/// A new identity for somebody who lost theirs; the service must be stopped.
Result<void> make_identity(const std::string& home_option, const std::string& name_text,
                           const std::string& out) {
  ASSIGN_OR_RETURN(const std::string home, absolute("--home", home_option));
  ASSIGN_OR_RETURN(const MachineName name, MachineName::parse(name_text));
  ASSIGN_OR_RETURN(const Config config, load_config(home));
  RETURN_IF_ERROR(expect_database(home));
  TokenEvents events;
  ASSIGN_OR_RETURN(const auto token, start_token(config, events));
  ASSIGN_OR_RETURN(const auto instance, Instance::open(config, *token, policy_loader(config)));
  Cosigning cosigning(instance->log(), instance->store(), instance->witness_policy(),
                      witness_client);
  RETURN_IF_ERROR(cosigning.ask_all());
  RETURN_IF_ERROR(enroll_locally(*instance, name, ProfileName::literal("identity"), out));
  std::cout << "identity " << name.text() << " in " << out << std::endl;
  return {};
}

/// Says whether the service would start with config.yaml and its policy. It may be running.
Result<void> check(const std::string& home_option) {
  ASSIGN_OR_RETURN(const std::string home, absolute("--home", home_option));
  ASSIGN_OR_RETURN(const Config config, load_config(home));
  RETURN_IF_ERROR(check_files(config));
  RETURN_IF_ERROR(check_token_files(config));
  RETURN_IF_ERROR(expect_database(home));
  ASSIGN_OR_RETURN(const auto store, Store::open_read_only(home + "/chancery.db"));
  RETURN_IF_ERROR(check_continuity(config, *store));
  ASSIGN_OR_RETURN(const std::vector<CaName> cas, ca_names(*store));
  ASSIGN_OR_RETURN(const std::string text, read_policy(home));
  ASSIGN_OR_RETURN(const auto policy, policy_loader(config)(text, cas));
  std::cout << "config.yaml and the policy are good; policy version " << policy->version()
            << std::endl;
  return {};
}

/// Serves until SIGTERM or SIGINT; SIGHUP reloads the policy.
/// Connections and long CRLs take a descriptor each; a shell's usual limit is 1024.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);  // what there is has to do otherwise
}

Result<void> serve(const std::string& home_option, const sigset_t& signals) {
  raise_descriptor_limit();
  ASSIGN_OR_RETURN(const std::string home, absolute("--home", home_option));
  ASSIGN_OR_RETURN(const Config config, load_config(home));
  RETURN_IF_ERROR(check_files(config));
  RETURN_IF_ERROR(expect_database(home));
  TokenEvents events;
  ASSIGN_OR_RETURN(const auto token, start_token(config, events));
  ASSIGN_OR_RETURN(const auto instance, Instance::open(config, *token, policy_loader(config)));
  ASSIGN_OR_RETURN(const auto daemon, Daemon::start(*instance, events, machine_matcher));
  std::cout << "chanceryd " << CHANCERY_VERSION << ": API https://"
            << to_text({config.api.host, daemon->api_port()}) << ", public http://"
            << to_text({config.public_http.host, daemon->public_port()}) << std::endl;
  for (;;) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGHUP) break;
    const auto changed = instance->reload_policy(Instance::self());
    std::cerr << "chanceryd: "
              << (!changed   ? "the policy stays: " + report_line(changed.error())
                  : *changed ? "new policy " + instance->service().policy()->version()
                             : std::string("the policy has not changed"))
              << std::endl;
  }
  std::cerr << "chanceryd: stopping" << std::endl;
  if (!instance->log().needs_restart()) return {};
  return fail(ErrorCode::store_unavailable, "a failed flush; start again", "",
              instance->log().problem());
}

struct WitnessOptions {
  std::string name, dir, listen = "127.0.0.1:8090";
};

Result<void> init_witness(const WitnessOptions& options) {
  ASSIGN_OR_RETURN(const std::string dir, absolute("--out", options.dir));
  ASSIGN_OR_RETURN(const std::string vkey, Witness::init(dir, options.name));
  std::cout << vkey << std::endl;
  return {};
}

/// Serves until SIGTERM or SIGINT.
Result<void> serve_witness(const WitnessOptions& options, const sigset_t& signals) {
  ASSIGN_OR_RETURN(const std::string dir, absolute("--dir", options.dir));
  ASSIGN_OR_RETURN(ListenAddress address, parse_listen_address(options.listen));
  ASSIGN_OR_RETURN(const auto witness, Witness::open(dir));
  ASSIGN_OR_RETURN(const auto server, WitnessServer::start(*witness, address));
  address.port = server->port();
  RETURN_IF_ERROR(replace_durable_file(dir + "/port", std::to_string(address.port) + "\n", 0644));
  std::cout << "witness " << witness->vkey() << " of " << witness->logs()
            << (witness->logs() == 1 ? " log" : " logs") << " at http://" << to_text(address)
            << std::endl;
  for (;;) {
    int signal = 0;
    if (sigwait(&signals, &signal) == 0 && signal != SIGHUP) return {};
  }
}

int report(const Result<void>& result) {
  if (result) return 0;
  std::cerr << "chanceryd: " << report_line(result.error()) << std::endl;
  return result.error().code == ErrorCode::invalid_request ? 2 : 1;
}

int run(int argc, char** argv) {
  // Blocked before any thread starts, so that only sigwait() sees them.
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a file at its size limit is write()'s error, as a full disk is
  ::umask(077);

  CLI::App app("chanceryd, the signing service. Start it with: chanceryd --home DIR");
  app.set_version_flag("--version", CHANCERY_VERSION);
  std::string home;
  app.add_option("--home", home, "folder of the installation (made by `chancery init`)");
  app.require_subcommand(0, 1);

  InitOptions init_options;
  CLI::App* init_command = app.add_subcommand("init", "make a new installation");
  init_command->add_option("--home", init_options.home, "folder to make")->required();
  init_command->add_option("--api", init_options.api, "ADDRESS:PORT of the API; port 0: any free");
  init_command->add_option("--public", init_options.public_http,
                           "ADDRESS:PORT of CRLs, health, …; port 0: any free");
  auto* module = init_command->add_option("--module", init_options.module,
                                          "PKCS#11 module of a token of your own");
  init_command->add_option("--token-label", init_options.token_label, "its label");
  auto* pin =
      init_command->add_option("--pin-file", init_options.pin_file, "file with its PIN, mode 0600");
  init_command->add_option("--log-origin", init_options.log_origin,
                           "name of the audit log, for ever");
  module->needs(pin);
  pin->needs(module);

  std::string identity_home, identity_name, identity_out;
  CLI::App* identity_command = app.add_subcommand(
      "identity", "make a certificate and key for an identity, with the service stopped");
  identity_command->add_option("--home", identity_home, "folder of the installation")->required();
  identity_command->add_option("name", identity_name, "such as admin")->required();
  identity_command->add_option("--out", identity_out, "folder for cert.pem, key.pem, chain.pem")
      ->required();

  std::string check_home;
  CLI::App* check_command = app.add_subcommand("check", "check config.yaml and the policy");
  check_command->add_option("--home", check_home, "folder of the installation")->required();

  WitnessOptions witness;
  CLI::App* witness_command = app.add_subcommand("witness", "be a witness of other logs");
  witness_command->require_subcommand(1);
  CLI::App* witness_init = witness_command->add_subcommand("init", "make a witness's folder");
  witness_init->add_option("--name", witness.name, "its name, such as w1.example")->required();
  witness_init->add_option("--out", witness.dir, "folder to make")->required();
  CLI::App* witness_serve = witness_command->add_subcommand("serve", "cosign checkpoints");
  witness_serve->add_option("--dir", witness.dir, "the witness's folder")->required();
  witness_serve->add_option("--listen", witness.listen, "ADDRESS:PORT; port 0: any free");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (*init_command) return report(init(init_options));
  if (*identity_command) return report(make_identity(identity_home, identity_name, identity_out));
  if (*check_command) return report(check(check_home));
  if (*witness_init) return report(init_witness(witness));
  if (*witness_serve) return report(serve_witness(witness, signals));
  return report(serve(home, signals));
}

}  // namespace
}  // namespace chancery

int main(int argc, char** argv) {
  return chancery::run(argc, argv);
}
