#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/listing.h"
#include "core/algorithm.h"
#include "core/identifier.h"
#include "core/message_class.h"

namespace chancery {
namespace {

using nlohmann::json;

struct CreateOptions {
  KeyName name;
  KeyType type = KeyType::ec_p256;
  std::vector<SignatureAlgorithm> algorithms;
  std::optional<MessageClass> message_class;
  std::optional<std::string> context;
};

struct ShowOptions {
  KeyName name;
  bool pem = false;
  bool jwk = false;
};

/// What a key signs, from the service's answer about it.
std::string messages_of(const json& answer) {
  const std::string message_class = optional_text_in(answer, "message_class");
  const std::string context = optional_text_in(answer, "context");
  if (message_class.empty()) return optional_text_in(answer, "purpose");
  if (!context.empty()) return message_class + " that begins with \"" + context + "\" and a NUL";
  return message_class;
}

Result<ExitCode> create_key(Session& session, const CreateOptions& options) {
  json body = {{"name", options.name.text()}, {"type", row(options.type).name}};
  for (SignatureAlgorithm algorithm : options.algorithms) {
    body["algorithms"].push_back(row(algorithm).name);
  }
  if (options.message_class) body["message_class"] = name_of(*options.message_class);
  if (options.context) body["context"] = *options.context;
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->post("/v1/keys", body));
  ASSIGN_OR_RETURN(std::vector<std::string> algorithms, texts_in(answer, "algorithms"));
  ASSIGN_OR_RETURN(std::string pem, text_in(answer, "public_key"));
  std::string allowed;
  for (const std::string& name : algorithms) allowed += (allowed.empty() ? "" : ", ") + name;
  session.print("created key " + options.name.text() + " in the token (" + allowed + ") for " +
                    messages_of(answer) + "\n" + pem,
                answer);
  return ExitCode::done;
}

Result<ExitCode> list_keys(Session& session) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->get("/v1/keys"));
  return print_listing(
      session, answer,
      {"keys",
       {"name", "type", "purpose", "message_class", "algorithms", "creator", "created_at"}});
}

Result<ExitCode> show_key(Session& session, const ShowOptions& options) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->get("/v1/keys/" + options.name.text()));
  ASSIGN_OR_RETURN(std::string pem, text_in(answer, "public_key"));
  if (options.jwk) {
    auto jwk = answer.find("jwk");
    if (jwk == answer.end()) return fail(ErrorCode::internal, "the answer has no \"jwk\"");
    session.print(json_text(*jwk), *jwk);
    return ExitCode::done;
  }
  std::string head = options.name.text() + ": " + optional_text_in(answer, "type") + " for " +
                     messages_of(answer) + ", made by " + optional_text_in(answer, "creator") +
                     " at " + optional_text_in(answer, "created_at") + ", CKA_ID " +
                     optional_text_in(answer, "id");
  session.print(options.pem ? pem : head + "\n" + pem, answer);
  return ExitCode::done;
}

void add_create_command(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<CreateOptions>();
  CLI::App& command = line.add(group, "create", "Generate a key pair inside the token",
                               {"chancery --identity ./admin key create release --type ec-p256",
                                "chancery --identity ./admin key create firmware --type rsa-3072 "
                                "--algorithm rsa-pss-sha256",
                                "chancery --identity ./admin key create tokens --type ed25519 "
                                "--message-class jwt",
                                "chancery --identity ./admin key create releases "
                                "--context example.com/release"});
  add_parsed(command, "name", options->name, KeyName::parse,
             "name of the key; not beginning with ca-, log- or ocsp-, as the service's own do")
      .required();
  add_parsed(
      command, "--type", options->type, parse_key_type,
      "rsa-2048, rsa-3072, rsa-4096, ec-p256, ec-p384, ec-p521 or ed25519; default: ec-p256");
  auto assign = [options](const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      auto algorithm = parse_signature_algorithm(name);
      if (!algorithm) throw CLI::ValidationError("--algorithm", algorithm.error().message);
      options->algorithms.push_back(*algorithm);
    }
  };
  command
      .add_option_function<std::vector<std::string>>(
          "--algorithm", assign, "what it may be asked for, the default first; may be repeated")
      ->allow_extra_args(false);
  add_parsed(command, "--message-class", options->message_class, parse_message_class,
             "what it signs, and nothing else: data, jwt, ssh-certificate, certificate, crl, "
             "cms-attributes or digest; default: data");
  command
      .add_option("--context", options->context,
                  "of data: what every message must begin with, and then a NUL")
      ->type_name("TEXT");
  line.on(command, options, create_key);
}

}  // namespace

void add_key_commands(CommandLine& line) {
  CLI::App& group = line.add_group("key", "Keys in the token",
                                   {"chancery --identity ./admin key create release",
                                    "chancery --identity ./build key show release --pem"});
  add_create_command(line, group);

  CLI::App& list =
      line.add(group, "list", "List the keys", {"chancery --identity ./auditor key list"});
  line.on(list, list_keys);

  auto options = std::make_shared<ShowOptions>();
  CLI::App& show = line.add(group, "show", "Show a key and its public half",
                            {"chancery --identity ./build key show release",
                             "chancery --identity ./build key show release --pem > release.pem",
                             "chancery --identity ./build key show release --jwk"});
  add_parsed(show, "name", options->name, KeyName::parse, "name of the key").required();
  auto* pem = show.add_flag("--pem", options->pem, "only the public key, PEM");
  show.add_flag("--jwk", options->jwk, "only the public key, as a JSON Web Key")->excludes(pem);
  line.on(show, options, show_key);
}

}  // namespace chancery
