#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/csr.h"
#include "cli/file.h"
#include "cli/issued.h"
#include "cli/receipt_file.h"
#include "core/clock.h"
#include "core/identifier.h"

namespace chancery {
namespace {

using nlohmann::json;

struct IssueOptions {
  std::string csr_file;
  Subject subject;
  SubjectAltNames names;
  KeyType key_type = KeyType::ec_p256;
  ProfileName profile = ProfileName::literal("tls-server");
  std::optional<CaName> issuer;
  std::optional<Seconds> validity;
  std::string directory;
  bool force = false;
  std::string receipt;
};

json issue_body(const IssueOptions& options, const std::string& csr) {
  json body = {{"csr", csr}, {"profile", options.profile.text()}};
  if (options.issuer) body["issuer"] = options.issuer->text();
  if (options.validity) body["validity"] = format_duration(*options.validity);
  return body;
}

/// For a CSR from elsewhere: without --out the certificate goes to standard output.
Result<ExitCode> issue_for_csr(Session& session, const IssueOptions& options) {
  if (!options.directory.empty() && !options.force) {
    RETURN_IF_ERROR(check_vacant(options.directory));
  }
  ASSIGN_OR_RETURN(std::string content, read_file(options.csr_file, limits::credential_file_bytes));
  ASSIGN_OR_RETURN(std::string csr, csr_as_pem(content));
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->post("/v1/certificates", issue_body(options, csr)));
  ASSIGN_OR_RETURN(Bytes spki, spki_of_csr(csr));
  ASSIGN_OR_RETURN(IssuedCertificate issued, read_issued(answer, spki));
  if (options.directory.empty()) {
    ASSIGN_OR_RETURN(answer, keep_receipt(session, std::move(answer), options.receipt));
    session.print(issued.certificate, answer);
    return ExitCode::done;
  }
  ASSIGN_OR_RETURN(answer, store_issued(options.directory, issued, nullptr, std::move(answer)));
  ASSIGN_OR_RETURN(answer, keep_receipt(session, std::move(answer), options.receipt));
  session.print(describe_issued("issued", issued, options.directory), answer);
  return ExitCode::done;
}

/// "./NAME" after the first name that makes a good directory's name.
Result<std::string> default_directory(const IssueOptions& options) {
  std::string name = options.subject.common_name;
  if (!options.names.dns.empty()) name = options.names.dns.front();
  std::replace(name.begin(), name.end(), '*', '_');
  if (is_dns_name(name, false) || name.starts_with("_.")) return "./" + name;
  return invalid("--out", "say where key and certificate go: --out DIR");
}

Result<ExitCode> issue_with_new_key(Session& session, const IssueOptions& options) {
  if (options.subject.common_name.empty() && options.names.size() == 0) {
    return invalid("--dns", "say for what: --dns, --ip, --uri, --email or --cn, or --csr FILE");
  }
  std::string directory = options.directory;
  if (directory.empty()) {
    ASSIGN_OR_RETURN(directory, default_directory(options));
  }
  if (!options.force) RETURN_IF_ERROR(check_vacant(directory));
  RETURN_IF_ERROR(check_writable(directory));
  ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::generate(options.key_type));
  ASSIGN_OR_RETURN(std::string csr, make_csr(key, options.subject, options.names));
  ASSIGN_OR_RETURN(Service * service, session.service());
  service->send_new_keys();
  ASSIGN_OR_RETURN(json answer, service->post("/v1/certificates", issue_body(options, csr)));
  ASSIGN_OR_RETURN(IssuedCertificate issued, read_issued(answer, key.spki()));
  Secret pem = key.pem();
  ASSIGN_OR_RETURN(answer, store_issued(directory, issued, &pem, std::move(answer)));
  ASSIGN_OR_RETURN(answer, keep_receipt(session, std::move(answer), options.receipt));
  session.print(describe_issued("issued", issued, directory), answer);
  return ExitCode::done;
}

Result<ExitCode> issue(Session& session, const IssueOptions& options) {
  RETURN_IF_ERROR(check_replaceable("--receipt", options.receipt));
  return options.csr_file.empty() ? issue_with_new_key(session, options)
                                  : issue_for_csr(session, options);
}

Result<std::string> lower_case_dns(std::string_view text) {
  std::string name(text);
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  if (!is_dns_name(name, true)) return invalid("--dns", "not a DNS name");
  return name;
}

/// An option that may be repeated, each value parsed.
void add_names(CLI::App& command, const std::string& name, std::vector<std::string>& target,
               Result<std::string> (*parse)(std::string_view), const std::string& help) {
  auto assign = [&target, parse, name](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      auto value = parse(text);
      if (!value) throw CLI::ValidationError(name, "\"" + text + "\": " + value.error().message);
      target.push_back(std::move(*value));
    }
  };
  command.add_option_function<std::vector<std::string>>(name, assign, help)
      ->allow_extra_args(false)  // one value an option, so that others can follow
      ->group("Names");
}

Result<std::string> checked_uri(std::string_view text) {
  if (!is_uri(text)) return invalid("--uri", "not an absolute URI");
  return std::string(text);
}

Result<std::string> checked_email(std::string_view text) {
  if (!is_email(text)) return invalid("--email", "not an e-mail address");
  return std::string(text);
}

}  // namespace

void add_issue_command(CommandLine& line) {
  auto options = std::make_shared<IssueOptions>();
  CLI::App& command = line.add(
      line.root(), "issue", "Get a certificate: for a new key made here, or for a CSR",
      {"chancery --identity ./web-1 issue --dns web-1.example --out ./tls",
       "chancery --identity ./web-1 issue --dns web-1.example --dns www.web-1.example --key-type "
       "rsa-3072 "
       "--validity 7d",
       "chancery --identity ./web-1 issue --csr request.pem --profile tls-client > cert.pem"});
  auto* csr =
      command.add_option("--csr", options->csr_file, "PKCS#10 request, PEM or DER, - for stdin")
          ->type_name("FILE");
  command.add_option("--cn", options->subject.common_name, "common name")->group("Names");
  command.add_option("--organization", options->subject.organization)->group("Names");
  command.add_option("--organizational-unit", options->subject.organizational_unit)->group("Names");
  command.add_option("--country", options->subject.country, "two letters")->group("Names");
  add_names(command, "--dns", options->names.dns, lower_case_dns, "DNS name");
  add_names(command, "--ip", options->names.ip, normalize_ip, "IP address");
  add_names(command, "--uri", options->names.uri, checked_uri, "URI, such as spiffe://…");
  add_names(command, "--email", options->names.email, checked_email, "e-mail address");
  auto& key_type = add_parsed(command, "--key-type", options->key_type, parse_key_type,
                              "of the new key; default: ec-p256");
  add_parsed(command, "--profile", options->profile, ProfileName::parse, "default: tls-server");
  add_parsed(command, "--issuer", options->issuer, CaName::parse, "CA; default: issuing");
  add_parsed(command, "--validity", options->validity, parse_duration,
             "such as 24h or 30d; default: the profile's");
  command.add_option("--out", options->directory, "where cert.pem, chain.pem and key.pem go")
      ->type_name("DIR");
  command.add_flag("--force", options->force, "replace what is there");
  command
      .add_option("--receipt", options->receipt,
                  "write the proof there that the certificate is in the log")
      ->type_name("FILE");
  csr->excludes(&key_type);
  for (CLI::Option* name : command.get_options()) {
    if (name->get_group() == "Names") csr->excludes(name);
  }
  line.on(command, options, issue);
}

}  // namespace chancery
