#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/csr.h"
#include "cli/file.h"
#include "cli/hook.h"
#include "cli/issued.h"
#include "cli/renewal_report.h"
#include "cli/renewer.h"

namespace chancery {
namespace {

using nlohmann::json;

struct RenewOptions {
  RenewalRules rules;
  std::vector<std::string> directories;
  std::string metrics;
  bool daemon = false, once = false, status = false;
};

Result<ExitCode> renew_by_hand(Session& session, const RenewOptions& options) {
  const RenewalRules& rules = options.rules;
  ASSIGN_OR_RETURN(const Identity* identity, session.identity());
  RETURN_IF_ERROR(check_writable(identity->directory));
  ASSIGN_OR_RETURN(CertificateSummary old, summarize_certificate(identity->certificate));
  const KeyType type = rules.key_type.value_or(KeyType::ec_p256);
  ASSIGN_OR_RETURN(PrivateKey key, rules.same_key ? PrivateKey::from_pem(identity->key)
                                                  : PrivateKey::generate(type));
  // The service copies the names of the old certificate.
  ASSIGN_OR_RETURN(std::string csr, make_csr(key, {}, {}));
  json body = {{"csr", csr}};
  if (rules.validity) body["validity"] = format_duration(*rules.validity);
  ASSIGN_OR_RETURN(Service * service, session.service());
  if (!rules.same_key) service->send_new_keys();
  ASSIGN_OR_RETURN(json answer, service->post("/v1/certificates/" + old.serial + "/renew", body));
  ASSIGN_OR_RETURN(IssuedCertificate issued, read_issued(answer, key.spki()));
  Secret pem = key.pem();
  const std::string& directory = identity->directory;
  ASSIGN_OR_RETURN(answer, store_issued(directory, issued, &pem, std::move(answer)));
  session.print(describe_issued("renewed as", issued, directory), answer);
  return ExitCode::done;
}

/// Those that were named, or else the identity's.
Result<std::vector<std::string>> directories_of(const Session& session,
                                                const RenewOptions& options) {
  if (!options.directories.empty()) return options.directories;
  if (!session.identity_directory().empty()) {
    return std::vector<std::string>{session.identity_directory()};
  }
  return invalid("DIR", "say which: one directory or more, or --identity DIR");
}

std::vector<RenewalReport> reports_of(const std::vector<std::string>& directories) {
  std::vector<RenewalReport> reports;
  for (const std::string& directory : directories) reports.push_back(report_renewal(directory));
  return reports;
}

Result<ExitCode> show_status(Session& session, const RenewOptions& options) {
  ASSIGN_OR_RETURN(const auto directories, directories_of(session, options));
  const Time time = now();
  bool good = true;
  std::string text;
  json rows = json::array();
  for (const RenewalReport& report : reports_of(directories)) {
    good = good && problem_of(report, time).empty();
    text += (text.empty() ? "" : "\n") + describe(report, time);
    rows.push_back(report_json(report, time));
  }
  session.print(text, {{"certificates", std::move(rows)}});
  return good ? ExitCode::done : ExitCode::failed;
}

Result<void> check_hook(const std::string& program) {
  if (program.empty() || (program.front() == '/' && ::access(program.c_str(), X_OK) == 0)) {
    return {};
  }
  return invalid("--hook", program + " must be the whole path of a program that we may run");
}

Result<std::vector<Renewer>> renewers_of(Session& session, const RenewOptions& options) {
  ASSIGN_OR_RETURN(const auto directories, directories_of(session, options));
  std::vector<Renewer> renewers;
  for (const std::string& directory : directories) {
    ASSIGN_OR_RETURN(Lineage lineage, Lineage::open(directory));
    renewers.emplace_back(session, options.rules, std::move(lineage), random_below);
  }
  return renewers;
}

/// A pass over all. What fails for one does not keep the others waiting.
bool pass_over(std::vector<Renewer>& renewers, const std::string& metrics, bool at_once) {
  bool good = true;
  std::vector<std::string> directories;
  for (Renewer& renewer : renewers) {
    good = renewer.pass(at_once) && good;
    directories.push_back(renewer.directory());
  }
  if (metrics.empty()) return good;
  const std::string text = renewal_metrics(reports_of(directories), now());
  const auto written = replace_file(metrics, text, 0644);
  if (!written) write_text(stderr, "chancery: " + written.error().message);
  return good && written;
}

/// Against the wall clock, in steps: one that was suspended, or set, is noticed within a step.
bool wait_for_next(const std::vector<Renewer>& renewers) {
  Time next = now() + limits::renewal_wait_step;
  for (const Renewer& renewer : renewers) next = std::min(next, renewer.next());
  const Seconds pause = std::chrono::ceil<Seconds>(next - now());
  return wait_for_hangup(
      std::clamp<Seconds>(pause, Seconds{1}, Seconds{limits::renewal_wait_step}));
}

Result<ExitCode> keep_renewed(Session& session, const RenewOptions& options) {
  RETURN_IF_ERROR(check_hook(options.rules.hook));
  RETURN_IF_ERROR(check_replaceable("--metrics", options.metrics));
  ASSIGN_OR_RETURN(auto renewers, renewers_of(session, options));
  end_at_once_on_signals(options.daemon ? 0 : 1);
  if (options.once) {
    return pass_over(renewers, options.metrics, true) ? ExitCode::done : ExitCode::failed;
  }
  for (bool told = false;; told = wait_for_next(renewers)) {
    pass_over(renewers, options.metrics, told);
  }
}

Result<ExitCode> renew(Session& session, const RenewOptions& options) {
  if (options.status) return show_status(session, options);
  if (options.daemon || options.once) return keep_renewed(session, options);
  if (!options.directories.empty() || !options.rules.hook.empty() || !options.metrics.empty()) {
    return invalid("DIR",
                   "directories, --hook and --metrics are for --daemon, --once and --status");
  }
  return renew_by_hand(session, options);
}

void add_watching_options(CLI::App& command, RenewOptions& options) {
  auto* daemon =
      command.add_flag("--daemon", options.daemon,
                       "stay, and renew each DIR when its time comes or the service asks");
  auto* once = command.add_flag("--once", options.once,
                                "do what --daemon would do now, and end; for timers");
  auto* status = command.add_flag("--status", options.status,
                                  "say how each DIR stands; exit status 1 when one needs a person");
  daemon->excludes(once)->excludes(status);
  once->excludes(status);
  command
      .add_option("DIR", options.directories,
                  "with cert.pem, key.pem, chain.pem; default: the identity's own")
      ->type_name("");
  command
      .add_option("--hook", options.rules.hook,
                  "run after each renewal, with CHANCERY_CERTIFICATE, _KEY, _CHAIN, _SERIAL, "
                  "_PREVIOUS_SERIAL and _NOT_AFTER in its environment")
      ->excludes(status)
      ->type_name("PROGRAM");
  command
      .add_option("--metrics", options.metrics,
                  "write metrics there, for Prometheus's textfile collector")
      ->excludes(status)
      ->type_name("FILE");
}

}  // namespace

void add_renew_command(CommandLine& line) {
  auto options = std::make_shared<RenewOptions>();
  CLI::App& command = line.add(
      line.root(), "renew", "Replace certificates (and keys) by fresh ones: now, or when due",
      {"chancery --identity /etc/chancery/identity renew",
       "chancery --identity ./web-1 renew --key-type rsa-3072 --validity 12h",
       "chancery --identity ./web-1 renew --daemon ./web-1 ./tls --hook "
       "/usr/local/sbin/reload-nginx",
       "chancery renew --status ./web-1 ./tls"});
  auto* same = command.add_flag("--same-key", options->rules.same_key,
                                "keep the key, where the profile allows that");
  add_parsed(command, "--key-type", options->rules.key_type, parse_key_type,
             "of the new key; default: ec-p256, with --daemon or --once as before")
      .excludes(same);
  add_parsed(command, "--validity", options->rules.validity, parse_duration,
             "such as 24h; default: the profile's");
  add_watching_options(command, *options);
  line.on(command, options, renew);
}

}  // namespace chancery
