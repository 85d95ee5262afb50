#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/merkle.h"
#include "core/signed_note.h"

namespace chancery {

/// Proves that the entries first … first+count-1 of a log, which are elsewhere, are those and all
/// of those (docs/audit-format.md, "Exports").
struct ExportProof {
  std::uint64_t first = 0, count = 0;
  std::vector<Hash> frontier;     ///< roots of the perfect subtrees before `first`, largest first
  std::vector<Hash> consistency;  ///< RFC 9162 section 2.1.4.1, from first+count to the checkpoint
  std::string checkpoint;         ///< the signed note
};

/// "chancery/log-export/v1", "first N", "count N", "frontier" and "consistency" with their hashes
/// in base64 behind them, an empty line, the checkpoint.
std::string to_text(const ExportProof& proof);
/// That form and no other. invalid_request (field "proof").
Result<ExportProof> parse_export_proof(std::string_view text);

/// Holds entries against the proof, one after the other.
class ExportCheck {
 public:
  explicit ExportCheck(ExportProof proof);
  void add(std::string_view entry);
  /// The checkpoint, where these are all entries and every one of `verifiers` has signed it; else
  /// invalid_request (field "export") with what does not hold.
  Result<Checkpoint> finish(const std::vector<NoteVerifier>& verifiers) const;

 private:
  const ExportProof proof_;
  MerkleFrontier tree_;
};

}  // namespace chancery
