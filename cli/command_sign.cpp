#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/file.h"
#include "cli/receipt_file.h"
#include "core/identifier.h"
#include "core/public_key.h"

namespace chancery {
namespace {

using nlohmann::json;

struct SignOptions {
  KeyName key;
  std::string file;
  std::optional<SignatureAlgorithm> algorithm;
  std::optional<Bytes> digest;
  bool prehash = false;
  std::string out;
  std::string receipt;
};

struct VerifyOptions {
  std::string public_key_file;
  std::optional<KeyName> key;
  std::string signature_file;
  std::string file;
  std::optional<SignatureAlgorithm> algorithm;
  std::optional<Bytes> digest;
};

/// A key as the service describes it.
struct RemoteKey {
  PublicKey public_key;
  SignatureAlgorithm algorithm;  ///< its first
};

Result<RemoteKey> fetch_key(Session& session, const KeyName& name) {
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->get("/v1/keys/" + name.text()));
  ASSIGN_OR_RETURN(std::string pem, text_in(answer, "public_key"));
  ASSIGN_OR_RETURN(std::vector<std::string> names, texts_in(answer, "algorithms"));
  auto spki = from_pem(pem, "PUBLIC KEY");
  auto key = spki ? PublicKey::from_spki(*spki) : Failure(spki.error());
  auto algorithm = parse_signature_algorithm(names.empty() ? "" : names.front());
  if (!key || !algorithm) {
    return fail(ErrorCode::internal,
                "the service describes a key of a kind unknown here; is this "
                "chancery older than the service?");
  }
  return RemoteKey{std::move(*key), *algorithm};
}

/// What a signature is over: the digest, or for Ed25519 the message itself.
Result<Bytes> signed_input(SignatureAlgorithm algorithm, const std::string& file) {
  if (auto hash = row(algorithm).digest) return digest_of_file(*hash, file);
  ASSIGN_OR_RETURN(std::string message, read_file(file, limits::sign_data_bytes));
  return copy_of(bytes_of(message));
}

Result<json> sign_body(Session& session, const SignOptions& options) {
  json body = json::object();
  if (options.algorithm) body["algorithm"] = row(*options.algorithm).name;
  if (options.digest) {
    body["digest"] = to_base64(*options.digest);
    return body;
  }
  if (!options.prehash) {
    auto data = read_file(options.file, limits::sign_data_bytes);
    if (!data && data.error().code == ErrorCode::too_large) {
      return fail(ErrorCode::too_large, data.error().message +
                                            ": sign its digest with --prehash, where the policy "
                                            "grants key.sign-digest");
    }
    if (!data) return Failure(data.error());
    body["data"] = to_base64(bytes_of(*data));
    return body;
  }
  std::optional<SignatureAlgorithm> algorithm = options.algorithm;
  if (!algorithm) {
    ASSIGN_OR_RETURN(RemoteKey key, fetch_key(session, options.key));
    algorithm = key.algorithm;
    body["algorithm"] = row(*algorithm).name;
  }
  auto hash = row(*algorithm).digest;
  if (!hash) return invalid("--prehash", "ed25519 signs the message itself, not a digest");
  ASSIGN_OR_RETURN(Bytes digest, digest_of_file(*hash, options.file));
  body["digest"] = to_base64(digest);
  return body;
}

Result<ExitCode> sign(Session& session, const SignOptions& options) {
  RETURN_IF_ERROR(check_replaceable("--out", options.out));
  RETURN_IF_ERROR(check_replaceable("--receipt", options.receipt));
  ASSIGN_OR_RETURN(json body, sign_body(session, options));
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(json answer, service->post("/v1/keys/" + options.key.text() + "/sign", body));
  ASSIGN_OR_RETURN(std::string base64, text_in(answer, "signature"));
  ASSIGN_OR_RETURN(std::string algorithm, text_in(answer, "algorithm"));
  ASSIGN_OR_RETURN(std::uint64_t outcome, number_in(answer, "outcome"));
  auto signature = from_base64(base64);
  if (!signature) return fail(ErrorCode::internal, "the service's signature is not base64");
  if (options.out.empty()) {
    ASSIGN_OR_RETURN(answer, keep_receipt(session, std::move(answer), options.receipt));
    session.print(base64, answer);
    return ExitCode::done;
  }
  RETURN_IF_ERROR(replace_file(options.out, text_of(*signature), 0644));
  answer["files"] = {{"signature", options.out}};
  ASSIGN_OR_RETURN(answer, keep_receipt(session, std::move(answer), options.receipt));
  session.print("signed " + (options.digest ? "a digest" : options.file) + " with key " +
                    options.key.text() + " (" + algorithm + ", log entry " +
                    std::to_string(outcome) + ") → " + options.out,
                answer);
  return ExitCode::done;
}

Result<RemoteKey> read_public_key(const std::string& path) {
  ASSIGN_OR_RETURN(std::string pem, read_file(path, limits::credential_file_bytes));
  ASSIGN_OR_RETURN(Bytes spki, from_pem(pem, "PUBLIC KEY"));
  ASSIGN_OR_RETURN(PublicKey key, PublicKey::from_spki(spki));
  SignatureAlgorithm algorithm = row(key.type()).default_algorithm;
  return RemoteKey{std::move(key), algorithm};
}

Result<ExitCode> verify(Session& session, const VerifyOptions& options) {
  ASSIGN_OR_RETURN(RemoteKey key, options.key ? fetch_key(session, *options.key)
                                              : read_public_key(options.public_key_file));
  SignatureAlgorithm algorithm = options.algorithm.value_or(key.algorithm);
  if (!fits(algorithm, key.public_key.type())) {
    return invalid("--algorithm", std::string(row(algorithm).name) +
                                      " does not go with a key of type " +
                                      std::string(row(key.public_key.type()).name));
  }
  ASSIGN_OR_RETURN(Bytes signature, read_signature(options.signature_file));
  ASSIGN_OR_RETURN(Bytes input, options.digest ? Result<Bytes>(*options.digest)
                                               : signed_input(algorithm, options.file));
  bool good = key.public_key.verify(algorithm, input, signature);
  std::string what = options.digest ? "the digest" : options.file;
  session.print((good ? "good: the signature is of " : "BAD: the signature is not of ") + what +
                    " by this key (" + std::string(row(algorithm).name) + ")",
                {{"valid", good}, {"algorithm", row(algorithm).name}});
  return good ? ExitCode::done : ExitCode::failed;
}

void add_sign_command(CommandLine& line) {
  auto options = std::make_shared<SignOptions>();
  CLI::App& command = line.add(
      line.root(), "sign", "Sign a file with a key in the token",
      {"chancery --identity ./web-1 sign --key web-1.example.releases app.tar --out app.tar.sig",
       "chancery --identity ./build sign --key release --prehash image.iso --out image.iso.sig",
       "chancery --identity ./build sign --key release --digest $(sha256sum app.tar | cut -c-64)"});
  add_parsed(command, "--key", options->key, KeyName::parse, "name of the key").required();
  add_parsed(command, "--algorithm", options->algorithm, parse_signature_algorithm,
             "default: the key's first");
  auto* file = command.add_option("file", options->file, "what to sign, - for stdin");
  auto& digest = add_parsed(command, "--digest", options->digest, from_hex,
                            "sign this digest, in hexadecimal (needs the grant key.sign-digest)");
  command
      .add_flag("--prehash", options->prehash,
                "hash the file here and send only its digest (needs the grant key.sign-digest)")
      ->needs(file);
  command
      .add_option("--out", options->out, "write the signature there; default: print it in base64")
      ->type_name("FILE");
  command
      .add_option("--receipt", options->receipt,
                  "write the proof there that the signature is in the log")
      ->type_name("FILE");
  require_one_of(command, {{file, &digest}});
  line.on(command, options, sign);
}

void add_verify_command(CommandLine& line) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App& command = line.add(
      line.root(), "verify", "Check a signature, here, with a public key",
      {"chancery verify --public-key release.pem --signature app.tar.sig app.tar",
       "chancery --identity ./build verify --key release --signature app.tar.sig app.tar"});
  auto* pem = command
                  .add_option("--public-key", options->public_key_file,
                              "public key, PEM; no service needed")
                  ->type_name("FILE");
  auto& key = add_parsed(command, "--key", options->key, KeyName::parse,
                         "key in the token; its public half is fetched");
  command
      .add_option("--signature", options->signature_file, "file with the signature, raw or base64")
      ->required()
      ->type_name("FILE");
  add_parsed(command, "--algorithm", options->algorithm, parse_signature_algorithm,
             "default: the key's first, or its type's usual one");
  auto* file = command.add_option("file", options->file, "what was signed, - for stdin");
  auto& digest =
      add_parsed(command, "--digest", options->digest, from_hex, "what was signed, its digest");
  require_one_of(command, {{pem, &key}, {file, &digest}});
  line.on(command, options, verify);
}

}  // namespace

void add_sign_commands(CommandLine& line) {
  add_sign_command(line);
  add_verify_command(line);
}

}  // namespace chancery
