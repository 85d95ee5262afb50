#include "core/signing_task.h"

namespace chancery {
namespace {

class DataTask : public SigningTask {
 public:
  DataTask(const SignData& request, const Key& key) : request_(request), key_(key) {}

  [[nodiscard]] PolicyQuestion question() const override {
    PolicyQuestion question{.operation = request_.is_digest ? Operation::key_sign_digest
                                                            : Operation::key_sign};
    question.key = key_.name.text();
    question.key_type = key_.public_key.type();
    question.algorithm = request_.algorithm;
    return question;
  }

  Result<SigningInput> build(AuditEntry& intent, std::vector<StoreChange>&) override {
    if (key_.purpose != KeyPurpose::data) {
      return fail(ErrorCode::conflict,
                  "the key \"" + key_.name.text() + "\" is for " +
                      std::string(name_of(key_.purpose)) + " and signs nothing else",
                  "key");
    }
    if (!key_.allows(request_.algorithm)) {
      return invalid("algorithm", "the key \"" + key_.name.text() + "\" does not sign with " +
                                      std::string(row(request_.algorithm).name));
    }
    const auto hash = row(request_.algorithm).digest;
    if (request_.is_digest) {
      if (!hash) return invalid("digest", "Ed25519 signs data, not a digest");
      if (request_.data.size() != row(*hash).size) {
        return invalid("digest", "a " + std::string(row(*hash).name) + " digest has " +
                                     std::to_string(row(*hash).size) + " bytes");
      }
      intent.set("input", "digest");
      return SigningInput{&key_, request_.algorithm, request_.data};
    }
    if (!hash && request_.data.size() > limits::ed25519_message_bytes) {
      return fail(ErrorCode::too_large,
                  "Ed25519 signs at most " + std::to_string(limits::ed25519_message_bytes) +
                      " bytes; sign a hash of the data instead",
                  "data");
    }
    intent.set("input", "data");
    return SigningInput{&key_, request_.algorithm, input_of(request_.algorithm, request_.data)};
  }

  [[nodiscard]] Effects finish(Bytes signature) override {
    Effects effects;
    effects.entry.set("signature_sha256", to_hex(sha256(signature)));
    effects.outcome.signature = std::move(signature);
    return effects;
  }

 private:
  const SignData& request_;  // the caller's, which outlives the task
  const Key& key_;
};

}  // namespace

std::unique_ptr<SigningTask> make_data_task(const SignData& request, const Key& key) {
  return std::make_unique<DataTask>(request, key);
}

}  // namespace chancery
