#include <nlohmann/json.hpp>

#include "cli/certificate_status.h"

namespace chancery {
namespace {

using nlohmann::json;

/// A member that is an object; an empty one where it is not.
json part(const json& answer, const char* member) {
  auto found = answer.find(member);
  return found != answer.end() && found->is_object() ? *found : json::object();
}

std::string number_text(const json& object, const char* member) {
  auto number = number_in(object, member);
  return number ? std::to_string(*number) : "?";
}

std::string token_text(const json& token) {
  auto up = flag_in(token, "up");
  if (!up || !*up) return "token down: " + optional_text_in(token, "problem");
  return "token up, " + number_text(token, "lanes_busy") + " of " + number_text(token, "lanes") +
         " lanes busy, " + number_text(token, "signatures") + " signatures";
}

std::string log_text(const json& log) {
  auto healthy = flag_in(log, "healthy");
  if (!healthy || !*healthy) return "log closed: " + optional_text_in(log, "problem");
  return "log of " + number_text(log, "size") + " entries";
}

/// Those that do not sign, and why.
std::string witnesses_text(const json& answer) {
  std::string text;
  const auto found = answer.find("witnesses");
  if (found == answer.end() || !found->is_array()) return text;
  for (const json& witness : *found) {
    const std::string problem = optional_text_in(witness, "problem");
    if (problem.empty()) continue;
    text += "; witness " + optional_text_in(witness, "name") + ": " + problem;
  }
  return text;
}

/// Of what is published, what is not as it should be.
std::string faces_text(const json& answer) {
  std::string text;
  const auto found = answer.find("faces");
  if (found == answer.end() || !found->is_array()) return text;
  for (const json& face : *found) {
    const std::string problem = optional_text_in(face, "problem");
    if (problem.empty()) continue;
    const std::string ca = optional_text_in(face, "ca");
    text +=
        "; " + optional_text_in(face, "face") + (ca.empty() ? "" : " of " + ca) + ": " + problem;
  }
  return text;
}

/// Grants that break-glass has opened.
std::string break_glass_text(const json& answer) {
  std::string text;
  const auto found = answer.find("break_glass");
  if (found == answer.end() || !found->is_array()) return text;
  for (const json& open : *found) {
    text += "; BREAK-GLASS: " + optional_text_in(open, "rule") + " is open to " +
            optional_text_in(open, "machine") + " until " + optional_text_in(open, "closes_at");
  }
  return text;
}

Result<ExitCode> status(Session& session, const CertificateStatusOptions& options) {
  if (!options.certificate.empty()) return certificate_status(session, options);
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->get("/v1/status"));
  ASSIGN_OR_RETURN(bool ready, flag_in(answer, "ready"));
  std::string policy = optional_text_in(part(answer, "policy"), "version").substr(0, 12);
  session.print(std::string(ready ? "ready" : "NOT READY") + ": chanceryd " +
                    optional_text_in(answer, "version") + "; " + token_text(part(answer, "token")) +
                    "; " + log_text(part(answer, "log")) + "; policy " + policy +
                    witnesses_text(answer) + faces_text(answer) + break_glass_text(answer),
                answer);
  return ready ? ExitCode::done : ExitCode::failed;
}

Result<std::string> public_address(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  if (text.starts_with("http://") && text.size() > 7) return std::string(text);
  return invalid("--public-url", "must be like http://127.0.0.1:8080");
}

}  // namespace

void add_status_command(CommandLine& line) {
  auto options = std::make_shared<CertificateStatusOptions>();
  CLI::App& command = line.add(
      line.root(), "status",
      "How the service is; exit status 1 when it does not sign. Of a certificate: what each "
      "CRL, OCSP and the inventory say of it; exit status 1 unless all agree",
      {"chancery --identity ./operator status",
       "until chancery --identity ./operator status; do sleep 1; done",
       "chancery --identity ./operator status 0157ab…(40 digits)", "chancery status ./tls/cert.pem",
       "chancery status ./tls/cert.pem --public-url http://127.0.0.1:8080 --json"});
  command.add_option("certificate", options->certificate, "serial number or certificate file");
  command
      .add_option("--issuer", options->issuer,
                  "of a serial number that the service does not know: the CA to ask about it")
      ->type_name("CA")
      ->needs("certificate");
  add_parsed(command, "--public-url", options->public_url, public_address,
             "where to ask in place of the address in the certificate")
      .type_name("URL")
      ->needs("certificate");
  line.on(command, options, status);
}

}  // namespace chancery
