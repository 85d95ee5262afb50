#pragma once

#include <string>
#include <vector>

#include "cli/command_line.h"
#include "core/key_changes.h"

namespace chancery {

/// The keys that checkpoints must verify with, as options name them.
struct VerifierKeyOptions {
  std::string file;                ///< one a line
  std::vector<std::string> vkeys;  ///< beside those
  std::string changes;             ///< of the keys since, or before; of commands without a service
};

/// Adds --vkeys and --vkey; `otherwise` says what is used where neither is given.
void add_verifier_keys(CLI::App& command, VerifierKeyOptions& options,
                       const std::string& otherwise);
/// Adds --key-changes.
void add_key_changes(CLI::App& command, VerifierKeyOptions& options, const std::string& otherwise);

/// Those named on the command line; none where the user named none.
Result<std::vector<std::string>> named_vkeys(const VerifierKeyOptions& options);
Result<std::vector<NoteVerifier>> parse_vkeys(const std::vector<std::string>& vkeys);

/// The text of the file that --key-changes names; empty where it names none.
Result<std::string> read_key_changes_file(const VerifierKeyOptions& options);
/// What the checkpoints of the log verify with, at any size: from the named keys to those that
/// `changes` (core/key_changes.h, as text) leads to.
Result<LogKeys> log_keys(const std::vector<std::string>& vkeys, std::string_view changes);

}  // namespace chancery
