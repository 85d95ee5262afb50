#include "core/message.h"
#include "core/signing_task.h"

namespace chancery {
namespace {

class DataTask : public SigningTask {
 public:
  DataTask(const SignData& request, const Key& key, std::optional<MessageContent> content)
      : request_(request), key_(key), content_(std::move(content)) {}

  [[nodiscard]] PolicyQuestion question() const override {
    PolicyQuestion question = question_about(request_, key_);
    question.message = content_;
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
  std::optional<MessageContent> content_;
};

/// A digest may be that of anything.
Result<void> check_digest_allowed(const Key& key) {
  const bool open = key.message_class == MessageClass::digest ||
                    (key.message_class == MessageClass::data && key.context.empty());
  if (open) return {};
  const std::string bound = key.message_class == MessageClass::data
                                ? "data that begins with \"" + key.context + "\""
                                : "messages of class " + std::string(name_of(key.message_class));
  return fail(ErrorCode::conflict,
              "the key \"" + key.name.text() + "\" signs " + bound +
                  " only, which cannot be seen in a digest; send \"data\"",
              "digest");
}

}  // namespace

PolicyQuestion question_about(const SignData& request, const Key& key) {
  PolicyQuestion question{.operation =
                              request.is_digest ? Operation::key_sign_digest : Operation::key_sign};
  question.key = key.name.text();
  question.key_type = key.public_key.type();
  question.algorithm = request.algorithm;
  return question;
}

Result<std::optional<MessageContent>> read_content(const SignData& request, const Key& key,
                                                   Time at) {
  if (key.purpose != KeyPurpose::data) return std::nullopt;
  if (request.is_digest) {
    RETURN_IF_ERROR(check_digest_allowed(key));
    return MessageContent{.message_class = MessageClass::digest, .fields = {}};
  }
  const MessageBinding binding{key.message_class, key.context, request.algorithm, key.public_key};
  auto content = read_message(request.data, binding, at);
  if (content) return std::move(*content);
  content.error().message += "; the key \"" + key.name.text() + "\" signs messages of class " +
                             std::string(name_of(key.message_class)) + " only";
  return Failure(std::move(content.error()));
}

std::unique_ptr<SigningTask> make_data_task(const SignData& request, const Key& key,
                                            std::optional<MessageContent> content) {
  return std::make_unique<DataTask>(request, key, std::move(content));
}

}  // namespace chancery
