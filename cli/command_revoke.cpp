#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/command_line.h"
#include "cli/file.h"
#include "cli/incident.h"
#include "core/certificate.h"
#include "core/incident.h"

namespace chancery {
namespace {

using nlohmann::json;

struct RevokeOptions {
  std::string certificate;  ///< one: serial number or file
  RevocationReason reason = RevocationReason::unspecified;
  std::optional<Time> invalidity_date, reported_at;

  // What selects many.
  std::string serials, key, machines, grant, policy;
  std::optional<MachineName> machine;
  std::optional<ProfileName> profile;
  std::optional<CaName> issuer;
  std::optional<Time> issued_from, issued_before;

  std::optional<IncidentName> name;
  std::optional<Time> replace_by;
  std::string explanation_url, report;
  unsigned per_second = 0;
  bool confirm = false, detach = false;
};

/// The SHA-256 of a public key that is given as such, as its PEM, or as that of a certificate.
Result<std::string> key_hash(const std::string& text) {
  if (const auto bytes = from_hex(text); bytes && bytes->size() == 32) return to_hex(*bytes);
  const auto file = read_file(text, limits::credential_file_bytes);
  if (!file) return invalid("--key", file.error().message);
  const std::string& pem = *file;
  if (const auto spki = from_pem(pem, "PUBLIC KEY")) {
    ASSIGN_OR_RETURN(const PublicKey key, PublicKey::from_spki(*spki));
    return to_hex(key.spki_sha256());
  }
  if (const auto der = from_pem(pem, "CERTIFICATE")) {
    ASSIGN_OR_RETURN(const CertificateInfo info, parse_certificate(*der));
    return to_hex(sha256(info.spki));
  }
  return invalid("--key", text +
                              " is neither 64 hexadecimal digits nor a PEM file with a public "
                              "key or a certificate");
}

/// The first word of each line; "#" begins a comment.
Result<std::vector<std::string>> read_serials(const std::string& path) {
  const auto text = read_file(path, limits::answer_bytes);
  if (!text) return invalid("--serials", text.error().message);
  std::istringstream lines(*text);
  std::vector<std::string> serials;
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line.substr(0, line.find('#')));
    std::string word;
    if (!(words >> word)) continue;
    const auto serial = Serial::parse(word);
    if (!serial) {
      return invalid("--serials", path + ":" + std::to_string(number) + ": \"" + word +
                                      "\": " + serial.error().message);
    }
    serials.push_back(serial->hex());
  }
  if (serials.empty()) return invalid("--serials", path + " has no serial number");
  return serials;
}

Result<json> selector_of(const RevokeOptions& options) {
  json selector = json::object();
  const auto set = [&](const char* member, const std::string& value) {
    if (!value.empty()) selector[member] = value;
  };
  if (!options.key.empty()) {
    ASSIGN_OR_RETURN(selector["key_sha256"], key_hash(options.key));
  }
  if (options.machine) set("machine", options.machine->text());
  set("machines", options.machines);
  set("grant", options.grant);
  set("policy", options.policy);
  if (options.profile) set("profile", options.profile->text());
  if (options.issuer) set("issuer", options.issuer->text());
  if (options.issued_from) set("issued_from", to_rfc3339_seconds(*options.issued_from));
  if (options.issued_before) set("issued_before", to_rfc3339_seconds(*options.issued_before));
  return selector;
}

/// One for each incident that it takes: a list of serials may need several.
Result<std::vector<json>> selectors_of(const RevokeOptions& options) {
  std::vector<json> selectors;
  std::vector<std::string> serials;
  if (!options.certificate.empty()) {
    ASSIGN_OR_RETURN(const std::string serial, serial_of(options.certificate));
    serials.push_back(serial);
  }
  if (!options.serials.empty()) {
    ASSIGN_OR_RETURN(serials, read_serials(options.serials));
  }
  for (std::size_t i = 0; i < serials.size(); i += limits::incident_serials) {
    const std::size_t end = std::min(serials.size(), i + limits::incident_serials);
    selectors.push_back(
        {{"serials", std::vector(serials.begin() + static_cast<std::ptrdiff_t>(i),
                                 serials.begin() + static_cast<std::ptrdiff_t>(end))}});
  }
  if (!selectors.empty()) return selectors;
  ASSIGN_OR_RETURN(json selector, selector_of(options));
  if (selector.empty()) {
    return invalid("certificate",
                   "name a certificate, or what selects many: --serials, --key, --machine, "
                   "--machines, --grant, --profile, --issuer, --issued-from, --issued-before, "
                   "--policy");
  }
  selectors.push_back(std::move(selector));
  return selectors;
}

void add_times(const RevokeOptions& options, json& request) {
  if (options.invalidity_date) {
    request["invalidity_date"] = to_rfc3339_seconds(*options.invalidity_date);
  }
  if (options.reported_at) request["reported_at"] = to_rfc3339_seconds(*options.reported_at);
}

json request_of(const RevokeOptions& options, json selector) {
  json request = {{"selector", std::move(selector)}, {"reason", name_of(options.reason)}};
  add_times(options, request);
  if (options.replace_by) request["replace_by"] = to_rfc3339_seconds(*options.replace_by);
  if (!options.explanation_url.empty()) request["explanation_url"] = options.explanation_url;
  if (options.per_second > 0) request["per_second"] = options.per_second;
  return request;
}

Result<ExitCode> revoke_one(Session& session, const RevokeOptions& options) {
  ASSIGN_OR_RETURN(std::string serial, serial_of(options.certificate));
  ASSIGN_OR_RETURN(Service * service, session.service());
  json request = {{"reason", name_of(options.reason)}};
  add_times(options, request);
  ASSIGN_OR_RETURN(json answer, service->post("/v1/certificates/" + serial + "/revoke", request));
  ASSIGN_OR_RETURN(bool already, flag_in(answer, "already"));
  ASSIGN_OR_RETURN(std::string revoked_at, text_in(answer, "revoked_at"));
  ASSIGN_OR_RETURN(std::string reason, text_in(answer, "reason"));
  std::string line = (already ? "was revoked already: " : "revoked ") + serial + " (" + reason +
                     ") at " + revoked_at;
  for (const json& of : answer.value("dependants", json::array())) {
    line += "\nunder CA " + optional_text_in(of, "ca") + ": " + count_text(of, "certificates") +
            " certificates are good for nothing now";
  }
  session.print(line, answer);
  return ExitCode::done;
}

Result<ExitCode> preview(Session& session, const RevokeOptions& options,
                         const std::vector<json>& selectors) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  for (const json& selector : selectors) {
    json request = request_of(options, selector);
    request["dry_run"] = true;
    ASSIGN_OR_RETURN(const json answer, service->post("/v1/incidents", request));
    session.print(describe_preview(answer), answer);
  }
  write_text(stderr, "nothing was changed: this was a dry run, --confirm does it");
  return ExitCode::done;
}

Result<ExitCode> open_incident(Session& session, const RevokeOptions& options, json selector,
                               const std::string& name, const std::string& report) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  json request = request_of(options, std::move(selector));
  request["name"] = name;
  ASSIGN_OR_RETURN(const json answer, service->post("/v1/incidents", request));
  if (!options.detach) return watch_incident(session, name, report);
  session.print(describe_incident(answer), answer);
  return ExitCode::done;
}

/// What one that is revoked at once has no use for is not passed over in silence.
Result<void> check_at_once(const RevokeOptions& options) {
  const std::pair<bool, const char*> given[] = {{options.name.has_value(), "--incident"},
                                                {options.per_second > 0, "--per-second"},
                                                {!options.explanation_url.empty(), "--explanation"},
                                                {!options.report.empty(), "--report"},
                                                {options.detach, "--detach"}};
  for (const auto& [is_given, option] : given) {
    if (is_given) {
      return invalid(option, std::string(option) +
                                 " goes with many certificates, or with --replace-by; this one is "
                                 "revoked at once");
    }
  }
  return {};
}

/// Whether an earlier run has left anything of this part to do.
Result<bool> is_left(Session& session, const RevokeOptions& options, const json& selector) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  json request = request_of(options, selector);
  request["dry_run"] = true;
  ASSIGN_OR_RETURN(const json answer, service->post("/v1/incidents", request));
  ASSIGN_OR_RETURN(const std::uint64_t matched, number_in(answer, "matched"));
  return matched > 0;
}

Result<ExitCode> revoke(Session& session, const RevokeOptions& options) {
  ASSIGN_OR_RETURN(const std::vector<json> selectors, selectors_of(options));
  const bool one = !options.certificate.empty();
  if (one && !options.replace_by) {
    RETURN_IF_ERROR(check_at_once(options));
    return revoke_one(session, options);
  }
  if (!one && !options.confirm) return preview(session, options, selectors);
  const std::string name = options.name ? options.name->text() : "inc-" + to_hex(random_bytes(6));
  ExitCode code = ExitCode::done;
  for (std::size_t i = 0; i < selectors.size() && code == ExitCode::done; ++i) {
    const std::string part = selectors.size() > 1 ? "-" + std::to_string(i + 1) : "";
    if (!part.empty()) {
      ASSIGN_OR_RETURN(const bool left, is_left(session, options, selectors[i]));
      if (!left) {
        write_text(stderr, name + part + ": nothing of this part is left to revoke");
        continue;
      }
    }
    ASSIGN_OR_RETURN(code, open_incident(session, options, selectors[i], name + part,
                                         options.report.empty() ? "" : options.report + part));
  }
  return code;
}

/// What selects many: each narrows the others, and none goes with serial numbers.
std::vector<CLI::Option*> add_narrowing_options(CLI::App& command, RevokeOptions& options) {
  return {
      command
          .add_option("--key", options.key,
                      "all with this public key, which is never certified again: its SHA-256 "
                      "or a PEM file of it or of a certificate")
          ->type_name("KEY"),
      &add_parsed(command, "--machine", options.machine, MachineName::parse, "all of this machine"),
      command
          .add_option("--machines", options.machines,
                      "all of the machines that fit a pattern such as web-*.example")
          ->type_name("PATTERN"),
      command.add_option("--grant", options.grant, "all that this grant allowed")
          ->type_name("NAME"),
      &add_parsed(command, "--profile", options.profile, ProfileName::parse, "all of this profile"),
      &add_parsed(command, "--issuer", options.issuer, CaName::parse, "all that this CA issued"),
      &add_parsed(command, "--issued-from", options.issued_from, from_rfc3339,
                  "all that were issued at this time or later"),
      &add_parsed(command, "--issued-before", options.issued_before, from_rfc3339,
                  "all that were issued before this time"),
      command
          .add_option("--policy", options.policy,
                      "all that this version of the policy allowed (chancery policy show)")
          ->type_name("VERSION"),
  };
}

void add_selecting_options(CLI::App& command, RevokeOptions& options, CLI::Option& certificate) {
  const std::string group = "Many at once (a dry run without --confirm)";
  const auto in_group = [&](CLI::Option* option) { option->group(group); };
  CLI::Option* const serials =
      command.add_option("--serials", options.serials, "a file of serial numbers, one a line")
          ->type_name("FILE");
  in_group(serials);
  // Nothing that somebody asked for is dropped: it would revoke more than he meant.
  serials->excludes(&certificate);
  for (CLI::Option* option : add_narrowing_options(command, options)) {
    in_group(option);
    option->excludes(&certificate);
    option->excludes(serials);
  }
  in_group(command.add_flag("--confirm", options.confirm, "do it"));
  in_group(&add_parsed(command, "--incident", options.name, IncidentName::parse,
                       "the incident's name; default: a random one"));
  in_group(command
               .add_option("--per-second", options.per_second,
                           "certificates a second at most; default: " +
                               std::to_string(limits::incident_rate))
               ->check(CLI::Range(1u, static_cast<unsigned>(limits::incident_rate_at_most))));
  in_group(&add_parsed(command, "--replace-by", options.replace_by, from_rfc3339,
                       "first ask their machines to renew until then, and revoke when all have"));
  in_group(command
               .add_option("--explanation", options.explanation_url,
                           "where those machines' people read why")
               ->type_name("URL"));
  in_group(command
               .add_option("--report", options.report,
                           "keep the report there, with its receipt beside it")
               ->type_name("FILE"));
  in_group(command.add_flag("--detach", options.detach, "do not wait for the end"));
}

}  // namespace

void add_revoke_command(CommandLine& line) {
  auto options = std::make_shared<RevokeOptions>();
  CLI::App& command = line.add(
      line.root(), "revoke", "Revoke a certificate, or many",
      {"chancery --identity ./operator revoke 0157ab…(40 digits) --reason keyCompromise",
       "chancery --identity ./web-1 revoke ./tls/cert.pem --reason superseded",
       "chancery --identity ./operator revoke --machines 'web-*.example' --reason superseded",
       "chancery --identity ./operator revoke --key stolen.pem --reason keyCompromise --confirm "
       "--report inc-7.jsonl",
       "chancery --identity ./operator revoke --grant web-tls --reason superseded "
       "--replace-by 2026-12-01T00:00:00Z --confirm"});
  CLI::Option* const certificate =
      command.add_option("certificate", options->certificate, "serial number or certificate file");
  add_parsed(command, "--reason", options->reason, parse_revocation_reason,
             "RFC 5280's: keyCompromise, affiliationChanged, superseded, cessationOfOperation, "
             "privilegeWithdrawn, certificateHold, …; default: unspecified");
  add_parsed(command, "--invalid-since", options->invalidity_date, from_rfc3339,
             "since when it may have been misused, such as 2026-11-22T09:40:50Z");
  add_parsed(command, "--reported-at", options->reported_at, from_rfc3339,
             "when somebody was told of the reason: from then on its clock runs");
  add_selecting_options(command, *options, *certificate);
  line.on(command, options, revoke);
}

}  // namespace chancery
