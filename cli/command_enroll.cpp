#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/csr.h"
#include "cli/file.h"
#include "cli/issued.h"

namespace chancery {
namespace {

struct EnrollOptions {
  std::string token;
  std::string token_file;
  std::string name;
  std::string directory;
  KeyType key_type = KeyType::ec_p256;
  bool force = false;
};

Result<Secret> token_of(const EnrollOptions& options) {
  if (options.token_file.empty()) return Secret(options.token);
  auto token = read_secret(options.token_file);
  if (!token) return invalid("--token-file", token.error().message);
  return token;
}

Result<void> check_token(const Secret& token) {
  bool good = !token.empty();
  for (char c : token.reveal()) good = good && c > ' ' && c < 0x7f;
  if (good) return {};
  return invalid("--token", "an enrolment token is one word, as `chancery machine add` printed it");
}

Result<ExitCode> enroll(Session& session, const EnrollOptions& options) {
  ASSIGN_OR_RETURN(Secret token, token_of(options));
  RETURN_IF_ERROR(check_token(token));
  if (!options.force) RETURN_IF_ERROR(check_vacant(options.directory));
  RETURN_IF_ERROR(check_writable(options.directory));
  ASSIGN_OR_RETURN(Service * service, session.service_without_identity());
  service->send_new_keys();

  ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::generate(options.key_type));
  Subject subject;
  subject.common_name = options.name;
  ASSIGN_OR_RETURN(std::string csr, make_csr(key, subject, {}));
  ASSIGN_OR_RETURN(nlohmann::json answer,
                   service->post("/v1/enroll", {{"token", token.reveal()}, {"csr", csr}}));
  ASSIGN_OR_RETURN(IssuedCertificate issued, read_issued(answer, key.spki()));
  Secret pem = key.pem();
  ASSIGN_OR_RETURN(answer, store_issued(options.directory, issued, &pem, std::move(answer)));
  session.print(describe_issued("enrolled", issued, options.directory), answer);
  return ExitCode::done;
}

}  // namespace

void add_enroll_command(CommandLine& line) {
  auto options = std::make_shared<EnrollOptions>();
  CLI::App& command = line.add(
      line.root(), "enroll", "Make a key here and get this machine's first certificate",
      {"chancery --url https://ca.example:8443 --ca root.pem enroll --token-file token --out "
       "/etc/chancery/identity",
       "ssh operator chancery machine token web-1.example --json | jq -r .token | chancery --ca "
       "root.pem "
       "enroll --token-file - --out ./web-1"});
  auto* token = command.add_option("--token", options->token,
                                   "one-time token; other users can see it while this runs");
  auto* file = command.add_option("--token-file", options->token_file, "file with it, - for stdin")
                   ->type_name("FILE");
  require_one_of(command, {{token, file}});
  command.add_option("--name", options->name,
                     "the machine's name; must be the one the token is for");
  command.add_option("--out", options->directory, "where cert.pem, key.pem and chain.pem go")
      ->required()
      ->type_name("DIR");
  add_parsed(command, "--key-type", options->key_type, parse_key_type, "default: ec-p256");
  command.add_flag("--force", options->force, "replace an identity that is there");
  line.on(command, options, enroll);
}

}  // namespace chancery
