#include "core/audit_verify.h"

#include <algorithm>

#include "core/cosignature.h"
#include "core/inventory_check.h"
#include "core/log_keys.h"
#include "core/log_replay.h"
#include "core/pruned_entries.h"
#include "core/tile.h"

namespace chancery {
namespace {

constexpr std::size_t kRows = 1024;

class LogCheck {
 public:
  LogCheck(Store& store, LogKeys keys, PrunedEntries pruned)
      : store_(store),
        keys_(std::move(keys)),
        pruned_(std::move(pruned)),
        replay_([this](unsigned level, std::uint64_t index, ByteView hashes, const Hash& root) {
          return check_tile(level, index, hashes, root);
        }),
        inventory_(store, findings_, pruned_) {}

  Result<VerifyReport> run(const VerifyOptions& options) {
    ASSIGN_OR_RETURN(size_, store_.log_size());
    keep_state_ = options.keep_state;
    if (options.resume) {
      ASSIGN_OR_RETURN(const bool possible, resume(*options.resume));
      if (!possible) return report();
    }
    for (const RememberedCheckpoint& one : options.remembered) {
      RETURN_IF_ERROR(expect(one));
    }
    ASSIGN_OR_RETURN(const std::uint64_t mark, store_.recovery_mark());
    ASSIGN_OR_RETURN(last_start_, store_.last_start());
    while (replay_.size() < size_) {
      ASSIGN_OR_RETURN(const bool whole, check_entries(replay_.size() + rows_left()));
      if (!whole) return report();
      if (options.progress) options.progress(replay_.size(), size_);
    }
    RETURN_IF_ERROR(check_checkpoints());
    if (const std::string wrong = keys_.finish(); !wrong.empty()) findings_.add(wrong);
    RETURN_IF_ERROR(inventory_.finish(size_));
    RETURN_IF_ERROR(check_end(mark));
    // Of entries that an earlier verification has read, it does not matter what became of them.
    if (!options.resume || pruned_.since(options.resume->log.tree.size())) {
      RETURN_IF_ERROR(pruned_.check_retained(store_, findings_));
    }
    return report();
  }

 private:
  [[nodiscard]] std::size_t rows_left() const {
    return static_cast<std::size_t>(std::min<std::uint64_t>(kRows, size_ - replay_.size()));
  }

  /// Those up to `end`, and of those that were removed their hashes. False where one is missing:
  /// nothing after a hole can be hashed at its place.
  Result<bool> check_entries(std::uint64_t end) {
    ASSIGN_OR_RETURN(const auto entries, store_.entries_from(replay_.size(), end, kRows));
    auto entry = entries.begin();
    for (std::uint64_t index = replay_.size(); index < end; ++index) {
      const bool is_there = entry != entries.end() && entry->index == index;
      if (is_there && !pruned_.is_going(index)) {
        RETURN_IF_ERROR(check_entry(entry->text));
      } else if (is_there) {
        RETURN_IF_ERROR(add_leaf(leaf_hash(bytes_of(entry->text))));
      } else if (pruned_.allows(index, replay_.state().last_time)) {
        ASSIGN_OR_RETURN(const Hash leaf, removed_leaf(index));
        RETURN_IF_ERROR(add_leaf(leaf));
      } else {
        findings_.add(index, pruned_.any() ? "is not there, and no pruning accounts for that"
                                           : "is not there");
        return false;
      }
      if (is_there) ++entry;
    }
    return true;
  }

  Result<void> add_leaf(const Hash& leaf) {
    RETURN_IF_ERROR(check_checkpoints());
    return replay_.add_leaf(leaf);
  }

  /// As the tile has it, which the checkpoints vouch for.
  Result<Hash> removed_leaf(std::uint64_t index) {
    if (leaves_.empty() || index >> kTileBits != leaves_index_) {
      leaves_index_ = index >> kTileBits;
      auto leaves = store_.tile(0, leaves_index_);
      if (!leaves && leaves.error().code != ErrorCode::not_found) return Failure(leaves.error());
      leaves_ = leaves ? std::move(*leaves) : Bytes();
      leaves_.resize(kTileWidth * sizeof(Hash));  // what is not there has another root
    }
    return hash_at(leaves_, static_cast<std::size_t>(index % kTileWidth));
  }

  Result<void> check_entry(const std::string& text) {
    RETURN_IF_ERROR(check_checkpoints());
    ASSIGN_OR_RETURN(const auto checked, replay_.add(text));
    if (checked) RETURN_IF_ERROR(inventory_.check_entry(*checked));
    return {};
  }

  Result<void> check_tile(unsigned level, std::uint64_t index, ByteView hashes, const Hash& root) {
    const std::string name = tile_path({.level = level, .index = index});
    const auto stored = store_.tile(level, index);
    if (!stored && stored.error().code != ErrorCode::not_found) return Failure(stored.error());
    if (!stored) {
      findings_.add(name + " is not there");
      return {};
    }
    if (!std::ranges::equal(*stored, hashes)) findings_.add(name + " has other hashes");
    ASSIGN_OR_RETURN(const Bytes stored_root, store_.tile_roots(level, index, 1));
    if (!std::ranges::equal(stored_root, root)) findings_.add(name + " has another root");
    return {};
  }

  /// False where this is not the log that was verified then.
  Result<bool> resume(const VerifiedState& state) {
    const std::string name = "the checkpoint of the last verification";
    if (!verified_note(state.note, name)) return false;
    const MerkleFrontier& then = state.log.tree.frontier();
    if (then.size() > size_) {
      findings_.add("the log is shorter (" + std::to_string(size_) + " entries) than " + name +
                    " (" + std::to_string(then.size()) + ")");
      return false;
    }
    ASSIGN_OR_RETURN(const Hash root, TreeReader(store_, then.size()).root());
    if (root != then.root()) {
      findings_.add("the log has another root than " + name + " over its " +
                    std::to_string(then.size()) + " entries");
      return false;
    }
    LogReplay::State log = state.log;
    for (auto intent = log.open_intents.begin(); intent != log.open_intents.end();) {
      // Its outcome came later and was removed with it.
      ASSIGN_OR_RETURN(const bool removed, pruned_.has_removed(store_, intent->first));
      intent = removed ? log.open_intents.erase(intent) : std::next(intent);
    }
    keys_.resume(then.size(), state.vouched_for);
    replay_.resume(std::move(log));
    inventory_.resume(state.inventory);
    last_checkpoint_ = checkpointed_ = then.size();
    if (keep_state_) state_ = state;
    return true;
  }

  Result<void> expect(const RememberedCheckpoint& remembered) {
    const auto checkpoint = verified_note(remembered.note, remembered.name);
    if (!checkpoint) return {};
    if (checkpoint->size > size_) {
      findings_.add("the log is shorter (" + std::to_string(size_) + " entries) than " +
                    remembered.name + " (" + std::to_string(checkpoint->size) + ")");
    } else if (checkpoint->size >= replay_.size()) {
      replay_.expect(*checkpoint, remembered.name);
    } else {
      // Of what was verified before, the tiles tell: they have the root that was found then.
      ASSIGN_OR_RETURN(const Hash root, TreeReader(store_, checkpoint->size).root());
      if (!std::ranges::equal(root, checkpoint->root)) {
        findings_.add(remembered.name + " has another root than the log had at its size");
      }
    }
    return {};
  }

  /// Parsed, where every key that was in force has signed it; what is wrong becomes a finding.
  std::optional<Checkpoint> verified_note(const std::string& note, const std::string& name,
                                          bool is_next = false) {
    auto checkpoint = parse_checkpoint(note);
    if (!checkpoint) {
      findings_.add(name + ": its note does not parse");
      return std::nullopt;
    }
    const std::string wrong =
        is_next ? keys_.follow(*checkpoint, note) : keys_.find_wrong(*checkpoint, note);
    if (wrong.empty()) return std::move(*checkpoint);
    findings_.add(name + ": " + wrong);
    return std::nullopt;
  }

  /// Those of exactly the size that the tree has now.
  Result<void> check_checkpoints() {
    for (;;) {
      if (next_checkpoint_ == checkpoints_.size()) {
        if (checkpoints_exhausted_) return {};
        ASSIGN_OR_RETURN(checkpoints_, store_.checkpoints(last_checkpoint_, kRows));
        next_checkpoint_ = 0;
        checkpoints_exhausted_ = checkpoints_.empty();
        continue;
      }
      const CheckpointRecord& checkpoint = checkpoints_[next_checkpoint_];
      if (checkpoint.size > replay_.size()) return {};
      check_checkpoint(checkpoint);
      RETURN_IF_ERROR(check_cosignatures(checkpoint));
      last_checkpoint_ = checkpoint.size;
      ++next_checkpoint_;
    }
  }

  void check_checkpoint(const CheckpointRecord& record) {
    const std::string name = "checkpoint of size " + std::to_string(record.size);
    if (!std::ranges::equal(record.root, replay_.root())) {
      findings_.add(name + " has another root than the entries");
    }
    if (record.note.empty()) return;  // written down, and a crash came before the signature
    const auto checkpoint = verified_note(record.note, name, true);
    if (!checkpoint) return;
    if (checkpoint->size != record.size || checkpoint->root != record.root) {
      findings_.add(name + ": its note says something else");
    }
    ++checkpoints_verified_;
    checkpointed_ = record.size;
    if (keep_state_ && findings_.count() == 0) {
      state_ = {LogSource::database, record.note, keys_.vouched_for(), replay_.state(),
                inventory_.state()};
    }
  }

  Result<void> check_cosignatures(const CheckpointRecord& checkpoint) {
    ASSIGN_OR_RETURN(const auto cosignatures, store_.cosignatures(checkpoint.size));
    for (const CosignatureRecord& cosignature : cosignatures) {
      const auto witness = CosignatureVerifier::parse(cosignature.vkey);
      const auto found =
          witness ? witness->find_in(checkpoint.note + cosignature.line + "\n") : std::nullopt;
      if (found && found->line == cosignature.line) {
        ++cosigned_[cosignature.vkey];
      } else {
        findings_.add("checkpoint of size " + std::to_string(checkpoint.size) +
                      ": no valid cosignature of " + cosignature.vkey);
      }
    }
    return {};
  }

  Result<void> check_end(std::uint64_t mark) {
    // Before the log's size: on a live service both grow.
    ASSIGN_OR_RETURN(const auto last, store_.last_checkpoint());
    ASSIGN_OR_RETURN(const std::uint64_t log_size, store_.log_size());
    if (log_size < size_) findings_.add("the log became shorter while it was read");
    ASSIGN_OR_RETURN(const auto strays, store_.cosigned_without_checkpoint(kRows));
    for (const std::uint64_t size : strays) {
      findings_.add("a cosignature of size " + std::to_string(size) + " has no checkpoint");
    }
    if (last && last->size > log_size) {
      findings_.add("the log is shorter than its checkpoint of size " + std::to_string(last->size));
    }
    const auto& open = replay_.state().open_intents;
    if (mark > log_size || (!open.empty() && open.begin()->first < mark)) {
      findings_.add("recovery would begin behind an intent that is open");
    }
    // A service that starts while it is read has written a newer one.
    const bool newer = last_start_ && *last_start_ >= size_ && *last_start_ < log_size;
    if (!newer && last_start_ != replay_.state().last_start) {
      findings_.add("what counts as the last start is another entry");
    }
    return log_size == size_ ? check_surplus_tiles() : Result<void>();
  }

  /// A tile that the log has not filled yet would be served as full.
  Result<void> check_surplus_tiles() {
    for (unsigned level = 0; level < 8; ++level) {
      const std::uint64_t hashes = size_ >> (kTileBits * level);
      ASSIGN_OR_RETURN(const Bytes surplus, store_.tile_roots(level, hashes >> kTileBits, 1));
      if (!surplus.empty()) {
        findings_.add(tile_path({.level = level, .index = hashes >> kTileBits}) +
                      " is beyond the end of the log");
      }
    }
    return {};
  }

  VerifyReport report() {
    VerifyReport report;
    report.good = findings_.count() == 0;
    report.entries = replay_.size();
    report.root = copy_of(replay_.root());
    report.checkpointed = checkpointed_;
    report.checkpoints = checkpoints_verified_;
    report.cosigned = cosigned_;
    report.certificates = inventory_.certificates();
    report.revocations = inventory_.revocations();
    report.open_intents = replay_.state().open_intents.size();
    report.finding_count = findings_.count();
    report.findings = findings_.kept();
    if (report.good) report.state = std::move(state_);
    return report;
  }

  Store& store_;
  LogKeys keys_;
  const PrunedEntries pruned_;
  LogReplay replay_;
  AuditFindings& findings_ = replay_.findings();
  InventoryCheck inventory_;
  std::uint64_t size_ = 0;
  std::optional<std::uint64_t> last_start_;  // as it is stored
  bool keep_state_ = false;
  std::optional<VerifiedState> state_;

  Bytes leaves_;  // of the tile whose entries were removed
  std::uint64_t leaves_index_ = 0;

  std::vector<CheckpointRecord> checkpoints_;
  std::size_t next_checkpoint_ = 0;
  std::uint64_t last_checkpoint_ = 0;
  bool checkpoints_exhausted_ = false;
  std::uint64_t checkpoints_verified_ = 0, checkpointed_ = 0;
  std::map<std::string, std::uint64_t> cosigned_;
};

std::string count_of(std::uint64_t count, const char* noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace

Result<VerifyReport> verify_log(Store& store, const std::vector<NoteVerifier>& verifiers,
                                const VerifyOptions& options) {
  ASSIGN_OR_RETURN(const auto records, store.log_keys());
  auto keys = LogKeys::create(verifiers, records);
  if (!keys) return fail(ErrorCode::internal, "a key of the log that is stored does not parse");
  ASSIGN_OR_RETURN(PrunedEntries pruned, PrunedEntries::read(store));
  const PrunedEntries before = pruned;
  ASSIGN_OR_RETURN(VerifyReport report,
                   LogCheck(store, std::move(*keys), std::move(pruned)).run(options));
  ASSIGN_OR_RETURN(const bool outdated, before.outdated(store));
  if (report.good || !outdated) return report;
  return fail(ErrorCode::busy, "entries were removed while the log was read; verify it again");
}

std::string summary(const VerifyReport& report) {
  if (!report.good) {
    return "BAD: " + count_of(report.finding_count, "finding") +
           "; first: " + (report.findings.empty() ? "none" : report.findings.front());
  }
  std::string line = "good: " + std::to_string(report.entries) +
                     (report.entries == 1 ? " entry, " : " entries, ") +
                     std::to_string(report.checkpointed) + " of them under " +
                     count_of(report.checkpoints, "signed checkpoint") + ", " +
                     count_of(report.certificates, "certificate") + " and " +
                     count_of(report.revocations, "revocation") + " match the log, ";
  line += report.open_intents == 0 ? "every intent has its outcome"
                                   : count_of(report.open_intents, "intent") + " open";
  for (const auto& [vkey, count] : report.cosigned) {
    line += ", " + std::to_string(count) + " cosigned by " + vkey.substr(0, vkey.find('+'));
  }
  return line + "; root " + to_base64(report.root);
}

}  // namespace chancery
