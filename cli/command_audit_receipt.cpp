#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/audit_commands.h"
#include "cli/file.h"
#include "cli/receipt_file.h"
#include "cli/verifier_keys.h"
#include "core/identifier.h"
#include "core/receipt.h"
#include "core/witness_policy.h"

namespace chancery {
namespace {

using nlohmann::json;

struct FetchOptions {
  std::optional<Serial> serial;
  std::optional<std::uint64_t> entry;
  std::string request;
  std::string out;
};

struct CheckOptions {
  std::string file;
  VerifierKeyOptions keys;
  std::string witness_policy;
  std::string certificate_file;
  std::string signature_file;
  std::string report_file;
};

std::string path_of(const FetchOptions& options) {
  if (options.serial) return "/v1/certificates/" + options.serial->hex() + "/receipt";
  if (options.entry) return "/v1/receipts/" + std::to_string(*options.entry);
  return "/v1/requests/" + options.request + "/receipt";
}

Result<ExitCode> fetch(Session& session, const FetchOptions& options) {
  ASSIGN_OR_RETURN(const std::string text, fetch_receipt(session, path_of(options)));
  return deliver(session, "receipt", text, options.out);
}

/// SHA-256 of the certificate's DER, or of the signature, in hexadecimal.
Result<std::string> hash_of_certificate(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string content, read_file(path, limits::credential_file_bytes));
  const auto der = from_pem(content, "CERTIFICATE");
  return to_hex(sha256(der ? ByteView(*der) : bytes_of(content)));
}

Result<std::string> hash_of_signature(const std::string& path) {
  ASSIGN_OR_RETURN(const Bytes signature, read_signature(path));
  return to_hex(sha256(signature));
}

/// What the entry is about must be what the user holds.
Result<void> compare(const json& entry, const char* member, const std::string& hash,
                     const std::string& path) {
  if (optional_text_in(entry, member) == hash) return {};
  return invalid("receipt", "the receipt is of another entry: its " + std::string(member) +
                                " is not that of " + path);
}

Result<json> check_entry(const Receipt& receipt, const CheckOptions& options) {
  json entry = json::parse(receipt.entry, nullptr, false);
  if (!entry.is_object()) return invalid("receipt", "the receipt's entry is no JSON object");
  const bool compared = !options.certificate_file.empty() || !options.signature_file.empty();
  if (compared && optional_text_in(entry, "result") != "ok") {
    return invalid("receipt", "the receipt is of an entry that released nothing");
  }
  if (!options.certificate_file.empty()) {
    ASSIGN_OR_RETURN(const std::string hash, hash_of_certificate(options.certificate_file));
    RETURN_IF_ERROR(compare(entry, "certificate_sha256", hash, options.certificate_file));
  }
  if (!options.signature_file.empty()) {
    ASSIGN_OR_RETURN(const std::string hash, hash_of_signature(options.signature_file));
    RETURN_IF_ERROR(compare(entry, "signature_sha256", hash, options.signature_file));
  }
  if (!options.report_file.empty()) {
    ASSIGN_OR_RETURN(const Bytes hash,
                     digest_of_file(DigestAlgorithm::sha256, options.report_file));
    RETURN_IF_ERROR(compare(entry, "report_sha256", to_hex(hash), options.report_file));
  }
  return entry;
}

Result<std::optional<WitnessPolicy>> read_witness_policy(const std::string& path) {
  if (path.empty()) return std::optional<WitnessPolicy>();
  ASSIGN_OR_RETURN(const std::string text, read_file(path, limits::witness_policy_bytes));
  auto policy = WitnessPolicy::parse(text);
  if (!policy) return invalid("--witness-policy", path + ": " + policy.error().message);
  return std::optional(std::move(*policy));
}

/// A checkpoint is good under a policy when any one of its logs has signed it, and the quorum.
Result<void> check_witnesses(const WitnessPolicy& policy, const std::string& checkpoint) {
  const auto signed_by = [&](const NoteVerifier& log) {
    const auto parsed = parse_checkpoint(checkpoint);
    return parsed && parsed->origin == log.name() && log.verify(checkpoint);
  };
  if (!policy.logs().empty() && std::ranges::none_of(policy.logs(), signed_by)) {
    return invalid("receipt",
                   "the receipt is under a checkpoint that none of the policy's logs "
                   "has signed");
  }
  if (policy.has_quorum(checkpoint)) return {};
  return invalid("receipt",
                 "the receipt's checkpoint lacks the cosignatures that the witness "
                 "policy asks for");
}

/// Those on the command line, each of which must have signed; where there are none, any one log of
/// the policy will do.
Result<LogKeys> keys_of(const CheckOptions& options, const std::optional<WitnessPolicy>& policy) {
  ASSIGN_OR_RETURN(const std::vector<std::string> vkeys, named_vkeys(options.keys));
  if (vkeys.empty() && (!policy || policy->logs().empty())) {
    return invalid("--vkeys",
                   "a receipt cannot vouch for itself: name the keys of the log, from `chancery "
                   "audit keys` or where you noted them");
  }
  ASSIGN_OR_RETURN(const std::string changes, read_key_changes_file(options.keys));
  return log_keys(vkeys, changes);
}

/// The receipt's checkpoint, where its entry is under it and the log's keys have signed it.
Result<Checkpoint> verified_checkpoint(const Receipt& receipt, const LogKeys& keys) {
  ASSIGN_OR_RETURN(Checkpoint checkpoint, verify_receipt(receipt, {}));
  const std::string wrong = keys.find_wrong(checkpoint, receipt.checkpoint);
  if (wrong.empty()) return checkpoint;
  return invalid("receipt", "the receipt's checkpoint has " + wrong +
                                "; where the log has changed its keys, name --key-changes");
}

Result<ExitCode> check(Session& session, const CheckOptions& options) {
  ASSIGN_OR_RETURN(const auto policy, read_witness_policy(options.witness_policy));
  ASSIGN_OR_RETURN(const LogKeys keys, keys_of(options, policy));
  ASSIGN_OR_RETURN(const std::string text, read_file(options.file, limits::receipt_bytes));
  const auto verdict = [&]() -> Result<std::pair<json, Checkpoint>> {
    ASSIGN_OR_RETURN(const Receipt receipt, parse_receipt(text));
    if (policy) RETURN_IF_ERROR(check_witnesses(*policy, receipt.checkpoint));
    ASSIGN_OR_RETURN(const Checkpoint checkpoint, verified_checkpoint(receipt, keys));
    ASSIGN_OR_RETURN(json entry, check_entry(receipt, options));
    entry["index"] = receipt.index;
    return std::pair(std::move(entry), checkpoint);
  }();
  if (!verdict) {
    if (verdict.error().field != "receipt") return Failure(verdict.error());
    session.print("BAD: " + verdict.error().message,
                  {{"good", false}, {"reason", verdict.error().message}});
    return ExitCode::failed;
  }
  const auto& [entry, checkpoint] = *verdict;
  session.print(
      "good: entry " + std::to_string(entry["index"].get<std::uint64_t>()) + " of " +
          checkpoint.origin + " (" + optional_text_in(entry, "kind") + " " +
          optional_text_in(entry, "result") + ", " + optional_text_in(entry, "time") +
          ") is in the log of " + std::to_string(checkpoint.size) + " entries",
      {{"good", true}, {"origin", checkpoint.origin}, {"size", checkpoint.size}, {"entry", entry}});
  return ExitCode::done;
}

void add_fetch_command(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<FetchOptions>();
  CLI::App& command =
      line.add(group, "receipt", "Get the proof that what was signed is in the log",
               {"chancery --identity ./web-1 audit receipt --serial 4c… --out web-1.tlog-proof",
                "chancery --identity ./web-1 audit receipt --entry 304 --out app.tar.tlog-proof"});
  auto& serial =
      add_parsed(command, "--serial", options->serial, Serial::parse, "of a certificate");
  auto* entry = command.add_option("--entry", options->entry, "an outcome's number");
  auto* request = command.add_option("--request", options->request, "id of the request");
  command.add_option("--out", options->out, "write it there")->type_name("FILE");
  require_one_of(command, {{&serial, entry, request}});
  line.on(command, options, fetch);
}

void add_check_command(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App& command = line.add(
      group, "verify-receipt", "Check a receipt, here, with the log's keys",
      {"chancery audit verify-receipt --vkeys vkeys.txt --certificate cert.pem web-1.tlog-proof",
       "chancery audit verify-receipt --vkeys vkeys.txt --signature app.tar.sig "
       "app.tar.tlog-proof",
       "chancery audit verify-receipt --vkeys vkeys.txt --witness-policy witness-policy "
       "app.tar.tlog-proof"});
  command.add_option("file", options->file, "the receipt, - for stdin")
      ->required()
      ->type_name("FILE");
  add_verifier_keys(command, options->keys, "");
  add_key_changes(command, options->keys, "");
  command
      .add_option("--witness-policy", options->witness_policy,
                  "the witnesses that must have cosigned, a C2SP tlog-policy; where it names logs, "
                  "--vkeys is not needed")
      ->type_name("FILE");
  command
      .add_option("--certificate", options->certificate_file,
                  "the certificate that the entry must be about, PEM or DER")
      ->type_name("FILE");
  command
      .add_option("--signature", options->signature_file,
                  "the signature that the entry must be about, raw or base64")
      ->type_name("FILE");
  command
      .add_option("--report", options->report_file,
                  "the report of an incident that the entry must be about")
      ->type_name("FILE");
  line.on(command, options, check);
}

}  // namespace

void add_audit_receipt_commands(CommandLine& line, CLI::App& group) {
  add_fetch_command(line, group);
  add_check_command(line, group);
}

}  // namespace chancery
