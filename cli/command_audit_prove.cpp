#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/audit_commands.h"
#include "cli/file.h"
#include "cli/log_reader.h"
#include "cli/remote_tree.h"
#include "cli/verifier_keys.h"

namespace chancery {
namespace {

struct ProveOptions {
  std::string old_checkpoint;
  VerifierKeyOptions keys;
  std::string out;
};

Result<void> check_signatures(const std::string& name, const SignedCheckpoint& one,
                              const LogKeys& keys) {
  const std::string wrong = keys.find_wrong(one.checkpoint, one.note);
  if (wrong.empty()) return {};
  return fail(ErrorCode::conflict, name + " has " + wrong);
}

Hash root_of(const Checkpoint& checkpoint) {
  Hash root;
  std::ranges::copy(checkpoint.root, root.begin());
  return root;
}

Result<SignedCheckpoint> read_old(const std::string& path) {
  ASSIGN_OR_RETURN(std::string note, read_file(path, limits::credential_file_bytes));
  auto checkpoint = parse_checkpoint(note);
  if (!checkpoint) return invalid("checkpoint", path + ": " + checkpoint.error().message);
  return SignedCheckpoint{std::move(note), std::move(*checkpoint)};
}

/// A checkpoint that somebody kept, and the one that the service shows now, are of one log.
Result<ExitCode> prove(Session& session, const ProveOptions& options) {
  ASSIGN_OR_RETURN(const std::vector<std::string> vkeys, named_vkeys(options.keys));
  if (vkeys.empty()) {
    return invalid("--vkeys",
                   "name the keys of the log, from `chancery audit keys` or where you "
                   "noted them");
  }
  ASSIGN_OR_RETURN(const SignedCheckpoint old, read_old(options.old_checkpoint));
  ASSIGN_OR_RETURN(Service * service, session.service());
  ASSIGN_OR_RETURN(const SignedCheckpoint latest, read_signed_checkpoint(*service));
  ASSIGN_OR_RETURN(const std::string changes, read_key_changes(*service));
  ASSIGN_OR_RETURN(const LogKeys keys, log_keys(vkeys, changes));
  RETURN_IF_ERROR(check_signatures(options.old_checkpoint, old, keys));
  RETURN_IF_ERROR(check_signatures("the service's checkpoint", latest, keys));
  const std::uint64_t first = old.checkpoint.size, size = latest.checkpoint.size;
  if (first > size) {
    return fail(ErrorCode::conflict, "the service's log has " + std::to_string(size) +
                                         " entries, the checkpoint " + std::to_string(first) +
                                         ": it was cut or replaced");
  }
  TreeReader tree = remote_tree(*service, size);
  ASSIGN_OR_RETURN(const std::vector<Hash> proof, tree.consistency_proof(first));
  if (!verify_consistency(first, root_of(old.checkpoint), size, root_of(latest.checkpoint),
                          proof)) {
    return fail(ErrorCode::conflict,
                "the service's log does not go on from the checkpoint of size " +
                    std::to_string(first) + ": it was changed");
  }
  std::string hashes;
  nlohmann::json listed = nlohmann::json::array();
  for (const Hash& hash : proof) {
    hashes += to_base64(hash) + "\n";
    listed.push_back(to_base64(hash));
  }
  if (!options.out.empty()) RETURN_IF_ERROR(replace_file(options.out, hashes, 0644));
  session.print("the log of " + std::to_string(size) + " entries goes on from that of " +
                    std::to_string(first) + ": proved by " + std::to_string(proof.size()) +
                    " hashes",
                {{"good", true},
                 {"from", first},
                 {"size", size},
                 {"proof", listed},
                 {"checkpoint", latest.note}});
  return ExitCode::done;
}

}  // namespace

void add_audit_prove_command(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<ProveOptions>();
  CLI::App& command = line.add(
      group, "prove", "Prove that the log goes on from a checkpoint that you kept",
      {"chancery --identity ./auditor audit prove --from kept-checkpoint --vkeys vkeys.txt",
       "chancery --identity ./auditor audit receipt --serial 4c… (that an entry is in the log)"});
  command.add_option("--from", options->old_checkpoint, "the checkpoint, a signed note")
      ->required()
      ->type_name("FILE");
  command
      .add_option("--out", options->out,
                  "write the proof there: RFC 9162 section 2.1.4.1, a base64 hash a line")
      ->type_name("FILE");
  add_verifier_keys(command, options->keys, "");
  line.on(command, options, prove);
}

}  // namespace chancery
