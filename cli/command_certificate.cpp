#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/file.h"
#include "cli/listing.h"
#include "core/identifier.h"
#include "core/revocation.h"

namespace chancery {
namespace {

using nlohmann::json;

struct ListOptions {
  std::optional<MachineName> machine;
  PageOptions page;
};

struct CertificateOptions {
  std::string certificate;
  bool pem = false;
};

Result<ExitCode> list_certificates(Session& session, const ListOptions& options) {
  std::string query = page_query(options.page);
  if (options.machine) query += "&machine=" + options.machine->text();
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->get("/v1/certificates" + query));
  return print_listing(session, answer,
                       {"certificates", {"serial", "state", "machine", "profile", "not_after"}});
}

/// When it was asked for and when everybody could see it, as far as the service says.
std::string clock_text(const json& revocation) {
  std::string text;
  if (auto at = optional_text_in(revocation, "reported_at"); !at.empty()) {
    text += ", reported " + at;
  }
  if (auto at = optional_text_in(revocation, "requested_at"); !at.empty()) {
    text += ", asked for " + at;
  }
  const auto published = flag_in(revocation, "published");
  if (!published) return text;
  if (!*published) return text + ", not published yet";
  const std::string at = optional_text_in(revocation, "published_at");
  return text + ", published" + (at.empty() ? "" : " " + at);
}

Result<ExitCode> show_certificate(Session& session, const CertificateOptions& options) {
  ASSIGN_OR_RETURN(std::string serial, serial_of(options.certificate));
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->get("/v1/certificates/" + serial));
  if (options.pem) {
    ASSIGN_OR_RETURN(std::string pem, text_in(answer, "certificate"));
    session.print(pem, answer);
    return ExitCode::done;
  }
  std::string line =
      serial + " " + optional_text_in(answer, "state") + ": " +
      optional_text_in(answer, "profile") + " of " + optional_text_in(answer, "machine") + " by " +
      optional_text_in(answer, "issuer") + ", " + optional_text_in(answer, "not_before") + " to " +
      optional_text_in(answer, "not_after");
  if (auto revocation = answer.find("revocation");
      revocation != answer.end() && revocation->is_object()) {
    line += "; revoked " + optional_text_in(*revocation, "revoked_at") + " by " +
            optional_text_in(*revocation, "by") + " (" + optional_text_in(*revocation, "reason") +
            ")" + clock_text(*revocation);
  }
  if (std::string by = optional_text_in(answer, "replaced_by"); !by.empty()) {
    line += "; replaced by " + by;
  } else if (auto request = answer.find("renewal_request");
             request != answer.end() && request->is_object()) {
    line += "; to be replaced by " + optional_text_in(*request, "deadline") + " (" +
            optional_text_in(*request, "reason") + ")";
  }
  session.print(line, answer);
  return ExitCode::done;
}

Result<ExitCode> release(Session& session, const CertificateOptions& options) {
  ASSIGN_OR_RETURN(std::string serial, serial_of(options.certificate));
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer,
                   service->post("/v1/certificates/" + serial + "/release", json::object()));
  session.print("released " + serial + ": it is good again", answer);
  return ExitCode::done;
}

struct ReplaceOptions {
  std::string certificate;
  RevocationReason reason = RevocationReason::superseded;
  std::optional<Time> deadline;
  std::string explanation_url;
};

struct ReplacementsOptions {
  bool all = false;
  PageOptions page;
};

Result<ExitCode> replace(Session& session, const ReplaceOptions& options) {
  ASSIGN_OR_RETURN(std::string serial, serial_of(options.certificate));
  ASSIGN_OR_RETURN(Service * service, session.service());
  json request = {{"reason", name_of(options.reason)},
                  {"deadline", to_rfc3339_seconds(*options.deadline)}};
  if (!options.explanation_url.empty()) request["explanation_url"] = options.explanation_url;
  ASSIGN_OR_RETURN(json answer, service->post("/v1/certificates/" + serial + "/replace", request));
  ASSIGN_OR_RETURN(std::string deadline, text_in(answer, "deadline"));
  session.print("its machine is asked to renew " + serial + " by " + deadline, answer);
  return ExitCode::done;
}

Result<ExitCode> list_replacements(Session& session, const ReplacementsOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  const std::string query =
      page_query(options.page) + (options.all ? "&state=all" : "&state=pending");
  ASSIGN_OR_RETURN(json answer, service->get("/v1/replacements" + query));
  return print_listing(
      session, answer,
      {"replacements",
       {"serial", "state", "machine", "reason", "deadline", "replaced_by", "incident"}});
}

void add_replace_commands(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<ReplaceOptions>();
  CLI::App& command =
      line.add(group, "replace", "Ask a machine to renew its certificate now, before it is revoked",
               {"chancery --identity ./operator cert replace 0157ab…(40 digits) --deadline "
                "2026-12-01T00:00:00Z",
                "chancery --identity ./operator cert replace ./tls/cert.pem --reason keyCompromise "
                "--deadline 2026-11-22T12:00:00Z --explanation https://wiki.example/incident-7"});
  command.add_option("certificate", options->certificate, "serial number or certificate file")
      ->required();
  add_parsed(command, "--reason", options->reason, parse_revocation_reason,
             "what it will be revoked for; default: superseded");
  add_parsed(command, "--deadline", options->deadline, from_rfc3339,
             "when it may be revoked, such as 2026-11-22T12:00:00Z")
      .required();
  command.add_option("--explanation", options->explanation_url, "where people read why")
      ->type_name("URL");
  line.on(command, options, replace);

  auto listing = std::make_shared<ReplacementsOptions>();
  CLI::App& list =
      line.add(group, "replacements", "List certificates that are still to be replaced",
               {"chancery --identity ./auditor cert replacements",
                "chancery --identity ./auditor cert replacements --all --json"});
  list.add_flag("--all", listing->all, "also those that have been replaced");
  add_page_options(list, listing->page);
  line.on(list, listing, list_replacements);
}

void add_release_command(CommandLine& line) {
  auto options = std::make_shared<CertificateOptions>();
  CLI::App& command = line.add(line.root(), "release", "End a certificate's hold",
                               {"chancery --identity ./operator release 0157ab…(40 digits)"});
  command.add_option("certificate", options->certificate, "serial number or certificate file")
      ->required();
  line.on(command, options, release);
}

}  // namespace

Result<std::string> serial_of(const std::string& text) {
  if (auto serial = Serial::parse(text)) return serial->hex();
  auto pem = read_file(text, limits::credential_file_bytes);
  auto summary = pem ? summarize_certificate(*pem) : Failure(pem.error());
  if (summary) return std::move(summary->serial);
  return invalid("certificate", "\"" + text +
                                    "\" is neither a serial number (40 hexadecimal digits) " +
                                    "nor a certificate file: " + summary.error().message);
}

void add_certificate_commands(CommandLine& line) {
  add_release_command(line);
  CLI::App& group =
      line.add_group("cert", "Certificates that were issued",
                     {"chancery --identity ./auditor cert list --machine web-1.example",
                      "chancery --identity ./auditor cert show ./tls/cert.pem"});
  group.alias("certificate");

  auto list = std::make_shared<ListOptions>();
  CLI::App& list_command =
      line.add(group, "list", "List certificates by serial number",
               {"chancery --identity ./auditor cert list --machine web-1.example",
                "chancery --identity ./auditor cert list --limit 1000 --json "
                "| jq -r '.certificates[].serial'"});
  add_parsed(list_command, "--machine", list->machine, MachineName::parse, "only this machine's");
  add_page_options(list_command, list->page);
  line.on(list_command, list, list_certificates);

  auto show = std::make_shared<CertificateOptions>();
  CLI::App& show_command =
      line.add(group, "show", "Show one certificate",
               {"chancery --identity ./auditor cert show ./tls/cert.pem",
                "chancery --identity ./auditor cert show --pem 0157ab…(40 digits) | openssl x509 "
                "-noout -text"});
  show_command.add_option("certificate", show->certificate, "serial number or certificate file")
      ->required();
  show_command.add_flag("--pem", show->pem, "print the certificate itself");
  line.on(show_command, show, show_certificate);
  add_replace_commands(line, group);
}

}  // namespace chancery
