#pragma once

#include <string>
#include <vector>

#include "cli/command_line.h"
#include "core/signed_note.h"

namespace chancery {

/// The keys that checkpoints must verify with, as options name them.
struct VerifierKeyOptions {
  std::string file;                ///< one a line
  std::vector<std::string> vkeys;  ///< beside those
};

/// Adds --vkeys and --vkey; `otherwise` says what is used where neither is given.
void add_verifier_keys(CLI::App& command, VerifierKeyOptions& options,
                       const std::string& otherwise);

/// Those named on the command line; none where the user named none.
Result<std::vector<std::string>> named_vkeys(const VerifierKeyOptions& options);
Result<std::vector<NoteVerifier>> parse_vkeys(const std::vector<std::string>& vkeys);

}  // namespace chancery
