#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/crl_file.h"
#include "cli/file.h"
#include "cli/listing.h"
#include "core/bytes.h"
#include "core/identifier.h"

namespace chancery {
namespace {

using nlohmann::json;

struct CaOptions {
  CaName name;
  bool pem = false;
  std::string out;
  unsigned shards = 0;
};

Result<json> fetch_ca(Session& session, const CaName& name) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->get("/v1/cas"));
  ASSIGN_OR_RETURN(std::vector<json> rows, rows_in(answer, "cas"));
  for (json& row : rows) {
    if (optional_text_in(row, "name") == name.text()) return std::move(row);
  }
  return fail(ErrorCode::not_found,
              "there is no CA " + name.text() + "; `chancery ca list` shows those there are", "ca");
}

Result<ExitCode> list_cas(Session& session) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->get("/v1/cas"));
  return print_listing(session, answer, {"cas", {"name", "issuer", "key", "not_after", "crl_url"}});
}

Result<ExitCode> show_ca(Session& session, const CaOptions& options) {
  ASSIGN_OR_RETURN(json ca, fetch_ca(session, options.name));
  ASSIGN_OR_RETURN(std::string pem, text_in(ca, "certificate"));
  std::string head = options.name.text() + ": issued by " + optional_text_in(ca, "issuer") +
                     ", key " + optional_text_in(ca, "key") + ", until " +
                     optional_text_in(ca, "not_after") + ", CRL at " +
                     optional_text_in(ca, "crl_url");
  session.print(options.pem ? pem : head + "\n" + pem, ca);
  return ExitCode::done;
}

/// From where its certificates say that it is, without any identity, as everyone gets it.
Result<std::string> fetch_crl(const std::string& url) {
  auto client = HttpClient::create({});
  ASSIGN_OR_RETURN(HttpAnswer answer, client->send({.url = url,
                                                    .accept = "application/pkix-crl",
                                                    .answer_bytes = limits::crl_bytes}));
  if (answer.status == 200) return std::move(answer.body);
  return fail(ErrorCode::not_found,
              url + " answered " + std::to_string(answer.status) + " instead of a CRL");
}

Result<ExitCode> show_crl(Session& session, const CaOptions& options) {
  ASSIGN_OR_RETURN(json ca, fetch_ca(session, options.name));
  ASSIGN_OR_RETURN(std::string issuer, text_in(ca, "certificate"));
  ASSIGN_OR_RETURN(std::string url, text_in(ca, "crl_url"));
  ASSIGN_OR_RETURN(std::string der, fetch_crl(url));
  ASSIGN_OR_RETURN(CrlSummary crl, check_crl_of(der, issuer));
  json shown = {{"ca", options.name.text()},      {"url", url},
                {"number", crl.number},           {"revoked", crl.revoked},
                {"this_update", crl.this_update}, {"next_update", crl.next_update},
                {"expired", crl.expired}};
  std::string line = "CRL of " + options.name.text() + ", number " + crl.number + ": " +
                     std::to_string(crl.revoked) + " revoked, made " + crl.this_update + ", good " +
                     (crl.expired ? "only " : "") + "until " + crl.next_update;
  if (!options.out.empty()) {
    std::string content = options.pem ? to_pem(bytes_of(der), "X509 CRL") : der;
    RETURN_IF_ERROR(replace_file(options.out, content, 0644));
    shown["files"] = {{"crl", options.out}};
    line += " → " + options.out;
  }
  session.print(line, shown);
  return crl.expired ? ExitCode::failed : ExitCode::done;
}

}  // namespace

Result<ExitCode> grow_shards(Session& session, const CaOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->post("/v1/cas/" + options.name.text() + "/crl-shards",
                                              {{"shards", options.shards}}));
  session.print("certificates that " + options.name.text() + " issues from now on name one of " +
                    std::to_string(options.shards) + " CRLs",
                answer);
  return ExitCode::done;
}

void add_ca_commands(CommandLine& line) {
  CLI::App& group =
      line.add_group("ca", "Certification authorities",
                     {"chancery --identity ./operator ca list",
                      "chancery --identity ./operator ca show root --pem > root.pem"});

  CLI::App& list =
      line.add(group, "list", "List the CAs", {"chancery --identity ./operator ca list"});
  line.on(list, list_cas);

  auto show_options = std::make_shared<CaOptions>();
  CLI::App& show = line.add(group, "show", "Show a CA and its certificate",
                            {"chancery --identity ./operator ca show issuing",
                             "chancery --identity ./operator ca show root --pem > root.pem"});
  add_parsed(show, "name", show_options->name, CaName::parse, "name of the CA").required();
  show.add_flag("--pem", show_options->pem, "only the certificate");
  line.on(show, show_options, show_ca);

  auto crl_options = std::make_shared<CaOptions>();
  CLI::App& crl =
      line.add(group, "crl", "Fetch a CA's CRL and check its signature",
               {"chancery --identity ./operator ca crl issuing",
                "chancery --identity ./operator ca crl issuing --pem --out issuing.crl.pem"});
  add_parsed(crl, "name", crl_options->name, CaName::parse, "name of the CA").required();
  auto* out =
      crl.add_option("--out", crl_options->out, "write the CRL there, DER")->type_name("FILE");
  crl.add_flag("--pem", crl_options->pem, "write it as PEM")->needs(out);
  line.on(crl, crl_options, show_crl);

  auto shard_options = std::make_shared<CaOptions>();
  CLI::App& shards = line.add(group, "crl-shards", "Split a CA's CRL over more lists",
                              {"chancery --identity ./admin ca crl-shards issuing 64"});
  add_parsed(shards, "name", shard_options->name, CaName::parse, "name of the CA").required();
  shards.add_option("shards", shard_options->shards, "how many; more than now")
      ->required()
      ->check(CLI::Range(2U, limits::crl_shards));
  line.on(shards, shard_options, grow_shards);
}

}  // namespace chancery
