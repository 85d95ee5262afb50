#include "core/signing_task.h"

namespace chancery {
namespace {

std::string_view name_of(OcspStatus::Kind kind) {
  switch (kind) {
    case OcspStatus::Kind::good:
      return "good";
    case OcspStatus::Kind::revoked:
      return "revoked";
    case OcspStatus::Kind::unknown:
      return "unknown";
  }
  return {};
}

class OcspTask : public SigningTask {
 public:
  explicit OcspTask(const SignOcsp& request) : request_(request) {}

  [[nodiscard]] PolicyQuestion question() const override {
    PolicyQuestion question{.operation = Operation::ocsp_sign};
    question.issuer = request_.issuer.text();
    return question;
  }

  Result<SigningInput> build(AuditEntry& intent, std::vector<StoreChange>&) override {
    const OcspDraft& draft = request_.draft;
    std::vector<std::string> said;
    for (std::size_t i = 0; i < draft.answers.size(); ++i) {
      said.push_back(to_hex(request_.serials[i]) + " " +
                     std::string(name_of(draft.answers[i].status.kind)));
    }
    intent.set("ocsp", said);
    intent.set("this_update", to_rfc3339_seconds(draft.this_update));
    intent.set("next_update", to_rfc3339_seconds(draft.next_update));
    response_data_ = encode_ocsp_response_data(draft);
    return SigningInput{request_.key, algorithm(), input_of(algorithm(), response_data_)};
  }

  [[nodiscard]] Effects finish(Bytes signature) override {
    Effects effects;
    effects.outcome.certificate =
        assemble_ocsp_response(response_data_, algorithm(), signature, request_.certificate);
    effects.outcome.issuer = request_.issuer;
    effects.outcome.not_after = request_.draft.next_update;
    effects.entry.set("response_sha256", to_hex(sha256(effects.outcome.certificate)));
    return effects;
  }

 private:
  [[nodiscard]] SignatureAlgorithm algorithm() const { return request_.key->algorithms.front(); }

  const SignOcsp& request_;
  Bytes response_data_;
};

}  // namespace

std::unique_ptr<SigningTask> make_ocsp_task(const SignOcsp& request) {
  return std::make_unique<OcspTask>(request);
}

}  // namespace chancery
