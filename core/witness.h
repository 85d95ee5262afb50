#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/file_handle.h"
#include "core/merkle.h"
#include "core/signed_note.h"
#include "core/witness_key.h"
#include "core/witness_request.h"

namespace chancery {

/// A witness of other logs: C2SP tlog-witness. It signs that a log's checkpoint goes on from the
/// one it signed before, and never two that contradict each other. All it keeps is its key, the
/// keys of the logs that it knows, and the last checkpoint of each.
class Witness {
 public:
  /// Makes a folder with a new key (0600) and without logs; returns the vkey. conflict where there
  /// is anything already, invalid_request (field "name").
  static Result<std::string> init(const std::string& folder, const std::string& name);
  /// FOLDER/key, FOLDER/logs (a vkey a line; its name is the log's origin; several of one name are
  /// all the log's), FOLDER/state. invalid_request with the file that is wrong; conflict while
  /// another process has the folder.
  static Result<std::unique_ptr<Witness>> open(const std::string& folder);

  struct Answer {
    int status = 200;
    std::string content_type;
    std::string body;
  };
  /// The answer to add-checkpoint. A cosignature is given after the checkpoint is on the disk; one
  /// at a time, but signatures of the log are verified before that. 500 where it cannot be.
  Answer add_checkpoint(std::string_view body);
  /// The last checkpoint of a log with our cosignature; `origin_hash` is the origin's SHA-256 in
  /// lower-case hexadecimal. Nothing where none was cosigned.
  [[nodiscard]] std::optional<std::string> latest(const std::string& origin_hash) const;

  [[nodiscard]] std::string vkey() const { return key_.verifier().vkey(); }
  [[nodiscard]] std::size_t logs() const { return logs_.size(); }

 private:
  struct Log {
    std::vector<NoteVerifier> verifiers;
    std::string state_file;
    std::uint64_t size = 0;  ///< of the last cosigned checkpoint; 0 also before the first one
    Hash root = empty_root();
    std::string note;  ///< that checkpoint, cosigned
  };
  Witness(FileHandle lock, WitnessKey key) : lock_(std::move(lock)), key_(std::move(key)) {}
  Result<void> read_logs(const std::string& folder);
  Result<void> read_state(Log& log) const;
  Answer cosign(Log& log, const Checkpoint& checkpoint, std::string_view text,
                std::vector<std::string> lines);

  const FileHandle lock_;
  const WitnessKey key_;
  // Looking at a log's size and replacing it is one step; which logs there are stays the same.
  mutable std::mutex mutex_;
  std::map<std::string, Log> logs_;  // by origin
};

}  // namespace chancery
