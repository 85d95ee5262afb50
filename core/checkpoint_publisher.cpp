#include "core/checkpoint_publisher.h"

#include <algorithm>

#include "core/durable_file.h"

namespace chancery {

Result<std::unique_ptr<CheckpointPublisher>> CheckpointPublisher::create(AuditLog& log,
                                                                         Store& store, Token& token,
                                                                         const KeyRing& keys,
                                                                         std::string origin) {
  ASSIGN_OR_RETURN(std::vector<LogKeysRecord> records, store.log_keys());
  std::vector<Signer> signers;
  for (const Key* key : keys.all()) {
    if (key->purpose != KeyPurpose::audit_log) continue;
    ASSIGN_OR_RETURN(NoteVerifier verifier, NoteVerifier::create(origin, key->public_key.spki()));
    // A key that was made and never named was left by a change that a crash cut short.
    const bool in_force = records.empty()
                              ? key->name == kLogKeyP256 || key->name == kLogKeyEd25519
                              : std::ranges::find(records.back().vkeys, verifier.vkey()) !=
                                    records.back().vkeys.end();
    if (in_force) signers.push_back({key, std::move(verifier)});
  }
  if (signers.empty() || (!records.empty() && signers.size() != records.back().vkeys.size())) {
    return fail(ErrorCode::internal, "this installation lacks a key of its audit log");
  }
  // P-256 first: what reads one type only reads it.
  std::ranges::stable_sort(signers, {},
                           [](const Signer& signer) { return signer.key->public_key.type(); });
  return std::unique_ptr<CheckpointPublisher>(new CheckpointPublisher(
      log, token, std::move(origin), std::move(signers), std::move(records)));
}

CheckpointPublisher::CheckpointPublisher(AuditLog& log, Token& token, std::string origin,
                                         std::vector<Signer> signers,
                                         std::vector<LogKeysRecord> records)
    : log_(log),
      token_(token),
      origin_(std::move(origin)),
      records_(std::move(records)),
      signers_(std::move(signers)),
      vkeys_(signed_by()) {}

Result<void> CheckpointPublisher::publish() {
  const std::lock_guard one_at_a_time(publishing_);
  auto published = publish_new();
  const std::lock_guard lock(mutex_);
  problem_ = published ? "" : published.error().message;
  if (published) vkeys_ = signed_by();
  return published;
}

/// The keys that were in force at the last signed checkpoint; before the first, those that are.
std::vector<std::string> CheckpointPublisher::signed_by() const {
  const std::uint64_t size = log_.signed_checkpoint().size;
  const auto last = std::ranges::find_if(records_.rbegin(), records_.rend(),
                                         [size](const auto& row) { return row.entry < size; });
  if (last != records_.rend()) return last->vkeys;
  if (!records_.empty()) return records_.front().vkeys;
  std::vector<std::string> vkeys;
  for (const Signer& signer : signers_) vkeys.push_back(signer.verifier.vkey());
  return vkeys;
}

Result<void> CheckpointPublisher::keep_vkeys(const std::string& path) {
  const std::lock_guard one_at_a_time(publishing_);
  const std::vector<std::string> now = vkeys();
  if (now == kept_) return {};
  std::string lines;
  for (const std::string& vkey : now) lines += vkey + "\n";
  RETURN_IF_ERROR(replace_durable_file(path, lines, 0644));
  kept_ = now;
  return {};
}

Result<void> CheckpointPublisher::publish_new() {
  // The text is written down before it is signed, so that no two checkpoints can contradict.
  ASSIGN_OR_RETURN(const auto text, log_.prepare_checkpoint(origin_));
  if (!text) return {};
  std::vector<std::string> lines;
  for (const Signer& signer : signers_) {
    ASSIGN_OR_RETURN(const Bytes signature, token_.sign(*text, *signer.key));
    lines.push_back(signer.verifier.signature_line(signature));
  }
  const std::string note = assemble_note(text->text(), lines);
  for (const Signer& signer : signers_) {
    if (!signer.verifier.verify(note)) {
      return fail(ErrorCode::token_unavailable, "the token made a wrong checkpoint signature");
    }
  }
  return log_.publish_checkpoint(*text, note);
}

Result<std::vector<CheckpointPublisher::Signer>> CheckpointPublisher::copy_of_signers() const {
  std::vector<Signer> signers;
  for (const Signer& signer : signers_) {
    ASSIGN_OR_RETURN(NoteVerifier verifier, NoteVerifier::parse(signer.verifier.vkey()));
    signers.push_back({signer.key, std::move(verifier)});
  }
  return signers;
}

Result<void> CheckpointPublisher::state_keys(const Change& change) {
  const std::lock_guard one_at_a_time(publishing_);
  if (!records_.empty()) return {};
  ASSIGN_OR_RETURN(auto signers, copy_of_signers());
  return record(change, std::move(signers));
}

Result<void> CheckpointPublisher::add_keys(const Change& change,
                                           const std::vector<const Key*>& keys) {
  const std::lock_guard one_at_a_time(publishing_);
  ASSIGN_OR_RETURN(auto signers, copy_of_signers());
  for (const Key* key : keys) {
    ASSIGN_OR_RETURN(NoteVerifier verifier, NoteVerifier::create(origin_, key->public_key.spki()));
    signers.push_back({key, std::move(verifier)});
  }
  return record(change, std::move(signers));
}

Result<void> CheckpointPublisher::retire_keys(const Change& change) {
  const std::lock_guard one_at_a_time(publishing_);
  if (records_.size() < 2 || records_.back().vkeys.size() <= records_.rbegin()[1].vkeys.size()) {
    return fail(ErrorCode::conflict, "no keys were added that could sign alone; add some first");
  }
  if (log_.signed_checkpoint().size <= records_.back().entry) {
    return fail(ErrorCode::conflict,
                "no checkpoint says yet, by the old keys, which the new ones are; try again soon");
  }
  const std::vector<std::string>& before = records_.rbegin()[1].vkeys;
  ASSIGN_OR_RETURN(auto signers, copy_of_signers());
  std::erase_if(signers, [&](const Signer& signer) {
    return std::ranges::find(before, signer.verifier.vkey()) != before.end();
  });
  return record(change, std::move(signers));
}

/// No checkpoint is under way meanwhile: those of more entries than this one are signed by the new
/// set, those of fewer were by the old.
Result<void> CheckpointPublisher::record(const Change& change, std::vector<Signer> signers) {
  LogKeysRecord row;
  for (const Signer& signer : signers) row.vkeys.push_back(signer.verifier.vkey());
  AuditEntry entry(EntryKind::log);
  entry.set("event", "keys");
  entry.set("vkeys", row.vkeys);
  auto index = change.permit ? log_.record(change.context, *change.permit, std::move(entry),
                                           {AddLogKeys{row}})
                             : log_.record(change.context, std::move(entry), {AddLogKeys{row}});
  const std::lock_guard lock(mutex_);
  if (!index) return Failure(std::move(index.error()));
  row.entry = *index;
  records_.push_back(std::move(row));
  signers_ = std::move(signers);
  return {};
}

std::vector<std::string> CheckpointPublisher::vkeys() const {
  const std::lock_guard lock(mutex_);
  return vkeys_;
}

std::string CheckpointPublisher::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

}  // namespace chancery
