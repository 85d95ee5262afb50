#include "core/witness.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <sstream>

#include "core/durable_file.h"
#include "core/instance.h"
#include "core/limits.h"
#include "core/new_home.h"

namespace chancery {
namespace {

constexpr const char* kLogsHead =
    "# The logs whose checkpoints are cosigned: a verifier key a line, such as a Chancery home's\n"
    "# log-keys has. Read at the start.\n";

Witness::Answer refusal(int status, std::string why) {
  return {status, "text/plain; charset=utf-8", std::move(why) + "\n"};
}

Hash hash_of(const Bytes& bytes) {
  Hash hash;
  CHECK(bytes.size() == hash.size());  // parse_checkpoint() saw to it
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  return hash;
}

std::string hash_of_origin(const std::string& origin) {
  return to_hex(sha256(bytes_of(origin)));
}

/// The note's signature lines; none where one is malformed. Nothing where there are more than
/// limits::witness_signatures, or two of one key: each costs whoever verifies it.
std::optional<std::vector<std::string>> signature_lines(std::string_view note) {
  std::vector<std::string> lines;
  auto parts = split_note(note);
  if (!parts) return lines;
  std::set<std::pair<std::string, Bytes>> keys;
  while (!parts->signatures.empty()) {
    const auto text = take_note_line(parts->signatures);
    auto line = text ? parse_signature_line(*text) : std::nullopt;
    if (!line) return std::vector<std::string>();
    if (lines.size() == limits::witness_signatures) return std::nullopt;
    if (!keys.emplace(line->name, std::move(line->key_id)).second) return std::nullopt;
    lines.emplace_back(*text);
  }
  return lines;
}

/// Those of the lines that are of the log's keys; none where one of them does not verify: such a
/// note is refused whole.
std::vector<std::string> lines_of_log(const std::vector<NoteVerifier>& verifiers,
                                      std::string_view text,
                                      const std::vector<std::string>& lines) {
  std::vector<std::string> verified;
  for (const std::string& line : lines) {
    const std::string alone = assemble_note(text, {line});
    for (const NoteVerifier& verifier : verifiers) {
      if (!verifier.has_line_in(alone)) continue;
      if (!verifier.verify(alone)) return {};
      verified.push_back(line);
      break;
    }
  }
  return verified;
}

Result<void> require_private(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return invalid("dir", "cannot read " + path + " (" + std::strerror(errno) +
                              "); `chancery witness init` makes a witness");
  }
  if ((status.st_mode & 077) == 0) return {};
  return invalid("dir", path + " is readable by others than its owner: chmod 600 " + path);
}

Result<FileHandle> lock_folder(const std::string& folder) {
  FileHandle handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (handle.get() < 0) {
    return invalid("dir", "cannot open " + folder + ": " + std::strerror(errno));
  }
  if (::flock(handle.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(ErrorCode::conflict, "another process is the witness in " + folder);
  }
  return handle;
}

}  // namespace

Result<std::string> Witness::init(const std::string& folder, const std::string& name) {
  ASSIGN_OR_RETURN(const WitnessKey key, WitnessKey::generate(name));
  ASSIGN_OR_RETURN(NewHome home, NewHome::claim(folder));
  if (::mkdir((folder + "/state").c_str(), 0700) != 0) {
    return fail(ErrorCode::store_unavailable, "cannot make " + folder + "/state", "",
                std::strerror(errno));
  }
  RETURN_IF_ERROR(replace_durable_file(folder + "/key", key.text().reveal(), 0600));
  RETURN_IF_ERROR(replace_durable_file(folder + "/logs", kLogsHead, 0600));
  home.keep();
  return key.verifier().vkey();
}

Result<std::unique_ptr<Witness>> Witness::open(const std::string& folder) {
  ASSIGN_OR_RETURN(FileHandle lock, lock_folder(folder));
  RETURN_IF_ERROR(require_private(folder + "/key"));
  ASSIGN_OR_RETURN(std::string text, read_file(folder + "/key", limits::credential_file_bytes));
  const Secret key_text(std::move(text));
  ASSIGN_OR_RETURN(WitnessKey key, WitnessKey::parse(key_text.reveal()));
  std::unique_ptr<Witness> witness(new Witness(std::move(lock), std::move(key)));
  RETURN_IF_ERROR(witness->read_logs(folder));
  return witness;
}

Result<void> Witness::read_logs(const std::string& folder) {
  const std::string path = folder + "/logs";
  ASSIGN_OR_RETURN(const std::string text, read_file(path, limits::witness_logs_bytes));
  std::istringstream lines(text);
  unsigned number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.empty() || line.front() == '#') continue;
    auto verifier = NoteVerifier::parse(line);
    if (!verifier) {
      return invalid("dir", path + ":" + std::to_string(number) + ": " + verifier.error().message);
    }
    Log& log = logs_[verifier->name()];
    log.verifiers.push_back(std::move(*verifier));
  }
  for (auto& [origin, log] : logs_) {
    log.state_file = folder + "/state/" + hash_of_origin(origin);
    RETURN_IF_ERROR(read_state(log));
  }
  return {};
}

/// A state that does not read is no state to start again from: two histories would get cosigned.
Result<void> Witness::read_state(Log& log) const {
  ASSIGN_OR_RETURN(auto note, read_durable_file(log.state_file));
  if (!note) return {};
  const auto checkpoint = parse_checkpoint(*note, Extensions::allowed);
  if (!checkpoint || !key_.verifier().find_in(*note)) {
    return invalid("dir",
                   log.state_file + " does not hold a checkpoint that this witness cosigned");
  }
  log.size = checkpoint->size;
  log.root = hash_of(checkpoint->root);
  log.note = std::move(*note);
  return {};
}

// The order of the checks is that of the specification.
Witness::Answer Witness::add_checkpoint(std::string_view body) {
  const auto request = parse_witness_request(body);
  if (!request) return refusal(400, request.error().message);
  const auto checkpoint = parse_checkpoint(request->checkpoint, Extensions::allowed);
  if (!checkpoint) return refusal(400, checkpoint.error().message);
  const auto parts = split_note(request->checkpoint);
  const auto lines = signature_lines(request->checkpoint);
  if (!lines) {
    return refusal(400, "the checkpoint has more than " +
                            std::to_string(limits::witness_signatures) +
                            " signatures, or two of one key");
  }
  const auto found = logs_.find(checkpoint->origin);
  if (found == logs_.end()) return refusal(404, "the log is not known to this witness");
  Log& log = found->second;
  // Before the lock: whoever sends what is expensive delays himself alone.
  const auto verified =
      parts ? lines_of_log(log.verifiers, parts->text, *lines) : std::vector<std::string>();
  if (!parts || verified.empty())
    return refusal(403, "the checkpoint has no valid signature of the log");

  const std::lock_guard lock(mutex_);
  if (request->old_size > checkpoint->size) {
    return refusal(400, "the old size is larger than the checkpoint's");
  }
  if (request->old_size != log.size) {
    return {409, "text/x.tlog.size", std::to_string(log.size) + "\n"};
  }
  const Hash root = hash_of(checkpoint->root);
  if (checkpoint->size == 0 && root != empty_root()) {
    return refusal(422, "the root is not that of the empty tree");
  }
  if (!verify_consistency(log.size, log.root, checkpoint->size, root, request->proof)) {
    return refusal(422, "the consistency proof does not verify");
  }
  return cosign(log, *checkpoint, parts->text, verified);
}

Witness::Answer Witness::cosign(Log& log, const Checkpoint& checkpoint, std::string_view text,
                                std::vector<std::string> lines) {
  const std::string line = key_.cosign(text, now());
  // With the log's lines: what others added is none of our business.
  lines.push_back(line);
  std::string note = assemble_note(text, lines);
  if (const auto kept = replace_durable_file(log.state_file, note); !kept) {
    // Perhaps it is on the disk and perhaps not: what was given out stays as it was.
    return refusal(500, "the checkpoint cannot be kept");
  }
  // Crash point: kept, and nobody has the cosignature. The log learns the size by a 409.
  log.size = checkpoint.size;
  log.root = hash_of(checkpoint.root);
  log.note = std::move(note);
  return {200, "text/plain; charset=utf-8", line + "\n"};
}

std::optional<std::string> Witness::latest(const std::string& origin_hash) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [origin, log] : logs_) {
    if (!log.note.empty() && hash_of_origin(origin) == origin_hash) return log.note;
  }
  return std::nullopt;
}

}  // namespace chancery
