#include "core/checkpoint_publisher.h"

namespace chancery {

Result<std::unique_ptr<CheckpointPublisher>> CheckpointPublisher::create(AuditLog& log,
                                                                         Token& token,
                                                                         const KeyRing& keys,
                                                                         std::string origin) {
  std::vector<Signer> signers;
  for (const KeyName& name : {kLogKeyP256, kLogKeyEd25519}) {
    const auto key = keys.find(name);
    if (!key) continue;
    ASSIGN_OR_RETURN(NoteVerifier verifier,
                     NoteVerifier::create(origin, (*key)->public_key.spki()));
    signers.push_back({*key, std::move(verifier)});
  }
  if (signers.empty()) return fail(ErrorCode::internal, "this installation has no audit log key");
  return std::unique_ptr<CheckpointPublisher>(
      new CheckpointPublisher(log, token, std::move(origin), std::move(signers)));
}

CheckpointPublisher::CheckpointPublisher(AuditLog& log, Token& token, std::string origin,
                                         std::vector<Signer> signers)
    : log_(log), token_(token), origin_(std::move(origin)), signers_(std::move(signers)) {}

Result<void> CheckpointPublisher::publish() {
  const std::lock_guard one_at_a_time(publishing_);
  auto published = publish_new();
  const std::lock_guard lock(mutex_);
  problem_ = published ? "" : published.error().message;
  return published;
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

std::vector<std::string> CheckpointPublisher::vkeys() const {
  std::vector<std::string> keys;
  for (const Signer& signer : signers_) keys.push_back(signer.verifier.vkey());
  return keys;
}

std::string CheckpointPublisher::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

}  // namespace chancery
