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

}  // namespace chancery
