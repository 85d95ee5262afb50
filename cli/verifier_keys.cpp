#include "cli/verifier_keys.h"

#include <sstream>

#include "cli/file.h"

namespace chancery {

void add_verifier_keys(CLI::App& command, VerifierKeyOptions& options,
                       const std::string& otherwise) {
  command
      .add_option("--vkeys", options.file,
                  "keys that checkpoints must verify with, one a line" + otherwise)
      ->type_name("FILE");
  command.add_option("--vkey", options.vkeys, "one such key; may be repeated")
      ->allow_extra_args(false);
}

void add_key_changes(CLI::App& command, VerifierKeyOptions& options, const std::string& otherwise) {
  command
      .add_option("--key-changes", options.changes,
                  "what leads from those keys to the ones that have signed, where the log has "
                  "changed its keys since: from `chancery audit keys --changes`" +
                      otherwise)
      ->type_name("FILE");
}

Result<std::vector<std::string>> named_vkeys(const VerifierKeyOptions& options) {
  std::vector<std::string> vkeys = options.vkeys;
  if (options.file.empty()) return vkeys;
  ASSIGN_OR_RETURN(std::string content, read_file(options.file, limits::credential_file_bytes));
  std::istringstream lines(content);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty() && line.front() != '#') vkeys.push_back(line);
  }
  if (vkeys.empty()) return invalid("--vkeys", options.file + " holds no verifier key");
  return vkeys;
}

Result<std::vector<NoteVerifier>> parse_vkeys(const std::vector<std::string>& vkeys) {
  std::vector<NoteVerifier> verifiers;
  for (const std::string& vkey : vkeys) {
    auto verifier = NoteVerifier::parse(vkey);
    if (!verifier) return invalid("--vkey", "\"" + vkey + "\": " + verifier.error().message);
    verifiers.push_back(std::move(*verifier));
  }
  return verifiers;
}

Result<std::string> read_key_changes_file(const VerifierKeyOptions& options) {
  if (options.changes.empty()) return std::string();
  return read_file(options.changes, limits::key_changes_bytes);
}

Result<LogKeys> log_keys(const std::vector<std::string>& vkeys, std::string_view changes) {
  ASSIGN_OR_RETURN(const std::vector<NoteVerifier> verifiers, parse_vkeys(vkeys));
  const auto parsed = parse_key_changes(changes);
  auto keys =
      parsed ? follow_key_changes(verifiers, *parsed) : Result<LogKeys>(Failure(parsed.error()));
  // Not the user's usage: what somebody says of the log does not hold.
  if (!keys) return fail(ErrorCode::conflict, keys.error().message);
  return keys;
}

}  // namespace chancery
