#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/signed_note.h"
#include "core/store.h"
#include "core/verified_state.h"

namespace chancery {

struct VerifyReport {
  bool good = false;               ///< nothing was found wrong
  std::uint64_t entries = 0;       ///< of the log when the verification began
  Bytes root;                      ///< over these entries
  std::uint64_t checkpointed = 0;  ///< of these, how many the last verified checkpoint covers
  std::uint64_t checkpoints = 0;   ///< signed ones, verified with every key
  /// Of these, by witness's vkey, how many carry its cosignature.
  std::map<std::string, std::uint64_t> cosigned;
  std::uint64_t certificates = 0;  ///< rows that match their intents and outcomes
  std::uint64_t revocations = 0;   ///< rows that match their entries
  std::uint64_t open_intents = 0;  ///< under way, or left by a crash for the next start
  std::uint64_t finding_count = 0;
  std::vector<std::string> findings;  ///< the first hundred, in words
  std::optional<VerifiedState>
      state;  ///< as of the last verified checkpoint, where it was asked for
};

/// A signed checkpoint that was kept apart from the log, and where.
struct RememberedCheckpoint {
  std::string name;
  std::string note;
};

struct VerifyOptions {
  /// Told now and then how many entries of how many are verified.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
  /// The log must contain what each of these was signed over: one that was cut or replaced does
  /// not.
  std::vector<RememberedCheckpoint> remembered;
  /// Go on from here: entries and rows that were verified then are not read again.
  const VerifiedState* resume = nullptr;
  bool keep_state = false;
};

/// Recomputes the whole log from its entries, in one pass and bounded memory, on a live service or
/// a copy: entries canonical and in order of time; tiles; every checkpoint's root and signatures,
/// by each key that the log says was in force, which `verifiers` must vouch for (log_keys.h), and
/// cosignatures by the key that is kept with them; one outcome for each
/// intent; every row of the inventory against the entry that made it, both ways
/// (docs/audit-format.md says what that means for each table); policy versions. What is wrong is in
/// the report; an error means that the store could not be read.
Result<VerifyReport> verify_log(Store& store, const std::vector<NoteVerifier>& verifiers,
                                const VerifyOptions& options = {});

/// One line: what holds, or how much does not and the first of it.
std::string summary(const VerifyReport& report);

}  // namespace chancery
